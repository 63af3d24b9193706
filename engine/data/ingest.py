"""The stage upload -> dataset version: an archive or a folder of recordings becomes a manifest and audio shards.

Items are read one at a time: memory grows with the number of names and texts, not with the audio. Each item that
cannot be used is set aside and named in the report; a good item is never lost.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.audio.reading import AudioInfo, Source, Wave, probe, read_audio, read_blocks
from engine.data.layout import Item, Layout
from engine.data.layouts.registry import read_layout
from engine.data.limits import DEFAULT_LIMITS, IngestLimits
from engine.data.manifest import Utterance, manifest_line
from engine.data.opening import open_source
from engine.data.recordings import Recordings, fault_of, part
from engine.data.report import IngestReport, TextStatistics, named
from engine.data.shards import RATE_HZ, ShardWriter, to_int16
from engine.data.source import DataSource
from engine.errors import AudioError, IngestError, ItemError

MANIFEST_NAME = "manifest.jsonl"
REPORT_NAME = "report.json"

OnProgress = Callable[[int, int], None]
"""Called after each item with how many are done, and how many there are."""

_LEVEL_FRAME_S = 0.02
_MAX_SCANNED_SAMPLES = 1 << 28  # a file of a few kilobytes can say it holds years: over this nobody looks for silence


def ingest(
    source: Path, target: Path, limits: IngestLimits = DEFAULT_LIMITS, on_progress: OnProgress | None = None
) -> IngestReport:
    """Turn an archive or a folder of recordings into a dataset version.

    Args:
        source: a zip, a tar (plain, gzip, bzip2, xz), a Parquet file or a folder of any of them, in one of the
            structures of `engine.data.layouts.registry`, which is found by looking.
        target: folder for `audio/*.wav`, `report.json` and, last and at once, `manifest.jsonl`.
        limits: how much the source may ask of the machine, and which recordings are usable.
        on_progress: told after each item.

    Returns:
        What is in the dataset, and every item that was set aside. The same is in `report.json`.

    Raises:
        IngestError: no such source, a damaged or hostile archive, metadata without the needed columns, a target that
            already holds a dataset, or nothing good (then `report.json` is written, and no manifest).
    """
    source, target = Path(source), Path(target)
    try:
        _prepare(target)
        with open_source(source, limits, work=target) as opened:
            return _Ingestion(opened, target, limits).run(on_progress)
    except OSError as error:
        raise IngestError(f"cannot read {source.name} or write the dataset: {error.strerror or error}") from error


def _prepare(target: Path) -> None:
    if (target / MANIFEST_NAME).exists():
        raise IngestError(f"{target} already holds a dataset version, which never changes; give another folder")
    target.mkdir(parents=True, exist_ok=True)
    for left_behind in [*target.glob("audio/[0-9]*.wav"), target / REPORT_NAME]:
        left_behind.unlink(missing_ok=True)


class _Ingestion:
    """One ingestion, under way."""

    def __init__(self, source: DataSource, target: Path, limits: IngestLimits) -> None:
        self.source = source
        self.target = target
        self.limits = limits
        self.shards = ShardWriter(target, limits.shard_s)
        self.statistics = _Statistics()
        self.recordings = Recordings(source, limits, work=target)

    def run(self, on_progress: OnProgress | None) -> IngestReport:
        layout = read_layout(self.source, self.limits)
        partial = self.target / f".{MANIFEST_NAME}.partial"
        try:
            with partial.open("w", encoding="utf-8", newline="\n") as manifest, self.recordings:
                for done, item in enumerate(layout.items, start=1):
                    try:
                        manifest.write(manifest_line(self._take(item)))
                    except ItemError as fault:
                        layout.set_item_aside(item.shown, fault.code, fault.reason)
                    if on_progress:
                        on_progress(done, len(layout.items))
                manifest.flush()
                os.fsync(manifest.fileno())
            self.shards.close()
            report = self.statistics.report(layout)
            report_partial = self.target / f".{REPORT_NAME}.partial"
            report_partial.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
            report_partial.replace(self.target / REPORT_NAME)
            if not report.items_good:
                raise IngestError(_nothing_good(report))
            partial.replace(self.target / MANIFEST_NAME)
        except BaseException:
            self.shards.discard()
            raise
        finally:
            partial.unlink(missing_ok=True)
        return report

    def _take(self, item: Item) -> Utterance:
        """Check one recording and pack it.

        Raises:
            ItemError: it cannot be used.
        """
        with self.recordings.open(item) as file:
            info, wave_T = _checked_wave(file, item, self.limits)
        if self.statistics.audio_s > self.limits.max_audio_s:
            raise IngestError(
                f"the dataset has more than {self.limits.max_audio_s / 3600:g} hours of audio, the most allowed: split it"
            )
        samples_T, scaled = to_int16(wave_T)
        shard, start_s = self.shards.add(samples_T)
        utterance = Utterance(
            id=item.id,
            audio=shard,
            start_s=start_s,
            duration_s=len(samples_T) / RATE_HZ,
            text=item.text,
            speaker=item.speaker,
            split=item.split,
        )
        digest = hashlib.blake2b(samples_T.data, digest_size=8).digest()
        self.statistics.add(utterance, info, item.entry.path, digest, scaled)
        return utterance


def _checked_wave(file: Source, item: Item, limits: IngestLimits) -> tuple[AudioInfo, Wave]:
    """What a file says about itself, and wave_T of the item in it at 16 kHz."""
    try:
        info = probe(file)
        start_s, duration_s = part(item, info)
        if duration_s > limits.max_item_s:
            can_scan = not item.is_part and info.frames * info.channels <= _MAX_SCANNED_SAMPLES
            if can_scan and all(
                _level_dbfs(block_T, info.rate_hz) <= limits.silence_dbfs for block_T in read_blocks(file)
            ):
                raise _silent(duration_s, limits)
            raise ItemError("too_long", f"it lasts {duration_s:.1f} s; allowed: at most {limits.max_item_s:g} s")
        if duration_s < limits.min_item_s:
            raise ItemError("too_short", f"it lasts {duration_s:.3f} s; allowed: at least {limits.min_item_s:g} s")
        is_whole = start_s == 0 and duration_s == info.duration_s
        wave_T = read_audio(file, RATE_HZ) if is_whole else read_audio(file, RATE_HZ, start_s, duration_s)
    except AudioError as error:
        raise fault_of(error, item.entry.path) from error
    if _level_dbfs(wave_T, RATE_HZ) <= limits.silence_dbfs:
        raise _silent(duration_s, limits)
    return info, wave_T


def _silent(duration_s: float, limits: IngestLimits) -> ItemError:
    return ItemError(
        "silent", f"nothing in its {duration_s:.2f} s is louder than {limits.silence_dbfs:g} dB below full scale"
    )


def _level_dbfs(wave_T: Wave, rate_hz: int) -> float:
    """Level of the loudest 20 ms, in dB relative to full scale (RMS 1.0), without any constant offset."""
    frame = round(_LEVEL_FRAME_S * rate_hz)
    power_T = np.square(wave_T - wave_T.mean(dtype=np.float64))
    sums = np.add.reduceat(power_T, np.arange(0, len(power_T), frame))
    return float(10 * np.log10(sums.max() / frame + 1e-20))


class _Statistics:
    """What the good items are made of."""

    def __init__(self) -> None:
        self.items = 0
        self.audio_s = 0.0
        self.shortest_s: float | None = None
        self.longest_s: float | None = None
        self.speakers: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.rates_hz: Counter[int] = Counter()
        self.formats: Counter[str] = Counter()
        self.text_digests: set[int] = set()
        self.words = self.characters = self.longest_characters = 0
        self.alphabet: set[str] = set()
        self.audio_digests: set[bytes] = set()
        self.same_audio: list[str] = []
        self.scaled: list[str] = []

    def add(self, utterance: Utterance, info: AudioInfo, path: str, digest: bytes, scaled: bool) -> None:
        self.items += 1
        self.audio_s += utterance.duration_s
        self.shortest_s = min(self.shortest_s or utterance.duration_s, utterance.duration_s)
        self.longest_s = max(self.longest_s or 0.0, utterance.duration_s)
        if utterance.speaker is not None:
            self.speakers[utterance.speaker] += 1
        if utterance.split is not None:
            self.splits[utterance.split] += 1
        self.rates_hz[info.rate_hz] += 1
        self.formats[info.format] += 1
        self.text_digests.add(hash(utterance.text))
        self.words += len(utterance.text.split())
        self.characters += len(utterance.text)
        self.longest_characters = max(self.longest_characters, len(utterance.text))
        self.alphabet.update(utterance.text)
        if digest in self.audio_digests:
            self.same_audio.append(path)
        self.audio_digests.add(digest)
        if scaled:
            self.scaled.append(path)

    def report(self, layout: Layout) -> IngestReport:
        warnings = list(layout.warnings)
        if self.same_audio:
            warnings.append(
                f"{len(self.same_audio)} recordings have the same samples as an earlier one, and may end up both in "
                f"training and in test: {named(self.same_audio)}"
            )
        if self.scaled:
            warnings.append(
                f"{len(self.scaled)} recordings go beyond full scale and were made quieter: {named(self.scaled)}"
            )
        set_aside = sorted(layout.set_aside, key=lambda item: (item.path, item.code, item.reason))
        by_code = Counter(item.code for item in set_aside)
        return IngestReport(
            layout=layout.kinds[0],
            layouts=layout.kinds,
            metadata_files=layout.metadata_files,
            items_found=self.items + len(set_aside),
            items_good=self.items,
            set_aside_by_code={code: by_code[code] for code in sorted(by_code)},
            set_aside=set_aside,
            audio_s=round(self.audio_s, 4),
            shortest_s=self.shortest_s,
            longest_s=self.longest_s,
            speakers=dict(sorted(self.speakers.items())),
            without_speaker=self.items - self.speakers.total(),
            splits=dict(sorted(self.splits.items())),
            rates_hz=dict(sorted(self.rates_hz.items())),
            formats=dict(sorted(self.formats.items())),
            text=TextStatistics(
                distinct=len(self.text_digests),
                words=self.words,
                characters=self.characters,
                longest_characters=self.longest_characters,
                alphabet="".join(sorted(self.alphabet)),
            ),
            warnings=warnings,
        )


def _nothing_good(report: IngestReport) -> str:
    if not report.set_aside:
        return (
            "found no recording; a dataset is a zip or a folder, a tar or a Parquet file, with audio files and a "
            "metadata.csv (columns file_name, transcription) or a NeMo, Common Voice, LibriSpeech, LJ Speech or Kaldi "
            "structure, or with file names such as 7_jackson_32.wav (text_speaker_take)"
        )
    first = [f"{item.path} ({item.code}: {item.reason})" for item in report.set_aside]
    return f"none of {report.items_found} items can be used: {named(first, most=5)}"
