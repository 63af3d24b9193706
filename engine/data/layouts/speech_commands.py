"""Speech Commands: `LABEL/HASH_nohash_TAKE.wav`; the hash is the speaker.

`testing_list.txt` and `validation_list.txt` name the recordings of those splits; with them, all others are for training.
`_background_noise_` holds no commands.

Source: Warden, Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, 2018, section 6.
"""

from __future__ import annotations

import posixpath
import re

from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.naming import recordings
from engine.data.layouts.split_lists import SplitLists
from engine.data.rows import row_of
from engine.errors import ItemError

_NAME = re.compile(r"(?P<speaker>[^_/]+)_nohash_\d+\.[^.]+", re.IGNORECASE)
_NOISE = "_background_noise_"


def find(contents: Contents) -> list[str]:
    """Recordings in a folder whose names have this form."""
    return [
        path
        for path in recordings(contents)
        if path not in contents.named and "/" in path and _NAME.fullmatch(posixpath.basename(path))
    ]


def read(found: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each recording; its text is the name of its folder."""
    lists = SplitLists(contents)
    lists.claim(builder)
    builder.text_source = "names of the folders"
    for path in found:
        match = _NAME.fullmatch(posixpath.basename(path))
        assert match  # `find` gave it
        label = posixpath.basename(posixpath.dirname(path))
        label = label.replace("_", " ") if contents.target.is_speech else label
        builder.take(row_of(0, path, label, match["speaker"], ""), path, path, lists.split(path))
    for path in recordings(contents):
        if posixpath.basename(posixpath.dirname(path)) == _NOISE and path not in contents.named:
            contents.named.add(path)
            builder.set_aside(path, ItemError(contents.target.missing, "it is background noise, without a command"))
