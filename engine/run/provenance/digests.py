"""Digests of the files that a stage reads: models, adapters, dataset versions and selections."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from engine.data.manifest import read_examples
from engine.data.version_files import MANIFEST_NAME
from engine.models.reference import ModelReference

_AT_ONCE: Final = 4  # files read in parallel
_DESCRIPTIONS: Final = (".json", ".txt", ".model")
_WEIGHTS: Final = (".safetensors", ".bin")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each file's content; `missing` for a file that does not exist."""
    names = list(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(lambda name: _digest(folder / name), names), strict=True))


def dataset_files(folder: Path) -> dict[str, str]:
    """Digests of a dataset version's manifest and of the files that it names.

    Raises:
        ManifestError: the manifest cannot be read.
    """
    files = {name for example in read_examples(folder / MANIFEST_NAME) for name in example.input.files()}
    return file_digests(folder, [MANIFEST_NAME, *sorted(files)])


def model_files(model: ModelReference, *, weights: bool = True) -> dict[str, str]:
    """Digests of a model's files; for a hub id, its revision.

    Args:
        model: reference to the model.
        weights: include the weights, not only the files that describe them.
    """
    location = model.location()
    if Path(location).is_dir():
        return folder_files(Path(location), weights=weights)
    return {"revision": model.revision or _hub_revision(location) or "unknown"}


def folder_files(folder: Path, *, weights: bool = True) -> dict[str, str]:
    """Digests of the files of a model or an adapter in a folder."""
    endings = _DESCRIPTIONS + (_WEIGHTS if weights else ())
    return file_digests(folder, sorted(p.name for p in folder.iterdir() if p.is_file() and p.suffix in endings))


def _digest(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError:
        return "missing"  # loading reports it


def _hub_revision(repository: str) -> str | None:
    """The commit that loading a hub id would use; None without network and without a local copy."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(repository, "config.json")).parent.name
    except (HfHubHTTPError, HFValidationError, OSError):
        return None  # loading reports the fault
