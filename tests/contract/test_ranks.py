"""Every pair trains with ranks from a sketch: its adapter reloads, two workers agree, and a resumed run keeps them."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file

from engine.config.allocations.registry import ALLOCATIONS
from engine.config.measurement import MeasurementConfig
from engine.ranks.ranks import RANKS_KEY, Ranks
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.evaluate import evaluate
from engine.training.parallel import Parallel
from tests.contract.pairs import PAIRS, Pair
from tests.contract.scenes import Scene

METHOD: Mapping[str, Any] = {
    "type": "qlora",
    "rank": 3,
    "allocation": {"type": "sketch", "probe_rank": 6, "examples": 12},
}
CHANGES: Mapping[str, Any] = {
    "max_steps": 4,
    "checkpoint": {"every_steps": 2},
    "evaluation": {"base": False},
    "method": METHOD,
}


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: pair.name)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    pair: Pair = request.param
    folder = tmp_path_factory.mktemp(pair.name)
    return Scene(pair, pair.write_model(folder / "model"), pair.write_data(folder / "data"))


@pytest.fixture(scope="module")
def trained(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path, MemorySink]:
    folder, sink = tmp_path_factory.mktemp("trained"), MemorySink()
    return scene.finetune(folder, sink, **CHANGES), folder / "store", sink


def ranks_in(store: Path) -> Ranks:
    return Ranks.model_validate_json((store / RANKS_KEY).read_bytes())


def test_the_adapter_has_the_ranks_of_the_budget(scene: Scene, trained: tuple[RunResult, Path, MemorySink]) -> None:
    result, store, sink = trained
    ranks = ranks_in(store)
    assert result.ranks == ranks.summary()
    assert set(result.ranks.groups) == set(scene.bound().base.groups)
    uniform = sum(3 * (layer.inputs + layer.outputs) for layer in ranks.layers)
    assert 0.9 * uniform < result.ranks.parameters <= uniform
    assert len({layer.rank for layer in ranks.layers}) > 1
    weights = load_file(store / "adapter" / "adapter_model.safetensors")
    attached = {
        name.removeprefix("base_model.model.").removesuffix(".lora_A.weight"): len(tensor)
        for name, tensor in weights.items()
        if name.endswith(".lora_A.weight")
    }
    assert attached == ranks.by_name()
    drawn = {event.data["name"] for event in sink.events if event.kind == "artifact"}
    assert {"ranks.png", "ranks.json"} <= drawn and (store / "ranks.png").read_bytes().startswith(b"\x89PNG")
    assert result.ranks.sentence() in (store / "adapter" / "README.md").read_text()


def test_what_was_saved_predicts_the_same(
    scene: Scene, trained: tuple[RunResult, Path, MemorySink], tmp_path: Path
) -> None:
    result, store, _ = trained
    again = evaluate(
        model=str(scene.model),
        adapter=store / "adapter",
        data=scene.data,
        training=scene.config(**CHANGES),
        measurement=MeasurementConfig(),
        store=LocalRunStore(tmp_path),
        events=MemorySink(),
        should_stop=lambda: False,
    )
    assert again.tuned == pytest.approx(result.tuned)


def test_plain_peft_loads_every_tensor(scene: Scene, trained: tuple[RunResult, Path, MemorySink]) -> None:
    _, store, _ = trained
    plain: Any = scene.bound(method=METHOD).base.model
    theirs = peft.PeftModel.from_pretrained(plain, str(store / "adapter"))
    saved = load_file(store / "adapter" / "adapter_model.safetensors")
    loaded = peft.get_peft_model_state_dict(theirs, save_embedding_layers=False)
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[name].cpu(), saved[name]) for name in saved)
    scales = [layer.scaling["default"] for layer in theirs.modules() if isinstance(layer, LoraLayer)]
    assert scales == pytest.approx([16.0 / 3] * len(ranks_in(store).by_name()))


def test_a_run_of_equal_ranks_trains_as_without_an_allocation(scene: Scene, tmp_path: Path) -> None:
    """The sketch leaves no trace: neither in the base nor in the random numbers."""
    losses = []
    for name, allocation in {
        "uniform": {"type": "uniform"},
        "sketch": {"type": "sketch", "probe_rank": 3, "floor": 3, "examples": 12},
    }.items():
        sink = MemorySink()
        method = {"type": "lora", "rank": 3, "dropout": 0.2, "allocation": allocation}
        result = scene.finetune(tmp_path / name, sink, **{**CHANGES, "method": method})
        assert (result.ranks is None) == (name == "uniform")
        losses.append([event.data["loss"] for event in sink.events if event.key.startswith("train/")])
    assert losses[0] == losses[1]


def test_a_resumed_run_keeps_the_ranks_that_it_began_with(scene: Scene, tmp_path: Path) -> None:
    assert scene.finetune(tmp_path, stop_after=2, **CHANGES).status == "stopped"
    began = json.loads((tmp_path / "store" / RANKS_KEY).read_text())
    began["measured"]["wall_s"] = 1234.5  # a new sketch would find another time
    (tmp_path / "store" / RANKS_KEY).write_text(json.dumps(began))
    resumed = scene.finetune(tmp_path, **CHANGES)
    assert (resumed.status, resumed.steps) == ("succeeded", 4)
    kept = ranks_in(tmp_path / "store")
    assert kept == Ranks.model_validate(began) and resumed.ranks == kept.summary()


# ---- two workers


def _work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    parallel = Parallel.from_distributed()
    for pair in PAIRS:
        place = Path(folder) / pair.name
        scene = Scene(pair, place / "model", place / "data")
        try:
            told = scene.finetune(place, parallel=parallel, **CHANGES).model_dump_json(include={"status", "ranks"})
        except Exception:  # noqa: BLE001  the assertion shows it
            told = traceback.format_exc()
        (place / f"told-{rank}").write_text(told)
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each pair, after two workers have trained it."""
    folder = tmp_path_factory.mktemp("pairs")
    for pair in PAIRS:
        pair.write_model(folder / pair.name / "model")
        pair.write_data(folder / pair.name / "data")
    mp.spawn(_work, args=(str(folder),), nprocs=2)
    return folder


@pytest.mark.faults  # a minute: every pair twice
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_two_workers_agree_and_measure_what_one_does(by_two: Path, pair: Pair, tmp_path: Path) -> None:
    place = by_two / pair.name
    told = [(place / f"told-{rank}").read_text() for rank in range(2)]
    assert told[0] == told[1]
    ranks = ranks_in(place / "store")
    assert json.loads(told[0]) == {"status": "succeeded", "ranks": ranks.summary().model_dump(mode="json")}
    Scene(pair, place / "model", place / "data").finetune(tmp_path, **CHANGES)
    alone = ranks_in(tmp_path / "store")
    for ours, theirs in zip(ranks.layers, alone.layers, strict=True):
        largest = theirs.singular_values[0]
        assert ours.singular_values == pytest.approx(theirs.singular_values, rel=0.02, abs=0.02 * largest)


# ---- the registry


def test_a_config_says_the_name_that_it_is_registered_by() -> None:
    assert [config.model_fields["type"].default for config in ALLOCATIONS.values()] == list(ALLOCATIONS)
