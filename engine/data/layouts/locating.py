"""Find the recordings that the names in metadata refer to.

Paths in metadata come from the machine that wrote it: absolute, or relative to some parent folder, in another case,
without their endings, or URL-escaped. A name is matched exactly if possible, and loosely only if nothing else in the
source could be meant: two names never become one recording.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from engine.data.endings import AUDIO_FILES, FileKinds, ending
from engine.data.source import MOST_PARTS
from engine.data.texts import plain_path

_ADDRESS = re.compile(r"(?:https?|s3|gs|az|hf)://(?P<path>[^?#]*)(?:[?#].*)?", re.IGNORECASE)
_NUMBER = re.compile(r"0*(?P<number>[1-9]\d*|0)(?:\.0)?")  # a spreadsheet turns 001 into 1, a program into 1.0
_SAMPLED_NAMES = 200  # used to find the folder of a manifest's recordings
_MOST_LOOKS = 5_000  # look-ups of these names, in all folders that may contain them
_FEWEST_SAMPLED = 5


class Index:
    """The files of a source, by the names that metadata may use for them."""

    def __init__(self, paths: Sequence[str], files: FileKinds = AUDIO_FILES) -> None:
        """Index paths, of which `files` are inputs."""
        self.files = files
        self._paths = frozenset(paths)
        self._loose: dict[str, list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_number: dict[str, list[str]] = defaultdict(list)
        for path in sorted(paths, key=files.preference):  # for a name without an ending, audio comes before video
            if files.knows(path):
                self._loose[self.key(path)].append(path)
                self._by_name[self.key(posixpath.basename(path))].append(path)
                if number := self._number(path):
                    self._by_number[number].append(path)

    def exact(self, path: str) -> str | None:
        """The file of a path, which may lack its ending or have it in another case."""
        if path in self._paths:
            return path
        stem = self.files.stem
        found = [
            other for other in self._loose.get(self.key(path), ()) if stem(other) == stem(path) or stem(other) == path
        ]
        same = [other for other in found if ending(other) == ending(path)]
        return next(iter(same or ([] if self.files.knows(path) else found)), None)

    def loose(self, path: str) -> str | None:
        """The only file that matches a path apart from case, kind of ending, escapes, and the form of its number."""
        for candidate in dict.fromkeys((path, unicodedata.normalize("NFC", unquote(path)))):
            if exact := self.exact(candidate):
                return exact
            found = self._loose.get(self.key(candidate), [])
            same = [other for other in found if ending(other) == ending(candidate)]
            if len(same or found) == 1:  # without `same`, converted clips: x.mp3 is now x.wav
                return (same or found)[0]
        numbered = self._by_number.get(self._number(path), [])
        return numbered[0] if len(numbered) == 1 else None

    def named(self, name: str) -> list[str]:
        """The recordings in any folder with this name."""
        last = posixpath.basename(name)
        found = self._by_name.get(self.key(last)) or self._by_name.get(self.key(unquote(last)), [])
        stem = self.files.stem
        return [path for path in found if stem(posixpath.basename(path)) == stem(last)] or found

    def __contains__(self, name: str) -> bool:
        """Whether a recording in any folder has this name."""
        plain = plain_path(name)
        return bool(plain) and (
            self.key(posixpath.basename(plain)) in self._by_name
            or self.key(posixpath.basename(unquote(plain))) in self._by_name
        )

    def key(self, path: str) -> str:
        """A path for loose comparisons: in one case, without the ending of an input."""
        return unicodedata.normalize("NFC", self.files.stem(path).casefold())

    def _number(self, path: str) -> str:
        """A path whose last part is a number, with that number normalised; empty if it is not a number."""
        folder, name = posixpath.split(self.files.stem(path))
        match = _NUMBER.fullmatch(name)
        return posixpath.join(folder, match["number"]) if match else ""


@dataclass(slots=True)
class Located:
    """Maps the names in a metadata file to paths in the source."""

    index: Index
    base: str
    """The folder that names are relative to."""
    prefix: str
    """The leading part that is removed from names."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Names whose recordings are in another folder than the name says, with the path of each."""
    ambiguous: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names that several recordings in other folders have."""
    known: dict[str, str | None] = field(default_factory=dict)
    """Results of earlier look-ups."""
    loosely: dict[str, str] = field(default_factory=dict)
    """Paths that matched a file only loosely, with that file."""

    def find(self, name: str) -> str | None:
        """The path of a recording, or None if there is no such file."""
        if name not in self.known:
            said = self._said(name)
            found = self.index.exact(said)
            if found is None and (found := self.index.loose(said)):
                self.loosely[said] = found
            self.known[name] = found
        return self.known[name] or self.elsewhere.get(name)

    def path(self, name: str) -> str:
        """The path of a name's recording, or the path where it should be."""
        return self.find(name) or self._said(name)

    def _said(self, name: str) -> str:
        rest = _plain(name).removeprefix(self.prefix)
        return posixpath.normpath(posixpath.join(self.base, rest.lstrip("/")))


