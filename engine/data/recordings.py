"""The recordings of a source as the audio reader takes them; many parts of one file cost one opening and one decoding.

A file stays open while its parts are asked for. Where a decoder cannot enter in the middle (MP3, Vorbis, Opus) the
file is decoded once, to a temporary file, from which the parts are cut.
"""

from __future__ import annotations

import copy
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
        self._file_s = 0.0
        self._can_cut = False
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
        if self._fault is None:
            try:
                if self._held is None:
                    self._hold(item.entry)
                if not self._can_cut and not _is_whole(item, self._file_s):
                    self._decode()
            except (ItemError, AudioError) as fault:
                self._fault = fault
        if self._fault:  # of the file: it is that of all its parts, and not looked for again
            raise copy.copy(self._fault)  # one that is raised again and again grows
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
            self._held, self._file_s, self._can_cut = held, info.duration_s, can_cut(held)
            self._stack = stack.pop_all()

    def _decode(self) -> None:
        assert self._held is not None
        with ExitStack() as stack:
            spool = stack.enter_context(tempfile.TemporaryFile(dir=self._work))
            self._held, self._can_cut = decode_once(self._held, spool), True
            self._stack.push(stack.pop_all())


def part(item: Item, info: AudioInfo) -> tuple[float, float]:
    """Where an item begins in its file and how long it is, in seconds, held against the file's true length.

    Ends that are off by rounding become the end of the file.

    Raises:
        ItemError: times outside of the file.
    """
    rest_s = info.duration_s - item.start_s
    duration_s = rest_s if item.duration_s is None else item.duration_s
    if rest_s <= 0 or duration_s > rest_s + _ROUNDING_S:
        end = "" if item.duration_s is None else f" to {item.start_s + duration_s:g} s"
        raise ItemError(
            "bad_times",
            f"its row goes from {item.start_s:g} s{end}; its file lasts {info.duration_s:.3f} s: allowed: times inside it",
        )
    return item.start_s, rest_s if _is_whole(item, info.duration_s) else min(duration_s, rest_s)


def _is_whole(item: Item, file_s: float) -> bool:
    """Whether an item is its whole file, but for rounding."""
    return item.start_s == 0 and (item.duration_s is None or abs(file_s - item.duration_s) <= _ROUNDING_S)
