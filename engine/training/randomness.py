"""The random generators of a training step, as tensors for a checkpoint.

Only dropout and layer dropout draw from these generators, which are torch's. The order of batches and the augmentation
depend only on seed and position (docs/adr/0007-exact-resume.md).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch

from engine.training.parallel import Parallel

_WORKER_SEEDS = 1_000_003
_STEP_SEEDS = 7_919


def seed_worker(seed: int, parallel: Parallel, step: int = 0) -> None:
    """Seed this worker's generators, so that each worker draws different dropout masks."""
    torch.manual_seed(seed + _WORKER_SEEDS * parallel.rank + _STEP_SEEDS * step)


def generator_states(device: torch.device) -> dict[str, torch.Tensor]:
    """The state of this worker's generators, by the name of the device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def put_generator_states(states: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Put this worker's generators into states from `generator_states`; a device without one keeps its own."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


@contextlib.contextmanager
def unchanged_generators(device: torch.device) -> Iterator[None]:
    """Within: random draws that leave this worker's generators as they were."""
    states = generator_states(device)
    try:
        yield
    finally:
        put_generator_states(states, device)


def gather_generators(parallel: Parallel, device: torch.device) -> dict[str, torch.Tensor]:
    """The state of every worker's generators, by `rank/device`; every worker must call this and gets all states."""
    return {
        f"{rank}/{name}": state
        for name, mine in generator_states(device).items()
        for rank, state in enumerate(parallel.gather_bytes(mine))
    }


def restore_generators(states: Mapping[str, torch.Tensor], parallel: Parallel, device: torch.device) -> None:
    """Restore this worker's generators to the state from `gather_generators`."""
    mine = f"{parallel.rank}/"
    put_generator_states({n.removeprefix(mine): s for n, s in states.items() if n.startswith(mine)}, device)
