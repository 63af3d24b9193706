"""A run that runs out of memory ends with the losses of one that had enough, for every pair of a family and a task.

The losses agree to a relative 1e-4 in float32, without dropout: only the order of sums differs.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from safetensors.torch import load_file

from engine.errors import TrainingError
from engine.run.events import MemorySink
from engine.run.step_downs import read_step_downs
from engine.run.store import LocalRunStore
from engine.training.parallel import Parallel
from tests.contract.pairs import PAIRS, Pair
from tests.contract.scenes import Scene

TOLERANCE = 1e-4
STEPS = 5
CHANGES: Mapping[str, Any] = {
    "max_steps": STEPS,
    "method": {"type": "lora", "rank": 4},
    "evaluation": {"base": False},
    "batch": {"cost": 16.0, "micro_batch_cost": 16.0},
}


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: pair.name)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    pair: Pair = request.param
    folder = tmp_path_factory.mktemp(pair.name)
    return Scene(pair, pair.write_model(folder / "model"), pair.write_data(folder / "data"))


@pytest.fixture(scope="module")
def whole(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """Losses of a run with enough memory."""
    return losses(scene, tmp_path_factory.mktemp("whole"))


def losses(scene: Scene, folder: Path, **changes: Any) -> list[float]:
    sink = MemorySink()
    scene.finetune(folder, sink, **{**CHANGES, **changes})
    found = {e.data["step"]: e.data["loss"] for e in sink.events if e.key.startswith("train/")}
    assert sorted(found) == list(range(1, STEPS + 1))
    return [found[step] for step in sorted(found)]


class Starved:
    """Memory runs out in the loss of a batch, when it is asked for, from a call on; counts how large batches were."""

    def __init__(self, scene: Scene, fits: Callable[[Any], bool], after: int = 0) -> None:
        self._learner = type(scene.bound(**CHANGES).learner)
        self._loss = self._learner.loss
        self.costs: list[float] = []
        self.fits, self.after = fits, after

    def __enter__(self) -> Starved:
        starved = self

        def loss(self: Any, batch: Any) -> Any:
            starved.costs.append(batch.cost)
            found = starved._loss(self, batch)  # what it had computed until then is dropped
            if len(starved.costs) > starved.after and not starved.fits(batch):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return found

        self._learner.loss = loss
        return self

    def __exit__(self, *_: object) -> None:
        self._learner.loss = self._loss


@pytest.mark.parametrize(("after", "when"), [(0, "warm_up"), (3, "step")])
def test_halved_micro_batches_give_the_same_losses(
    scene: Scene, whole: list[float], tmp_path: Path, after: int, when: str
) -> None:
    with Starved(scene, lambda batch: True) as counted:
        losses(scene, tmp_path / "counted")
    largest = max(counted.costs)
    with Starved(scene, lambda batch: batch.cost < 0.6 * largest, after=after) as starved:
        found = losses(scene, tmp_path / "run")
    made = read_step_downs(LocalRunStore(tmp_path / "run" / "store"))
    assert made, "memory never ran out"
    assert all(each.when == when and not each.gradient_checkpointing for each in made)
    assert (made[0].step > 1) is (when == "step")
    assert max(starved.costs[-3:]) < 0.6 * largest
    assert found == pytest.approx(whole, rel=TOLERANCE)


def test_recomputed_activations_give_the_same_losses_where_a_model_has_them(
    scene: Scene, whole: list[float], tmp_path: Path
) -> None:
    bound = scene.bound(**CHANGES)
    is_on: list[bool] = []
    checkpoint = type(bound).checkpoint_activations

    def switched(self: Any) -> None:
        is_on.append(True)
        checkpoint(self)

    with pytest.MonkeyPatch.context() as patched, Starved(scene, lambda batch: bool(is_on), after=3):
        patched.setattr(type(bound), "checkpoint_activations", switched)
        if not bound.can_checkpoint_activations:
            with pytest.raises(TrainingError, match="gradient_checkpointing is not possible with this model"):
                losses(scene, tmp_path / "run")
            return
        found = losses(scene, tmp_path / "run")
    made = read_step_downs(LocalRunStore(tmp_path / "run" / "store"))
    assert [each.gradient_checkpointing for each in made] == [*[False] * (len(made) - 1), True]
    assert is_on == [True]
    assert found == pytest.approx(whole, rel=TOLERANCE)


# ---- one model is enough for the rest ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("speech")
    return Scene(PAIRS[0], PAIRS[0].write_model(folder / "model"), PAIRS[0].write_data(folder / "data"))


@pytest.fixture
def little_address_space() -> Iterator[None]:
    """Four gigabytes more than this process has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**32, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_the_allocator_itself_runs_out(speech: Scene, tmp_path: Path, little_address_space: None) -> None:
    """Each example takes 200 MB of addresses, which are never touched: the batches of this model are too small to fail."""
    expected = losses(speech, tmp_path / "whole")
    learner = type(speech.bound().learner)
    loss = learner.loss

    def hungry(self: Any, batch: Any) -> Any:
        activations = torch.empty(len(batch.mel_BMF), 200 * 2**20, dtype=torch.uint8)
        found = loss(self, batch)
        del activations
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(learner, "loss", hungry)
        found = losses(speech, tmp_path / "run")
    made = read_step_downs(LocalRunStore(tmp_path / "run" / "store"))
    assert {each.when for each in made} == {"warm_up"}
    assert "DefaultCPUAllocator" in made[0].found
    assert found == pytest.approx(expected, rel=TOLERANCE)


