"""Two workers train every pair with dropout, and a run that they stopped goes on exactly."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from safetensors.torch import load_file

from engine.training.parallel import Parallel
from tests.contract.pairs import PAIRS, Pair
from tests.contract.scenes import Scene

pytestmark = pytest.mark.faults  # a minute: every pair three times
CHANGES: Mapping[str, Any] = {
    "max_steps": 7,
    "evaluation": {"base": False},
    "method": {"type": "lora", "dropout": 0.2},
    "checkpoint": {"every_steps": 2},
}
GATED: Mapping[str, Any] = {**CHANGES, "method": {"type": "temporal", "four_bit_base": False, "dropout": 0.2}}
OF_METHOD: Mapping[str, Mapping[str, Any]] = {"lora": CHANGES, "temporal": GATED}
RUNS: Sequence[tuple[Pair, str]] = [
    *((pair, "lora") for pair in PAIRS),
    *((pair, "temporal") for pair in PAIRS if pair.task == "speech_to_text" and pair.family in {"whisper", "wav2vec2"}),
]
STOP_AFTER = 1
"""Workers ask each other every fifth step whether one was told to stop: here after the fifth of seven."""


def _work(rank: int, folder: str) -> None:
    """Train every pair to its end, and once more with a stop; what goes wrong with one is written beside its files."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    parallel = Parallel.from_distributed()
    for pair, method in RUNS:
        place, changes = Path(folder) / _name(pair, method), OF_METHOD[method]
        scene = Scene(pair, place / "model", place / "data")
        try:
            scene.finetune(place / "whole", parallel=parallel, **changes)
            stopped = scene.finetune(place / "stopped", stop_after=STOP_AFTER, parallel=parallel, **changes)
            resumed = scene.finetune(place / "stopped", parallel=parallel, **changes)
            told = f"{stopped.status} {resumed.status}"
        except Exception:  # noqa: BLE001  the assertion shows it
            told = traceback.format_exc()
        (place / f"told-{rank}").write_text(told)
    dist.destroy_process_group()


def _name(pair: Pair, method: str) -> str:
    return f"{pair.name}-{method}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each pair, after two workers have trained it."""
    folder = tmp_path_factory.mktemp("pairs")
    for pair, method in RUNS:
        pair.write_model(folder / _name(pair, method) / "model")
        pair.write_data(folder / _name(pair, method) / "data")
    mp.spawn(_work, args=(str(folder),), nprocs=2)
    return folder


@pytest.mark.parametrize("name", [_name(*run) for run in RUNS])
def test_a_run_that_two_workers_stopped_goes_on_exactly(trained: Path, name: str) -> None:
    assert {(trained / name / f"told-{rank}").read_text() for rank in range(2)} == {"stopped succeeded"}
    saved = {path.name for path in (trained / name / "whole" / "store" / "adapter").glob("*.safetensors")}
    assert saved == {"adapter_model.safetensors", *(["gates.safetensors"] if name.endswith("temporal") else [])}
    for file in saved:
        whole, stopped = (load_file(trained / name / run / "store" / "adapter" / file) for run in ("whole", "stopped"))
        assert whole.keys() == stopped.keys()
        assert all(torch.equal(whole[weights], stopped[weights]) for weights in whole)
