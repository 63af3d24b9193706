"""What every model family must do for each of its tasks: the same assertions for all of them, through the stages."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from engine.audio.reading import read_audio
from engine.config.measurement import MeasurementConfig
from engine.config.tasks.registry import TASKS
from engine.families.contract import FollowsFrames, HearsFrames, ScoresTokens
from engine.families.costing import costing_of
from engine.families.registry import FAMILIES
from engine.media.registry import medium_named
from engine.methods.build import build_method
from engine.metrics.registry import METRICS, metric_named
from engine.models.catalogue import reference_to
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.evaluate import evaluate
from tests.contract.pairs import PAIRS, Pair
from tests.contract.scenes import STEPS, Scene

HOP_S = 0.02
"""A model that cannot pad drops what does not fill its last frame."""


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: pair.name)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    pair: Pair = request.param
    folder = tmp_path_factory.mktemp(pair.name)
    return Scene(pair, pair.write_model(folder / "model"), pair.write_data(folder / "data"))


@pytest.fixture(scope="module")
def trained(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path, MemorySink]:
    folder, sink = tmp_path_factory.mktemp("trained"), MemorySink()
    return scene.finetune(folder, sink), folder / "store", sink


def test_every_registered_pair_is_here() -> None:
    registered = {(family, task) for family, entry in FAMILIES.items() for task in entry.tasks}
    assert {(pair.family, pair.task) for pair in PAIRS} == registered
    assert {task for _, task in registered} == set(TASKS)


def test_the_registry_says_which_learners_score_tokens(scene: Scene) -> None:
    scores = isinstance(scene.bound().learner, ScoresTokens)
    assert scores == (scene.pair.task in FAMILIES[scene.pair.family].scores_tokens)


def test_the_registry_says_whose_adapters_can_follow_frames(scene: Scene) -> None:
    bound = scene.bound()
    follows = isinstance(bound.base, FollowsFrames)
    assert follows == (scene.pair.task in FAMILIES[scene.pair.family].gateable)
    assert not follows or isinstance(bound.learner, HearsFrames)


def test_the_registry_names_the_parts(scene: Scene) -> None:
    base = scene.bound().base
    assert base.groups and set(base.groups) <= set(FAMILIES[scene.pair.family].parts)
    targets = tuple(f".{target}" for target in base.default_targets())
    found = {base.group_of(name) for name, _ in base.model.named_modules() if f".{name}".endswith(targets)}
    assert found == set(base.groups)


# ---- what is trained


def test_a_4_bit_base_trains_only_adapters_and_heads(scene: Scene) -> None:
    bound = scene.bound()
    adapted = build_method(bound.config.method).attach(bound.base, bound.reference)
    targets = bound.base.default_targets()
    layers = dict(adapted.named_modules())
    inner = [name for name in layers if name.endswith(".base_layer")]
    assert inner and {type(layers[name]).__name__ for name in inner} == {"Linear4bit"}
    assert all(
        f".{name.removesuffix('.base_layer')}".endswith(tuple(f".{target}" for target in targets)) for name in inner
    )
    adapted.train()
    batch = bound.learner.collate(scene.examples()[:4], scene.data, None)
    bound.learner.loss(batch)[0].backward()
    learned = {name for name, parameter in adapted.named_parameters() if parameter.grad is not None}
    heads = tuple(f".{head}." for head in bound.base.heads)
    assert learned
    assert all("lora_" in name or any(head in f".{name}" for head in heads) for name in learned)
    for head in bound.base.heads:
        weights = [p for name, p in adapted.named_parameters() if f".{head}." in f".{name}" and p.requires_grad]
        assert weights and all(weight.dtype == torch.float32 for weight in weights)


def test_a_4_bit_base_leaves_the_file_that_it_was_read_from(scene: Scene, tmp_path: Path) -> None:
    folder = shutil.copytree(scene.model, tmp_path / "model")
    bound = dataclasses.replace(scene, model=folder).bound()
    gc.collect()
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(folder) in line]
    del bound  # kept until here
    assert mapped == []


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_loss_does_not_depend_on_how_a_step_is_split(scene: Scene, method: str) -> None:
    bound = scene.bound(method={"type": method})
    model = build_method(bound.config.method).attach(bound.base, bound.reference).train()
    unit = getattr(bound.learner, "unit", 2)
    step = scene.examples()[: 2 * unit]
    loss, count = bound.learner.loss(bound.learner.collate(step, scene.data, None))
    loss.backward()
    whole = _gradients(model)
    parts, total, counted = [], 0.0, 0
    for start in (0, unit):
        part, targets = bound.learner.loss(bound.learner.collate(step[start : start + unit], scene.data, None))
        part.backward()
        parts.append(_gradients(model))
        total, counted = total + float(part.detach()), counted + targets
    assert counted == count == bound.learner.target_count(step)
    assert total == pytest.approx(float(loss.detach()), rel=1e-5)
    for name, gradient in whole.items():
        of_parts = torch.stack([part[name] for part in parts])
        terms = float(of_parts.abs().sum(dim=0).max())  # rounding is relative to the terms of a sum
        torch.testing.assert_close(of_parts.sum(dim=0), gradient, rtol=0.0, atol=2e-5 * max(1.0, terms))


def _gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


# ---- costs


def test_costs_add_up(scene: Scene) -> None:
    learner, examples = scene.bound().learner, scene.examples()
    unit = getattr(learner, "unit", 1)
    chosen = examples[: 4 * unit]
    parts = [learner.collate(chosen[i : i + unit], scene.data, None).cost for i in range(0, len(chosen), unit)]
    assert learner.collate(chosen, scene.data, None).cost == pytest.approx(sum(parts))
    assert sum(parts) == pytest.approx(sum(learner.costs(chosen)))
    assert all(
        0 < own <= padded + HOP_S
        for own, padded in zip(learner.costs(examples), learner.padded_costs(examples), strict=True)
    )
    assert learner.cost_unit == medium_named(examples[0].input.medium).cost_unit


def test_costs_are_known_without_the_model(scene: Scene) -> None:
    learner, examples = scene.bound().learner, scene.examples()
    for example, own, padded in zip(examples, learner.costs(examples), learner.padded_costs(examples), strict=True):
        targets = len(example.target.captions) if scene.pair.task == "captioning" else 1
        costing = costing_of(reference_to(str(scene.model)), scene.config(), targets)
        assert costing.unit == learner.cost_unit
        assert costing.own(example.input.duration_s) == pytest.approx(own)
        assert costing.padded(example.input.duration_s) == pytest.approx(padded)


# ---- a run


def test_the_loss_falls(trained: tuple[RunResult, Path, MemorySink]) -> None:
    losses = [event.data["loss"] for event in trained[2].events if event.key.startswith("train/")]
    assert len(losses) == STEPS
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


def test_the_result_says_what_the_task_measures(scene: Scene, trained: tuple[RunResult, Path, MemorySink]) -> None:
    result, store, _ = trained
    assert (result.status, result.task, result.steps) == ("succeeded", scene.pair.task, STEPS)
    assert result.tuned is not None and result.primary in result.tuned
    assert result.tuned.keys() <= set(TASKS[scene.pair.task].metrics) <= METRICS.keys()
    assert 0 < result.trainable_parameters < result.total_parameters
    assert result.train_cost > 0 and result.cost_per_s > 0
    assert (result.base is None) == scene.bound().base.has_new_head
    rows = [json.loads(line) for line in (store / "predictions.jsonl").read_text().splitlines()]
    assert len(rows) == result.test_examples > 0
    assert all({"id", "reference", "hypothesis"} <= row.keys() for row in rows)
    card = (store / "adapter" / "README.md").read_text()
    assert metric_named(result.primary).title in card and f"pipeline_tag: {TASKS[scene.pair.task].pipeline}" in card


def test_what_was_saved_predicts_the_same(
    scene: Scene, trained: tuple[RunResult, Path, MemorySink], tmp_path: Path
) -> None:
    result, store, _ = trained
    again = evaluate(
        model=str(scene.model),
        adapter=store / "adapter",
        data=scene.data,
        training=scene.config(),
        measurement=MeasurementConfig(),
        store=LocalRunStore(tmp_path / "evaluation"),
        events=MemorySink(),
        should_stop=lambda: False,
    )
    assert again.tuned == pytest.approx(result.tuned)
    assert again.base == pytest.approx(result.base)
    assert _predictions(tmp_path / "evaluation") == _predictions(store)


def test_a_whole_model_is_measured_beside_what_it_began_from(scene: Scene, tmp_path: Path) -> None:
    trained = scene.finetune(tmp_path, max_steps=1, method={"type": "full"}, evaluation={"base": False})
    again = evaluate(
        model=str(tmp_path / "store" / "model"),
        base_model=str(scene.model),
        adapter=None,
        data=scene.data,
        training=scene.config(method={"type": "full"}),
        measurement=MeasurementConfig(),
        store=LocalRunStore(tmp_path / "evaluation"),
        events=MemorySink(),
        should_stop=lambda: False,
    )
    assert again.tuned == pytest.approx(trained.tuned)
    assert (again.base is None) == scene.bound().base.has_new_head
    assert _predictions(tmp_path / "evaluation") == _predictions(tmp_path / "store")


def _predictions(store: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in (store / "predictions.jsonl").read_text().splitlines()]
    return {row["id"]: row["hypothesis"] for row in rows}


def test_a_stopped_run_goes_on_exactly(scene: Scene, tmp_path: Path) -> None:
    changes: Mapping[str, Any] = {
        "max_steps": 6,
        "evaluation": {"base": False},
        "method": {"type": "lora", "dropout": 0.2},
        "checkpoint": {"every_steps": 2},
    }
    scene.finetune(tmp_path / "whole", **changes)
    assert scene.finetune(tmp_path / "stopped", stop_after=3, **changes).status == "stopped"
    assert scene.finetune(tmp_path / "stopped", **changes).status == "succeeded"
    whole, stopped = (
        load_file(tmp_path / name / "store" / "adapter" / "adapter_model.safetensors") for name in ("whole", "stopped")
    )
    assert whole.keys() == stopped.keys()
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


# ---- the card


@pytest.mark.parametrize("output", ["adapter", "model"])
def test_the_lines_of_the_card_run(
    scene: Scene,
    output: str,
    trained: tuple[RunResult, Path, MemorySink],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The block of Python of the README, with nothing of this project in it, on a recording of the dataset."""
    store = trained[1]
    method = scene.pair.card_methods[output == "model"]
    if method != "qlora":
        scene.finetune(tmp_path, max_steps=1, method={"type": method}, evaluation={"base": False})
        store = tmp_path / "store"
    folder = store / output
    block = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    assert "engine" not in block
    example = scene.examples()[0]
    names: dict[str, Any] = {"BASE": str(scene.model), "DIR": str(folder)}
    for rate_hz in (16_000, 48_000):
        names[f"wave_at_{rate_hz // 1000}_khz"] = read_audio(scene.data / example.input.audio, rate_hz, 0.0, 0.3)
    monkeypatch.chdir(tmp_path)
    soundfile.write("recording.wav", names["wave_at_16_khz"], 16_000)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(block, "README.md", "exec"), names)
    assert said.getvalue().strip()
