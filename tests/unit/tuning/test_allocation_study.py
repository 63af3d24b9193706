"""The arms of the study on ranks: as many parameters, and baselines that do what their papers say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer

from engine.adapters.lora import count_parameters
from engine.config.base import parse
from engine.config.methods.lora import LoraFields
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.data.manifest import read_examples
from engine.families.binding import Bound, bind
from engine.methods.build import build_method
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.stages.finetune import finetune
from tuning.studies.allocation.adalora import AdaLora, AdaLoraConfig
from tuning.studies.allocation.arms import ARMS
from tuning.studies.allocation.eva import Eva, EvaConfig
from tuning.studies.allocation.methods import layers_of, method_of

RANK, STEPS = 4, 20
SHORT = {"type": "short", "bucket_s": 0.5, "tail_s": 0.1}


def _config(method: LoraFields, **fields: Any) -> TrainingConfig:
    values = {"context": SHORT, "batch": {"cost": 4, "micro_batch_cost": 4}, "split": {"validation_fraction": 0.0}}
    return parse(TrainingConfig, {**values, **fields}).model_copy(update={"method": method})


def _bound(model: Path, method: LoraFields, examples: list[AnyExample]) -> Bound:
    return bind(str(model), _config(method), training=examples)


@pytest.fixture(scope="module")
def examples(tones: Path) -> list[AnyExample]:
    return read_examples(tones / "manifest.jsonl")


@pytest.mark.parametrize("name", ["encoder-only", "fusion-only", "decoder-only", "type-only", "adalora-peak"])
def test_arms_have_about_the_parameters_of_uniform(name: str, tiny_whisper: Path, examples: list[AnyExample]) -> None:
    layers = layers_of(str(tiny_whisper), parse(TrainingConfig, {}))
    uniform = RANK * sum(layer.weights for layer in layers)
    arm = next(arm for arm in ARMS if arm.name == name)
    method = method_of(arm, RANK, STEPS, 8, layers)
    bound = _bound(tiny_whisper, method, examples)
    trainable, _ = count_parameters(build_method(method).attach(bound.base, bound.reference))
    assert trainable == pytest.approx(uniform, rel=0.1)
    assert method.alpha / method.rank == 2.0


def test_eva_begins_with_the_singular_vectors_of_the_inputs(
    tiny_whisper: Path, examples: list[AnyExample], tones: Path
) -> None:
    method = EvaConfig(rank=RANK, alpha=8.0)
    bound = _bound(tiny_whisper, method, examples)
    eva = build_method(method)
    assert isinstance(eva, Eva)
    adapted: Any = eva.attach(bound.base, bound.reference)
    layers = len([name for name, _ in adapted.named_parameters() if "lora_A" in name])
    eva.look(bound.learner, examples, tones)
    rows = {name: p for name, p in adapted.named_parameters() if "lora_A" in name}
    for A_RI in rows.values():
        torch.testing.assert_close(A_RI @ A_RI.T, torch.eye(len(A_RI)), atol=1e-3, rtol=0.0)
    ranks = [len(A_RI) for A_RI in rows.values()]
    assert sum(ranks) == RANK * layers and max(ranks) <= 2 * RANK and len(set(ranks)) > 1
    assert all(p.requires_grad for name, p in adapted.named_parameters() if "lora_" in name)
    scales = {layer.scaling["default"] for layer in adapted.modules() if isinstance(layer, LoraLayer)}
    assert scales == {2.0}


def test_adalora_ends_with_the_ranks_of_its_target(tiny_whisper: Path, tones: Path, tmp_path: Path) -> None:
    method = AdaLoraConfig(rank=6, alpha=12.0, target_rank=4, steps=STEPS)
    made: list[AdaLora] = []

    class Seen(AdaLora):
        def __init__(self, config: AdaLoraConfig) -> None:
            super().__init__(config)
            made.append(self)

    config = _config(method, max_steps=STEPS, evaluation={"base": False}, seed=1, optimizer={"type": "adamw"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tuning.studies.allocation.adalora.AdaLora", Seen)
        result = finetune(
            model=str(tiny_whisper),
            data=tones,
            config=config,
            store=LocalRunStore(tmp_path),
            events=MemorySink(),
            work_dir=tmp_path / "work",
        )
    assert result.status == "succeeded"
    ranks = list(made[0].ranks().values())
    assert sum(ranks) == 4 * len(ranks) and len(set(ranks)) > 1 and max(ranks) <= 6


def test_adalora_adds_the_penalty_of_its_paper_to_the_gradient(tiny_whisper: Path, examples: list[AnyExample]) -> None:
    method = AdaLoraConfig(rank=3, alpha=6.0, target_rank=2, steps=STEPS, orthogonality=0.25)
    bound = _bound(tiny_whisper, method, examples)
    ada = build_method(method)
    adapted: Any = ada.attach(bound.base, bound.reference)
    ada.before_step(0)
    parts = [(name, p) for name, p in adapted.named_parameters() if ".lora_A." in name or ".lora_B." in name]
    first = next(p for name, p in parts if ".lora_A." in name)
    value = first.detach().clone().requires_grad_(True)
    (0.25 * torch.linalg.norm(value @ value.T - torch.eye(3)) / len(parts)).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(first.grad, value.grad)
