"""Lineage of adapter versions, and differences between two lineages."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.database.models import Artifact, DatasetVersion, Job


class BaseOut(BaseModel):
    """The base model."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """Id in the catalogue."""
    source: str | None
    """Its source when the job was created."""
    family: str | None = None
    """Its family; unset for versions from before this was recorded."""
    revision: str | None = None
    """Commit of a hub model, if it was pinned."""


class DataOut(BaseModel):
    """The data."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    dataset_id: uuid.UUID
    version: int
    utterances: int
    audio_s: float
    selection_id: uuid.UUID | None
    """The selection job that chose the training data; unset: all of it was used."""


class FileOut(BaseModel):
    """A file of the adapter."""

    name: str
    size: int
    sha256: str


class LineageOut(BaseModel):
    """Base, data, config, code and result."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    base: BaseOut
    data: DataOut
    config: dict[str, Any]
    """The training config, defaults included."""
    config_sha256: str
    """Hash of the config as JSON with sorted keys; equal configs have equal hashes."""
    code_version: str | None
    """Version of the software and a digest of its sources; unset for runs before this was recorded."""
    result: dict[str, Any]
    """Figures of the run."""
    files: list[FileOut]


class DifferenceOut(BaseModel):
    """A field in which two versions differ."""

    path: str
    a: Any
    b: Any


def lineage_of(job: Job, data: DatasetVersion, files: Sequence[Artifact]) -> LineageOut:
    """Lineage of a training job that has succeeded."""
    result = dict(job.result or {})
    config = job.spec["config"]
    canonical = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return LineageOut(
        base=BaseOut.model_validate(job.model),
        data=DataOut(
            dataset_id=job.dataset_id,
            version=job.dataset_version,
            utterances=data.utterances,
            audio_s=data.audio_s,
            selection_id=job.needs_id,
        ),
        config=config,
        config_sha256=hashlib.sha256(canonical.encode()).hexdigest(),
        code_version=result.get("code_version"),
        result=result,
        files=[FileOut(name=file.name, size=file.size, sha256=file.sha256) for file in files],
    )


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[DifferenceOut]:
    """Every field in which two lineages differ, by path; a missing field is None."""
    flat_a, flat_b = dict(_flat(a, "")), dict(_flat(b, ""))
    paths = sorted(flat_a.keys() | flat_b.keys())
    return [
        DifferenceOut(path=path, a=flat_a.get(path), b=flat_b.get(path))
        for path in paths
        if flat_a.get(path) != flat_b.get(path)
    ]


def _flat(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        below = f"{path}.{name}".lstrip(".")
        if isinstance(value, Mapping) and value:
            yield from _flat(value, below)
        else:
            yield below, value
