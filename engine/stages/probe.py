"""Measure the memory of a run by a few steps of its longest examples, in a fresh process.

`python -m engine.stages.probe SPEC.json OUT.json` is that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from engine.config.training import ConstantConfig, EvaluationConfig, SplitConfig, TrainingConfig
from engine.data.manifest import read_examples, write_manifest
from engine.data.version_files import MANIFEST_NAME
from engine.errors import TrainingError
from engine.families.costing import costing_of
from engine.models.catalogue import reference_to
from engine.models.reference import ModelReference

STEPS: Final = 2
"""The optimizer's states are there from the second step on."""
_TEST: Final = "probe-test"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run took in its process, in bytes."""

    start_bytes: int
    """Resident memory before it."""
    peaks: Mapping[str, int]
    """Peak of resident memory in each phase."""
    wall_s: float
    training_s: float

    @property
    def peak_bytes(self) -> int:
        """Peak over all phases."""
        return max(self.peaks.values())


def probe(model: str | ModelReference, data: Path, config: TrainingConfig, *, threads: int) -> Measured:
    """Run two steps of a config on the longest examples of its data, and its evaluations.

    Args:
        model: the base.
        data: dataset version.
        config: of the run.
        threads: compute threads.

    Raises:
        TrainingError: the run failed, as it would for want of memory; says how.
    """
    with tempfile.TemporaryDirectory(prefix="lim-probe-") as folder:
        reference = reference_to(model)
        version, tested = _longest(reference, data, config, Path(folder) / "data")
        return measure(reference, version, _quick(config, tested), threads=threads, work=Path(folder))


def measure(
    model: ModelReference, data: Path, config: TrainingConfig, *, threads: int, work: Path, steps: int = STEPS
) -> Measured:
    """Run a config as it is in a fresh process.

    Args:
        model: the base.
        data: dataset version.
        config: of the run.
        threads: compute threads.
        work: existing folder for a few files.
        steps: optimizer steps that it takes.

    Raises:
        TrainingError: the process failed.
    """
    spec, out = work / "spec.json", work / "out.json"
    told = {"model": model.model_dump(mode="json"), "data": str(data), "threads": threads}
    asked = config.model_copy(update={"max_steps": steps, "epochs": None})
    spec.write_text(json.dumps({**told, "config": asked.model_dump(mode="json")}), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "engine.stages.probe", str(spec), str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        check=False,
    )
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or [f"it ended with {ended.returncode}"]
        killed = " (killed, as for want of memory)" if ended.returncode < 0 else ""
        raise TrainingError(f"the probe failed{killed}: {last[0]}")
    return Measured(**json.loads(out.read_text(encoding="utf-8")))


def _longest(model: ModelReference, data: Path, config: TrainingConfig, folder: Path) -> tuple[Path, bool]:
    """A dataset version of the longest examples, enough for two steps and a batch of predictions; whether any is tested."""
    examples = sorted(read_examples(data / MANIFEST_NAME), key=lambda each: -float(each.input.duration_s))
    cost = costing_of(model, config).padded(float(examples[0].input.duration_s))
    tested = min(max(1, int(config.evaluation.batch_cost / cost)), max(1, len(examples) // 4))
    trained = STEPS * max(1, min(config.batch.max_examples, int(config.batch.cost / cost)))
    test = [replace(each, group=_TEST, split=None) for each in examples[:tested]]
    train = [replace(each, group="probe-train", split=None) for each in examples[tested : tested + trained]]
    folder.mkdir(parents=True)
    for path in data.iterdir():
        if path.name != MANIFEST_NAME:
            (folder / path.name).symlink_to(path.resolve())
    write_manifest(folder / MANIFEST_NAME, [*train, *test])
    return folder, bool(test)


def _quick(config: TrainingConfig, tested: bool) -> TrainingConfig:
    """The same with two steps, without what depends on more of them."""
    evaluation = EvaluationConfig(base=config.evaluation.base and tested, batch_cost=config.evaluation.batch_cost)
    split = SplitConfig(test_groups=[_TEST] if tested else [], validation_fraction=0.0)
    return config.model_copy(
        update={
            "split": split,
            "evaluation": evaluation,
            "schedule": ConstantConfig(),
            "max_steps": STEPS,
            "epochs": None,
        }
    )


def main(spec_path: str, out_path: str) -> None:
    """Run in this process, which did nothing else before, and write what it took."""
    spec: dict[str, Any] = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    from engine.families.lookup import family_for
    from engine.process.phases import PeakByPhase
    from engine.run.store import LocalRunStore
    from engine.stages.finetune import finetune

    config = TrainingConfig.model_validate(spec["config"])
    model = ModelReference.model_validate(spec["model"])
    family_for(model.family, config.task.type)  # its libraries
    phases = PeakByPhase()
    with tempfile.TemporaryDirectory(prefix="lim-probe-run-") as folder:
        result = finetune(
            model=model,
            data=Path(spec["data"]),
            config=config,
            store=LocalRunStore(Path(folder) / "store"),
            events=phases,
            work_dir=Path(folder) / "scratch",
            threads=spec["threads"],
        )
    phases.end()
    found = Measured(phases.start_bytes, phases.peaks, round(result.wall_s, 1), round(result.training_s, 2))
    Path(out_path).write_text(json.dumps(asdict(found)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
