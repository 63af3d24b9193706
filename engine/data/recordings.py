"""Open the recordings of a source for the audio reader; many parts of one file cost one opening and one decoding.

A file stays open while its parts are read, and each part has its own position, so several threads may read several parts.
If a decoder cannot seek (MP3, Vorbis, Opus), the file is decoded once to a temporary file, from which the parts are cut.
"""

from __future__ import annotations

import copy
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.audio.reading import AudioInfo, Decoded, Source, can_cut, decode_once, probe
from engine.data.endings import OTHER_AUDIO_ENDINGS, ending
from engine.data.layout import Item
from engine.data.limits import IngestLimits
from engine.data.source import DataSource, Entry
from engine.errors import AudioError, EmptyAudioError, ItemError, TruncatedAudioError, UnsupportedAudioError
from engine.view import view

_ROUNDING_S = 0.05  # manifests give times with two or three decimals, and lengths before resampling
_CODES = {EmptyAudioError: "empty_file", TruncatedAudioError: "truncated", UnsupportedAudioError: "unsupported_format"}


class Recordings:
    """Opens the recordings of a source in order; any thread may read an opened recording."""

    def __init__(self, source: DataSource, limits: IngestLimits, work: Path) -> None:
        self._source = source
        self._limits = limits
        self._work = work
        self._held: _Held | None = None

    def __enter__(self) -> Recordings:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go()

    @contextmanager
    def open(self, item: Item) -> Iterator[Source]:
        """Open the file of an item.

        Raises:
            ItemError: the file has a fault, is too large, or cannot be read.
            IngestError: the file is a bomb.
        """
        if not item.is_part:
            with self._source.open(item.entry, self._limits.max_member_bytes) as file:
                yield file
            return
        held = self._held
        if held is None or held.entry is not item.entry:
            self._let_go()
            held = self._held = _Held(item.entry)
        with held.read(item, self._source, self._limits, self._work) as found:
            yield found

    def _let_go(self) -> None:
        if self._held:
            self._held.let_go()
        self._held = None


class _Held:
    """A file whose parts are read."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._raw: BinaryIO | None = None
        self._decoded: Decoded | None = None
        self._info: AudioInfo | None = None
        self._can_cut = False
        self._fault: ItemError | None = None
        self._readers = 0
        self._is_wanted = True

    @contextmanager
    def read(self, item: Item, source: DataSource, limits: IngestLimits, work: Path) -> Iterator[Source]:
        if self._fault is None:
            try:
                self._prepare(item, source, limits, work)
            except ItemError as fault:
                self._fault = fault
            except AudioError as error:
                self._fault = fault_of(error, self.entry.path)
        if self._fault:  # a fault of the file is that of all its parts, and is not looked for again
            raise copy.copy(self._fault)  # the traceback of an exception grows each time it is raised
        self._readers += 1
        try:
            yield self._view()
        finally:
            self._readers -= 1
            self._close_if_done()

    def let_go(self) -> None:
        """Close the file once its last reader is done."""
        self._is_wanted = False
        self._close_if_done()

    def _prepare(self, item: Item, source: DataSource, limits: IngestLimits, work: Path) -> None:
        if self._raw is None:
            self._raw = self._stack.enter_context(source.open(self.entry, limits.max_member_bytes))
            info = probe(self._view())
            if info.duration_s > limits.max_file_s:
                raise ItemError(
                    "too_long",
                    f"its file lasts {info.duration_s:.0f} s; allowed: at most {limits.max_file_s:g} s, of which "
                    "rows take parts",
                )
            self._can_cut = can_cut(self._view())
            self._info = info
        assert self._info
        if not self._can_cut and not self._decoded and not _is_whole(item, self._info.duration_s):
            with ExitStack() as stack:
                spool = stack.enter_context(tempfile.TemporaryFile(dir=work))
                self._decoded = decode_once(self._view(), spool)
                self._stack.push(stack.pop_all())

    def _view(self) -> Source:
        file = self._decoded.file if self._decoded else self._raw
        assert file is not None

        def read_at(count: int, at: int) -> bytes:
            with self._lock:
                file.seek(at)
                return file.read(count)

        with self._lock:
            size = file.seek(0, os.SEEK_END)
        found = view(read_at, size)
        info = self._decoded.info if self._decoded else self._info
        return Decoded(found, info) if info and (self._decoded or self._can_cut) else found

    def _close_if_done(self) -> None:
        if not self._readers and not self._is_wanted:
            self._stack.close()


def fault_of(error: AudioError, path: str) -> ItemError:
    """The fault of a recording that cannot be read."""
    code = _CODES.get(type(error), "corrupt")
    if code == "corrupt" and ending(path) in OTHER_AUDIO_ENDINGS:
        code = "unsupported_format"
    return ItemError(code, str(error))


def part(item: Item, info: AudioInfo) -> tuple[float, float]:
    """An item's start and length in seconds, checked against the file's true length.

    Ends that exceed the file by rounding become the end of the file.

    Raises:
        ItemError: the times lie outside the file.
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
    """Whether an item is its whole file, up to rounding."""
    return item.start_s == 0 and (item.duration_s is None or abs(file_s - item.duration_s) <= _ROUNDING_S)
