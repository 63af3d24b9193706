"""The recordings of a source as the audio reader takes them; many parts of one file cost one opening and one decoding.

A file stays open while its parts are asked for. Where a decoder cannot enter in the middle (MP3, Vorbis, Opus) the
file is decoded once, to a temporary file, from which the parts are cut.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from engine.audio.reading import AudioInfo, Source, can_cut, decode_once, probe
from engine.data.layout import Item
from engine.data.limits import IngestLimits
from engine.data.source import DataSource, Entry
from engine.errors import AudioError, ItemError

_ROUNDING_S = 0.05  # manifests give times with two or three decimals, and lengths before resampling


class Recordings:
    """Opens the recordings of a source."""

    def __init__(self, source: DataSource, limits: IngestLimits, work: Path) -> None:
        self._source = source
        self._limits = limits
        self._work = work
        self._held: Source | None = None
        self._held_entry: Entry | None = None
        self._fault: ItemError | AudioError | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Recordings:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def open(self, item: Item) -> Iterator[Source]:
        """Open the file of an item.

        Raises:
            ItemError: it has a fault, is too large, or cannot be read.
            AudioError: it is no audio.
            IngestError: it is a bomb.
        """
        if not item.is_part:
            with self._source.open(item.entry, self._limits.max_member_bytes) as file:
                yield file
            return
        if self._held_entry is not item.entry:
            self._stack.close()
            self._held, self._held_entry, self._fault = None, item.entry, None
            try:
                self._hold(item.entry)
            except (ItemError, AudioError) as fault:
                self._fault = fault
        if self._fault:  # of the file: it is that of all its parts, and not looked for again
            raise self._fault
        assert self._held is not None
        yield self._held

    def _hold(self, entry: Entry) -> None:
        with ExitStack() as stack:
            held: Source = stack.enter_context(self._source.open(entry, self._limits.max_member_bytes))
            info = probe(held)
            if info.duration_s > self._limits.max_file_s:
                raise ItemError(
                    "too_long",
                    f"its file lasts {info.duration_s:.0f} s; allowed: at most {self._limits.max_file_s:g} s, of which "
                    "rows take parts",
                )
            if not can_cut(held):
                held = decode_once(held, stack.enter_context(tempfile.TemporaryFile(dir=self._work)))
            self._held = held
            self._stack = stack.pop_all()


def part(item: Item, info: AudioInfo) -> tuple[float, float]:
    """Where an item begins in its file and how long it is, in seconds, held against the file's true length.

    Ends that are off by rounding become the end of the file.

    Raises:
        ItemError: times outside of the file.
    """
    rest_s = info.duration_s - item.start_s
    duration_s = rest_s if item.duration_s is None else item.duration_s
    is_whole = item.start_s == 0 and abs(rest_s - duration_s) <= _ROUNDING_S
    if rest_s <= 0 or duration_s > rest_s + _ROUNDING_S:
        end = "" if item.duration_s is None else f" to {item.start_s + duration_s:g} s"
        raise ItemError(
            "bad_times",
            f"its row goes from {item.start_s:g} s{end}; its file lasts {info.duration_s:.3f} s: allowed: times inside it",
        )
    return item.start_s, rest_s if is_whole else min(duration_s, rest_s)
