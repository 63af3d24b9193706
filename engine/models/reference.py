"""A reference to a base model: which one it is, where its files are, and how they are loaded. Does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from engine.config.base import Config
from engine.families.registry import FamilyName

SourceAddress = Annotated[str, Field(min_length=1, max_length=4096)]
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""A commit of a repository on the model hub."""
NEWEST: Final = "main"
"""Branch of a hub model whose revision is not pinned."""
BUNDLED: Final = Path(__file__).resolve().parent / "bundled"
_BUNDLED: Final = "bundled:"

_local_copies: dict[str, Path] = {}


class ModelReference(Config):
    """A base model, as it goes from the catalogue through a job to its workers."""

    id: Annotated[str, Field(min_length=1, max_length=4096)]
    """Its id in the catalogue, or what a person called it."""
    source: SourceAddress
    """`bundled:NAME` for weights in this repository, a folder, a hub id, or `s3://bucket/prefix`."""
    family: FamilyName
    """Family that loads it."""
    revision: Revision | None = None
    """Commit of a hub model; unset: the newest."""

    @property
    def name(self) -> str:
        """The name by which it is found without the catalogue: the source, or the name of a bundled model."""
        return self.source.removeprefix(_BUNDLED)

    def location(self) -> str:
        """Folder or hub id that the family loads from."""
        if self.source.startswith(_BUNDLED):
            return str(BUNDLED / self.name)
        return str(_local_copies.get(self.source, self.source))


def use_local_copy(source: str, folder: Path) -> None:
    """Load a source from a local folder, to which the caller has fetched its files."""
    _local_copies[source] = folder


def local_copy(source: str) -> Path | None:
    """The local folder of a source's files, if it was fetched."""
    return _local_copies.get(source)


def is_hub_id(source: str) -> bool:
    """Whether a source is an id on the model hub, `organisation/name`."""
    return source.count("/") == 1 and "://" not in source and not source.startswith((_BUNDLED, "/", "."))
