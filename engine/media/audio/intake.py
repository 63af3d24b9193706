"""Take recordings into a dataset version: shards of WAV, without copies of one recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

from engine.data.example import AudioInput
from engine.data.layout import Item
from engine.data.recordings import Recordings
from engine.data.report import named
from engine.data.shards import RATE_HZ, Samples, ShardWriter
from engine.data.validation.dataset_texts import DatasetTexts
from engine.data.validation.duplicates import Duplicates, Places
from engine.data.validation.examine import Recording, examine
from engine.errors import IngestError
from engine.media.audio.measures import RecordingMeasures
from engine.media.contract import Copy, Examined, IntakeSetting


class AudioIntake:
    """Takes the recordings of one ingestion."""

    def __init__(self, setting: IntakeSetting) -> None:
        self._setting = setting
        self.measures = RecordingMeasures(setting.validation, setting.target, setting.limits.max_item_s)
        self._recordings = Recordings(setting.source, setting.limits, work=setting.folder)
        self._shards = ShardWriter(setting.folder, setting.limits.shard_s)
        self._places = Places()
        self._duplicates = Duplicates(setting.validation, self._read_item)
        self._read_s = 0.0
        self._lengths = _Lengths()
        self._rates_hz: Counter[int] = Counter()
        self._formats: Counter[str] = Counter()
        self._scaled: list[str] = []

    def __enter__(self) -> Self:
        self._recordings.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._recordings.__exit__(*error)

    @contextmanager
    def open(
        self, item: Item, accepted: Collection[str], texts: DatasetTexts
    ) -> Iterator[Callable[[], Examined[Recording]]]:
        """Open the file of a recording; gives a function that reads and examines it."""
        setting = self._setting
        with self._recordings.open(item) as file:
            yield partial(examine, file, item, setting.limits, setting.validation, texts, accepted, setting.target)

    def count(self, content: Recording) -> None:
        """Count the seconds that were read: rows can name one stretch of a small file many times."""
        self._read_s += len(content.samples_T) / RATE_HZ
        if self._read_s > self._setting.limits.max_audio_s:
            raise IngestError(
                f"the dataset has more than {self._setting.limits.max_audio_s / 3600:g} hours of audio, the most allowed: "
                "split it"
            )

    def copy_of(self, content: Recording) -> Copy | None:
        """The earlier recording with the same samples, or the same sound in another form."""
        found = self._duplicates.find(content.samples_T, content.keys)
        if found is None:
            return None
        if found.kind == "exact":
            return Copy(found.item, "duplicate_audio", "it has the same samples as {earlier}", is_exact=True)
        allowed = self._setting.validation.same_coherence
        reason = (
            f"it is the recording {{earlier}} in another form (their samples correlate by {found.coherence:.2f}; allowed: "
            f"up to {allowed:g})"
        )
        return Copy(found.item, "near_duplicate", reason, is_exact=False)

    def add(self, item: Item, content: Recording) -> AudioInput:
        """Pack a recording into the shards."""
        shard, start_s = self._shards.add(content.samples_T)
        frames = len(content.samples_T)
        place = self._places.add(len(self._shards.names) - 1, round(start_s * RATE_HZ), frames)
        self._duplicates.add(place, content.samples_T, content.keys)
        self._lengths.add(frames / RATE_HZ)
        self._rates_hz[content.info.rate_hz] += 1
        self._formats[content.info.format] += 1
        if content.scaled:
            self._scaled.append(item.entry.path)
        return AudioInput(shard, start_s, frames / RATE_HZ)

    def close(self) -> None:
        """Complete the last shard."""
        self._shards.close()

    def discard(self) -> None:
        """Remove every shard."""
        self._shards.discard()

    def facts(self) -> dict[str, Any]:
        """Lengths, sample rates and formats."""
        return {
            "audio_s": round(self._lengths.total_s, 4),
            "shortest_s": self._lengths.shortest_s,
            "longest_s": self._lengths.longest_s,
            "rates_hz": dict(sorted(self._rates_hz.items())),
            "formats": dict(sorted(self._formats.items())),
        }

    def warnings(self) -> list[str]:
        """Recordings that were made quieter."""
        if not self._scaled:
            return []
        return [f"{len(self._scaled)} recordings go beyond full scale and were made quieter: {named(self._scaled)}"]

    def _read_item(self, place: int) -> Samples:
        return self._shards.read(*self._places[place])


class _Lengths:
    """Lengths of the good recordings, in seconds."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self.shortest_s: float | None = None
        self.longest_s: float | None = None

    def add(self, length_s: float) -> None:
        self.total_s += length_s
        self.shortest_s = min(self.shortest_s or length_s, length_s)
        self.longest_s = max(self.longest_s or 0.0, length_s)
