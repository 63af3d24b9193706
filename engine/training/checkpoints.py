"""Checkpoints that survive crashes: every file is hashed, the manifest is written last, at least two are kept."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.errors import CheckpointError, ObjectNotFoundError
from engine.run.provenance.digests import file_sha256
from engine.run.store import RunStore
from engine.training.parallel import Parallel

_LOGGER = logging.getLogger(__name__)
_FORMAT = 2
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that a run needs to resume as if it had never stopped."""

    step: int
    tensors: dict[str, dict[str, torch.Tensor]]
    """Tensors by file: `weights`, `optimizer`, `random` (every worker's generators), and `average`, `best` if used."""
    state: dict[str, Any]
    """JSON: number of workers, sampler position, schedule, early stopping, counters, and the config's fingerprint."""


class Checkpoints:
    """The checkpoints of one run, under `checkpoints/` of its store."""

    def __init__(self, store: RunStore, keep: int) -> None:
        self._store = store
        self._keep = keep

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint: its files, then the manifest that completes it; then delete old ones."""
        prefix = _prefix(checkpoint.step)
        with tempfile.TemporaryDirectory(prefix="lim-checkpoint-") as folder:
            files = {}
            for name, tensors in checkpoint.tensors.items():
                path = Path(folder) / f"{name}.safetensors"
                save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, path)
                files[path.name] = path
            state = Path(folder) / "state.json"
            state.write_text(json.dumps(checkpoint.state, sort_keys=True))
            files[state.name] = state
            manifest = {
                "format": _FORMAT,
                "step": checkpoint.step,
                "files": {
                    name: {"sha256": file_sha256(path), "size": path.stat().st_size} for name, path in files.items()
                },
            }
            for name, path in files.items():
                self._store.put(f"{prefix}/{name}", path)
            self._store.put_bytes(f"{prefix}/{_MANIFEST}", json.dumps(manifest, indent=1).encode())
        for step in self._steps()[: -self._keep]:
            self._store.delete(_prefix(step))

    def load_newest(self) -> Checkpoint | None:
        """The newest complete checkpoint; incomplete or damaged ones are skipped with a warning."""
        for step in reversed(self._steps()):
            try:
                return self.load(step)
            except (CheckpointError, ObjectNotFoundError) as error:
                _LOGGER.warning("checkpoint %d is not whole (%s); trying the one before it", step, error)
        return None

    def load_newest_of_all(self, parallel: Parallel) -> Checkpoint | None:
        """The newest checkpoint that every worker finds complete, since all must resume from the same one."""
        checkpoint = self.load_newest()
        steps = parallel.gather_json(checkpoint.step if checkpoint else None)
        if len(set(steps)) == 1:
            return checkpoint
        # A manifest from a killed worker can still arrive while the restarted workers read.
        return None if None in steps else self.load(min(steps))

    def _steps(self) -> list[int]:
        """Steps with any file, complete or not, oldest first."""
        names = {key.split("/")[1] for key in self._store.list("checkpoints") if key.count("/") >= 2}
        return sorted(int(name.removeprefix("step-")) for name in names)

    def load(self, step: int) -> Checkpoint:
        """The checkpoint of a step.

        Raises:
            CheckpointError: the checkpoint is damaged or in another format.
            ObjectNotFoundError: a file of the checkpoint is missing.
        """
        prefix = _prefix(step)
        try:
            manifest = json.loads(self._store.get_bytes(f"{prefix}/{_MANIFEST}"))
            listed = dict(manifest["files"])
            if manifest["format"] != _FORMAT:
                raise CheckpointError(f"format {manifest['format']}; this version reads format {_FORMAT}")
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, ObjectNotFoundError):
                raise
            raise CheckpointError(f"its manifest is damaged: {error}") from error
        folder = Path(tempfile.mkdtemp(prefix="lim-checkpoint-"))
        try:
            tensors: dict[str, dict[str, torch.Tensor]] = {}
            state: dict[str, Any] = {}
            for name, entry in listed.items():
                path = folder / Path(name).name
                self._store.get(f"{prefix}/{name}", path)
                if file_sha256(path) != entry["sha256"]:
                    raise CheckpointError(f"{name} is not what was written")
                if path.suffix == ".safetensors":
                    tensors[path.stem] = load_file(path)
                else:
                    state = json.loads(path.read_text())
        except (SafetensorError, ValueError, TypeError) as error:
            raise CheckpointError(f"{error}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Checkpoint(step, tensors, state)


def _prefix(step: int) -> str:
    return f"checkpoints/step-{step:08d}"
