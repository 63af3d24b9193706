"""The registry of media. Does not import torch, and imports a medium when it is used."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from engine.media.contract import Medium

MEDIA: Final[Mapping[str, str]] = {
    "audio": "engine.media.audio.medium:AUDIO",
    "text": "engine.media.text.medium:TEXT",
    "image": "engine.media.image.medium:IMAGE",
}
"""Module and name of each medium's `engine.media.contract.Medium`."""


def medium_named(name: str) -> Medium[Any]:
    """A medium of the registry.

    Raises:
        KeyError: there is no such medium.
    """
    return _imported(MEDIA[name])


@functools.cache
def _imported(path: str) -> Medium[Any]:
    module, _, name = path.partition(":")
    medium: Medium[Any] = getattr(importlib.import_module(module), name)
    return medium
