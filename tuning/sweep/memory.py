"""How much memory a trial takes, and how many trials run at the same time. The only place that asks for an estimate."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.config import ResourcesConfig
from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.memory.calibration import MARGIN, WORKER
from engine.memory.peak import peak_memory
from engine.memory.sizes import sizes_of
from engine.models.catalogue import find_model
from engine.models.reference import ModelReference


def trial_bytes(model: ModelReference, training: TrainingConfig) -> int | None:
    """Memory to reserve for a trial on CPUs, in bytes; None: the sizes of the model are not known."""
    try:
        sizes = sizes_of(find_model(model.name, model.revision))
    except ModelError:
        return None
    unmeasured = training.model_copy(update={"evaluation": training.evaluation.model_copy(update={"base": False})})
    compute_bytes = 2 if training.precision in ("bfloat16", "float16") else 4
    return round(peak_memory(sizes, unmeasured, compute_bytes, calibration=WORKER).bytes * MARGIN)


def trials_that_fit(resources: ResourcesConfig, free: Mapping[str, float], most: int) -> int:
    """How many trials run at the same time, at least one.

    Args:
        resources: of one trial.
        free: resources of the cluster that nothing has reserved, by Ray's names.
        most: how many are wanted.
    """
    needs = {
        "CPU": resources.cpus_per_worker,
        "GPU": resources.gpus_per_worker,
        "memory": resources.memory_bytes_per_worker or 0,
    }
    room = [int(free.get(name, 0.0) / needed + 1e-6) for name, needed in needs.items() if needed]
    return max(1, min([most, *room]))
