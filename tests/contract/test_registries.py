"""What every registered task and training method must do: the same assertions for each of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from engine.config.methods.registry import METHODS
from engine.config.tasks.registry import TASKS
from engine.config.training import TrainingConfig
from engine.methods.build import build_method
from engine.metrics.registry import METRICS
from engine.tasks.build import build_task
from tests.contract.pairs import PAIRS
from tests.contract.scenes import Scene
from tests.integration.engine.option_runs import train

PAIR_OF_TASK = {pair.task: pair for pair in PAIRS}
NEEDS_A_HEAD = {"linear_probe"}


def test_a_config_says_the_name_that_it_is_registered_by() -> None:
    for configs in (TASKS, METHODS):
        assert [config.model_fields["type"].default for config in configs.values()] == list(configs)


# ---- tasks


@pytest.mark.parametrize("name", TASKS)
def test_a_task_finds_examples_of_another_kind(name: str, tmp_path: Path) -> None:
    task = build_task(TASKS[name]())
    own = list(PAIR_OF_TASK[name].examples(tmp_path))[:3]
    assert task.misfits(own) == {}
    others = [
        dataclasses.replace(example, id=f"other-{pair.task}")
        for pair in PAIR_OF_TASK.values()
        for example in list(pair.examples(tmp_path / pair.name))[:1]
        if example.target.type not in TASKS[name].targets
    ]
    assert others
    assert task.misfits([*own, *others]).keys() == {example.id for example in others}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_decides_by_a_metric_that_it_measures(name: str, tmp_path: Path) -> None:
    entry = TASKS[name]
    assert set(entry.metrics) <= METRICS.keys()
    examples = list(PAIR_OF_TASK[name].examples(tmp_path))
    assert build_task(TASKS[name]()).primary(examples) in entry.metrics


@pytest.mark.parametrize("name", TASKS)
def test_a_run_is_bound_to_the_task_of_its_config(name: str, tmp_path: Path) -> None:
    pair = PAIR_OF_TASK[name]
    scene = Scene(pair, pair.write_model(tmp_path / "model"), pair.write_data(tmp_path / "data"))
    bound, examples = scene.bound(), scene.examples()
    assert bound.task.misfits(examples) == {}
    assert bound.learner.misfits(examples) == {}


# ---- methods


@pytest.mark.parametrize("method", sorted(set(METHODS) - NEEDS_A_HEAD))
def test_a_method_trains_measures_and_leaves_weights_with_a_card(
    method: str, tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    trained = train(tiny_whisper, tones, tmp_path, {"method": {"type": method}})
    assert (trained.result.status, trained.result.method, trained.result.steps) == ("succeeded", method, 2)
    assert trained.result.tuned is not None and trained.result.tuned.keys() <= METRICS.keys()
    assert trained.result.primary in trained.result.tuned
    assert 0 < trained.result.trainable_parameters <= trained.result.total_parameters
    store = trained.folder / "store"
    output = METHODS[method].output
    saved = [path for path in store.rglob("*.safetensors") if "checkpoints" not in path.parts]
    assert {path.parent.name for path in saved} == {output}
    [weights] = [path for path in saved if path.stem in {"adapter_model", "model"}]
    assert trained.result.saved_bytes == sum(path.stat().st_size for path in saved)
    assert (weights.parent / "README.md").read_text().startswith("---")
    assert all(torch.isfinite(tensor).all() for tensor in trained.weights(str(weights.relative_to(store))).values())


@pytest.mark.parametrize("method", sorted(NEEDS_A_HEAD))
def test_a_method_for_new_heads_trains_them_alone(method: str, tmp_path: Path) -> None:
    pair = next(pair for pair in PAIRS if pair.name == "whisper-audio_classification")
    scene = Scene(pair, pair.write_model(tmp_path / "model"), pair.write_data(tmp_path / "data"))
    result = scene.finetune(tmp_path / "run", max_steps=1, method={"type": method})
    base = scene.bound(method={"type": method}).base
    heads = [p.numel() for name, p in base.model.named_parameters() if name.split(".")[0] in base.heads]
    assert result.trainable_parameters == sum(heads)
    assert (tmp_path / "run" / "store" / METHODS[method].output).is_dir()


@pytest.mark.parametrize("name", METHODS)
def test_what_a_method_trains_depends_on_the_step_alone(name: str, tmp_path: Path) -> None:
    from engine.families.binding import bind

    pair = next(pair for pair in PAIRS if pair.name == "whisper-audio_classification")
    model, examples = pair.write_model(tmp_path / "model"), list(pair.examples(tmp_path))
    fields = {"task": {"type": pair.task}, "method": {"type": name} | _OFTEN.get(name, {}), "precision": "float32"}
    bound = bind(str(model), TrainingConfig.model_validate(fields), training=examples)
    method = build_method(bound.config.method)
    trained = method.attach(bound.base, bound.reference)
    ever = {name for name, parameter in trained.named_parameters() if parameter.requires_grad}
    at = {}
    for step in (0, 5, 1, 0, 5):
        method.before_step(step)
        found = {name for name, parameter in trained.named_parameters() if parameter.requires_grad}
        assert found and found <= ever
        assert at.setdefault(step, found) == found


_OFTEN = {"gradual_unfreezing": {"every_steps": 2}}
