"""The random generators of a training step, as tensors for a checkpoint.

Only dropout and layer dropout draw from these generators, which are torch's. The order of batches and the augmentation
depend only on seed and position (docs/adr/0007-exact-resume.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from engine.training.parallel import Parallel

_WORKER_SEEDS = 1_000_003
_STEP_SEEDS = 7_919


def seed_worker(seed: int, parallel: Parallel, step: int = 0) -> None:
    """Seed this worker's generators, so that each worker draws different dropout masks."""
    torch.manual_seed(seed + _WORKER_SEEDS * parallel.rank + _STEP_SEEDS * step)


def gather_generators(parallel: Parallel, device: torch.device) -> dict[str, torch.Tensor]:
    """The state of every worker's generators, by `rank/device`; every worker must call this and gets all states."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return {
        f"{rank}/{name}": state
        for name, mine in states.items()
        for rank, state in enumerate(parallel.gather_bytes(mine))
    }


def restore_generators(states: Mapping[str, torch.Tensor], parallel: Parallel, device: torch.device) -> None:
    """Restore this worker's generators to the state from `gather_generators`."""
    torch.set_rng_state(states[f"{parallel.rank}/cpu"])
    if device.type == "cuda" and f"{parallel.rank}/cuda" in states:
        torch.cuda.set_rng_state(states[f"{parallel.rank}/cuda"], device)
