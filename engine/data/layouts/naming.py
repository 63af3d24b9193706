"""Find the recordings that a list names, and derive speakers and splits from paths."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence

from engine.data.endings import AUDIO_FILES, FileKinds
from engine.data.example import Split
from engine.data.layouts.contents import Contents
from engine.data.split_names import split_of_name
from engine.data.texts import plain_path
from engine.errors import ItemError

_SAMPLED_NAMES = 200  # used to find the folder of a list's recordings
_OPENSLR = re.compile(r"[a-z]{2,4}_(?P<speaker>\d{3,6})_\d{8,}", re.IGNORECASE)
_TIMIT = re.compile(r"(?:^|/)DR\d/(?P<speaker>[FM][A-Z]{2}[A-Z0-9])/[^/]+$", re.IGNORECASE)
_SPEAKER = re.compile(r"[a-z]?\d{1,6}", re.IGNORECASE)  # of VCTK, LibriTTS, MLS: p225, 84


def bare(name: str, files: FileKinds = AUDIO_FILES) -> str:
    """A file's name for comparisons: in one case, without folders and without the ending of an input."""
    return unicodedata.normalize("NFC", files.stem(posixpath.basename(plain_path(name)))).casefold()


def recordings(contents: Contents) -> list[str]:
    """Every file with the ending of an input, even if it cannot be opened, ordered by path."""
    return sorted(path for path in {*contents.by_path, *contents.faulty} if contents.medium.files.reads(path))


class Names:
    """The recordings of a source, by the names that lists use for them."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._files = contents.medium.files
        self._by_name: dict[str, list[str]] = {}
        for path in recordings(contents):
            self._by_name.setdefault(bare(path, self._files), []).append(path)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: str) -> bool:
        """Whether any recording has this name."""
        return bare(name, self._files) in self._by_name

    def find(self, names: Sequence[str], metadata: str) -> Iterator[str | ItemError]:
        """The path of the recording that each name refers to, or the fault if there is none.

        A path is located as in any manifest. A plain name, with or without an ending, refers to the only recording with
        this name below one folder for the whole list: the list's own, or the parent folder with the most of its names.
        """
        located = self._contents.locate(names, metadata)
        plain = [bare(name, self._files) for name in names[:: max(1, len(names) // _SAMPLED_NAMES)]]
        base = self._base(plain, posixpath.dirname(metadata))
        for name in names:
            path = located.path(name)
            found = self._contents.recording(path) or self._contents.recording(path.rpartition(".")[0])
            if found is None and "/" not in plain_path(name):
                below = self._below(base, bare(name, self._files))
                if len(below) > 1:
                    yield ItemError(
                        "missing_audio", f"{len(below)} recordings are called {name!r}: {', '.join(below[:3])}"
                    )
                    continue
                found = next(iter(below), None)
            yield found or ItemError("missing_audio", f"it names {name!r}, and there is no such file")

    def _below(self, base: str, name: str) -> list[str]:
        return [path for path in self._by_name.get(name, ()) if not base or path.startswith(f"{base}/")]

    def _base(self, plain: Sequence[str], folder: str) -> str:
        """The folder, or the innermost of its parents, below which most of the names are found."""
        best, best_hits = folder, -1
        while True:
            hits = sum(bool(self._below(folder, name)) for name in plain)
            if hits > best_hits:
                best, best_hits = folder, hits
            if not folder:
                return best
            folder = posixpath.dirname(folder)


def is_openslr(path: str) -> bool:
    """Whether a recording is named as in OpenSLR, such as `guf_02497_00076437902.wav`."""
    return bool(_OPENSLR.fullmatch(posixpath.basename(path).rpartition(".")[0]))


def speaker_of_path(path: str) -> str | None:
    """The speaker, if the path has the form of a well-known corpus; None otherwise, without guessing.

    `guf_02497_00076437902` (OpenSLR), `p225/p225_001` (VCTK), `84/121123/84_121123_000007_000001` (LibriTTS, MLS, ...),
    `DR1/FCJF0/SA1` (TIMIT).
    """
    name = posixpath.basename(path).split(".")[0]
    if match := _OPENSLR.fullmatch(name) or _TIMIT.search(path):
        return match["speaker"]
    first = re.split("[-_]", name)[0]
    if first != name and first in path.split("/")[:-1] and _SPEAKER.fullmatch(first):
        return first
    return None


def split_of_path(path: str) -> Split | None:
    """The split in the name of a folder, the innermost first."""
    return next(
        (split for part in reversed(posixpath.dirname(path).split("/")) if (split := split_of_name(part))), None
    )
