"""Tell which files of a source may hold texts, and read their beginnings."""

from __future__ import annotations

from engine.data.endings import AUDIO_ENDINGS, OTHER_AUDIO_ENDINGS, PACKED_ENDINGS, TABLE_ENDINGS, ending
from engine.data.layouts.contents import Contents
from engine.data.text_encoding import decode_head
from engine.errors import ItemError

_SAMPLE_BYTES = 1 << 16
_SAMPLE_LINES = 200
_CUT_CHARACTERS = _SAMPLE_BYTES // 4  # a full sample has at least this many, in any encoding
_NO_TEXTS = frozenset(
    [
        "arrow",
        "bin",
        "db",
        "dll",
        "exe",
        "feather",
        "gif",
        "h5",
        "hdf5",
        "jpeg",
        "jpg",
        "log",
        "md5",
        "npy",
        "npz",
        "onnx",
        "pdf",
        "pkl",
        "png",
        "pt",
        "pth",
        "pyc",
        "safetensors",
        "sha1",
        "sha256",
        "so",
        "svg",
        "sqlite",
        "webp",
    ]
)


def may_hold_texts(path: str) -> bool:
    """Whether a file may hold texts, judged by its name."""
    kind = ending(path)
    others = kind in AUDIO_ENDINGS or kind in OTHER_AUDIO_ENDINGS or kind in PACKED_ENDINGS or kind in _NO_TEXTS
    return not others and not path.lower().endswith(TABLE_ENDINGS)


def beginning(path: str, contents: Contents) -> str:
    """The beginning of a text file, cut anywhere; empty if it is not text, or is larger than metadata may be."""
    if not may_hold_texts(path):
        return ""
    try:
        with contents.source.open(contents.by_path[path], contents.limits.max_metadata_bytes) as file:
            data = file.read(_SAMPLE_BYTES)
            text = decode_head(data, is_whole=len(data) < _SAMPLE_BYTES)
    except ItemError:
        return ""
    return "" if "\0" in text else text


def sample(path: str, contents: Contents) -> list[str]:
    """The first non-blank lines of a text file, without a last one that may be cut."""
    text = beginning(path, contents)
    if len(text) > _CUT_CHARACTERS and "\n" in text:
        text = text[: text.rfind("\n")]
    return [line for line in text.splitlines() if line.strip()][:_SAMPLE_LINES]