def test_a_stopped_run_goes_on_exactly_after_a_step_down(speech: Scene, tmp_path: Path) -> None:
    changes = {**CHANGES, "method": {"type": "lora", "rank": 4, "dropout": 0.2}}

    def run(name: str, **arguments: Any) -> tuple[Any, MemorySink]:
        sink = MemorySink()
        with Starved(speech, lambda batch: batch.cost < 6, after=0 if "resumed" in arguments else 2):
            arguments.pop("resumed", None)
            return speech.finetune(tmp_path / name, sink, **changes, **arguments), sink

    whole, _ = run("whole")
    stopped, _ = run("stopped", stop_after=4)
    resumed, sink = run("stopped", resumed=True)
    assert (whole.status, stopped.status, resumed.status) == ("succeeded", "stopped", "succeeded")
    assert whole.step_downs == resumed.step_downs == stopped.step_downs != []
    assert not [e for e in sink.events if "memory_stepped_down" in e.data], "it stepped down again"
    adapters = [load_file(tmp_path / name / "store/adapter/adapter_model.safetensors") for name in ("whole", "stopped")]
    assert all(torch.equal(adapters[0][name], adapters[1][name]) for name in adapters[0])


def test_the_step_down_is_told(speech: Scene, tmp_path: Path) -> None:
    sink = MemorySink()
    with Starved(speech, lambda batch: batch.cost < 6, after=2):
        result = speech.finetune(tmp_path, sink, **CHANGES)
    [made] = result.step_downs
    [event] = [e for e in sink.events if "memory_stepped_down" in e.data]
    assert (event.kind, event.key, event.data["level"]) == ("log", "memory_stepped_down/1", "warning")
    assert event.data["memory_stepped_down"] == made.model_dump()
    assert event.data["message"] == made.sentence(result.cost_unit)
    card = (tmp_path / "store/adapter/README.md").read_text()
    before, after = made.micro_batch_cost_before, made.micro_batch_cost
    assert f"| micro-batches | at most {after:g} audio_s, because {before:g} did not fit into memory |" in card
    assert "gradient checkpointing" not in card


# ---- two workers -------------------------------------------------------------------------------------------


def _work(rank: int, folder: str) -> None:
    """Two workers; memory runs out on the second one alone, in its third batch."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    parallel = Parallel.from_distributed()
    place = Path(folder)
    scene = Scene(PAIRS[0], place / "model", place / "data")
    sinks = {name: MemorySink() for name in ("whole", "starved")}
    scene.finetune(place / "whole", sinks["whole"], parallel=parallel, **CHANGES)
    with Starved(scene, lambda batch: rank == 0 or batch.cost < 3, after=3):
        result = scene.finetune(place / "starved", sinks["starved"], parallel=parallel, **CHANGES)
    told = {
        name: {e.data["step"]: e.data["loss"] for e in sink.events if e.key.startswith("train/")}
        for name, sink in sinks.items()
    }
    torch.save({**told, "made": [each.model_dump() for each in result.step_downs]}, place / f"{rank}.pt")
    dist.destroy_process_group()


def test_all_workers_step_down_when_one_runs_out(tmp_path: Path) -> None:
    PAIRS[0].write_model(tmp_path / "model")
    PAIRS[0].write_data(tmp_path / "data")
    mp.spawn(_work, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first["made"] == second["made"] != []
    assert first["made"][0]["found"].startswith("worker 1: CUDA out of memory")
    assert sorted(first["whole"]) == list(range(1, STEPS + 1))
    assert list(first["starved"].values()) == pytest.approx(list(first["whole"].values()), rel=TOLERANCE)