def locate(names: Sequence[str], metadata: str, index: Index) -> Located:
    """Locate the recordings that a metadata file names.

    A leading part that all names share may be missing in the source; the rest is looked up in the folder of the
    metadata and its parents. A name that is not found there is looked up by its last part alone if it has no folder or
    is absolute, or if no name was found at all. Such a match must be unique among both the recordings and the names.
    """
    every = list(dict.fromkeys(names))
    shared = _shared_folders([_plain(name) for name in every])[:MOST_PARTS]
    folder = posixpath.dirname(metadata)
    places = len(list(_above(folder))) * (len(shared) + 1)
    sampled = max(_FEWEST_SAMPLED, min(_SAMPLED_NAMES, _MOST_LOOKS // places))
    sample = every[:: max(1, len(every) // sampled)]
    best, best_hits = Located(index, folder, ""), 0
    for base in _above(folder):
        for kept in range(len(shared) + 1):
            found = Located(index, base, "".join(f"{part}/" for part in shared[:kept]))
            hits = sum(found.find(name) is not None for name in sample)
            if hits > best_hits:
                best, best_hits = found, hits
        if best_hits == len(sample):
            break
    _look_elsewhere(best, every, best_hits == 0)
    return best


def _look_elsewhere(located: Located, names: Sequence[str], is_lost: bool) -> None:
    taken = {path for name in names if (path := located.find(name))}
    lost: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if located.find(name):
            continue
        plain = _plain(name)
        if is_lost or "/" not in plain or plain.startswith("/"):
            lost[located.index.key(posixpath.basename(plain))].append(name)
    elsewhere: dict[str, str] = {}
    ambiguous: dict[str, Sequence[str]] = {}
    for same in lost.values():
        free = [path for path in located.index.named(_plain(same[0])) if path not in taken]
        if len(same) == 1 and len(free) == 1:
            elsewhere[same[0]] = free[0]
        elif free:
            ambiguous |= dict.fromkeys(same, free)
    located.elsewhere, located.ambiguous = elsewhere, ambiguous


def _plain(name: str) -> str:
    """A name with `/` as separator; an absolute path keeps its root, and a drive or a URL counts as a root."""
    if address := _ADDRESS.fullmatch(name.strip()):
        return f"/{plain_path(unquote(address['path']))}"
    path = name.strip().replace("\\", "/").removeprefix("file://")
    drive = re.match(r"[A-Za-z]:/?", path)
    if drive:
        return f"/{drive[0][0]}/{plain_path(path[drive.end() :])}"
    return ("/" if path.startswith("/") else "") + plain_path(path)


def _shared_folders(paths: Sequence[str]) -> list[str]:
    """The folders that all paths share, the outermost first; for absolute paths, the first is empty."""
    shared: list[str] | None = None
    for path in paths:
        parts = path.split("/")[:-1]
        if shared is None:
            shared = parts
            continue
        same = next((at for at, (a, b) in enumerate(zip(shared, parts, strict=False)) if a != b), None)
        shared = shared[: len(parts) if same is None else same]
    return [] if shared is None or ".." in shared else shared


def _above(folder: str) -> Iterator[str]:
    """A folder and its parents, up to the top, which is empty."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""
