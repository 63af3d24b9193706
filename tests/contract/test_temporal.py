"""Temporal adapters do what `test_pairs.py` asks of every pair, for each pair whose layers follow the audio."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine.config.measurement import MeasurementConfig
from engine.config.training import TrainingConfig
from engine.families.registry import FAMILIES
from engine.methods.build import build_method
from engine.ranks.ranks import RANKS_KEY, Ranks
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.evaluate import EvaluationResult, evaluate
from tests.contract.pairs import PAIRS, Pair
from tests.contract.scenes import Scene
from tests.contract.test_pairs import (
    _gradients,
    _predictions,
    test_a_stopped_run_goes_on_exactly,
    test_costs_add_up,
    test_the_lines_of_the_card_run,
    test_the_loss_does_not_depend_on_how_a_step_is_split,
    test_the_loss_falls,
    test_the_result_says_what_the_task_measures,
    test_what_was_saved_predicts_the_same,
)

__all__ = [
    "test_a_stopped_run_goes_on_exactly",
    "test_costs_add_up",
    "test_the_lines_of_the_card_run",
    "test_the_loss_does_not_depend_on_how_a_step_is_split",
    "test_the_loss_falls",
    "test_the_result_says_what_the_task_measures",
    "test_what_was_saved_predicts_the_same",
]
GATEABLE = [pair for pair in PAIRS if not pair.variant and pair.task in FAMILIES[pair.family].gateable]


@dataclass(frozen=True)
class GatedScene(Scene):
    """A scene in which adapters have gates: on a 4-bit base for `qlora`, in full precision for `lora`."""

    def config(self, **changes: Any) -> TrainingConfig:
        method = {"type": "qlora", "rank": 4, **changes.get("method", {})}
        if method["type"] in {"qlora", "lora"}:
            method = {**method, "type": "temporal", "four_bit_base": method["type"] == "qlora"}
        elif method["type"] == "full":
            del method["rank"]
        return super().config(**{**changes, "method": method})


@pytest.fixture(scope="module", params=GATEABLE, ids=lambda pair: pair.name)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    pair: Pair = request.param
    folder = tmp_path_factory.mktemp(pair.name)
    return GatedScene(pair, pair.write_model(folder / "model"), pair.write_data(folder / "data"))


@pytest.fixture(scope="module")
def trained(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path, MemorySink]:
    folder, sink = tmp_path_factory.mktemp("trained"), MemorySink()
    return scene.finetune(folder, sink), folder / "store", sink


def test_pairs_of_speech_are_among_them() -> None:
    assert {"whisper-speech_to_text", "wav2vec2-speech_to_text"} <= {pair.name for pair in GATEABLE}


@pytest.mark.parametrize("base", ["qlora", "lora"])
def test_training_begins_as_plain_lora(scene: Scene, base: str) -> None:
    """Bit by bit: the loss without its penalty, and the gradients of the adapters, all of which are dropped or not."""
    found = []
    for method in ({"type": base, "rank": 4}, {"type": base, "rank": 4, "gate_penalty": 0.0, "gate_dropout": 0.3}):
        config = Scene.config if "gate_penalty" not in method else GatedScene.config
        bound = scene.bound().with_config(config(scene, method=method))
        torch.manual_seed(3)
        model = build_method(bound.config.method).attach(bound.base, bound.reference).train()
        with torch.no_grad():  # a B of zeros would hide what the gates do to A
            for name, parameter in sorted(model.named_parameters()):
                if "lora_B" in name:
                    parameter.copy_(torch.linspace(-0.1, 0.1, parameter.numel()).view_as(parameter))
        seeds = [(0, 0, 0, index) for index in range(4)]
        loss, _ = bound.learner.loss(bound.learner.collate(scene.examples()[:4], scene.data, seeds))
        loss.backward()
        found.append((loss.detach(), {n.removeprefix("adapted."): g for n, g in _gradients(model).items()}))
    (plain_loss, plain), (gated_loss, gated) = found
    assert torch.equal(plain_loss, gated_loss)
    gates = {name for name in gated if name.startswith("gates.")}
    assert gates and gated.keys() - gates == plain.keys()
    assert all(torch.equal(plain[name], gated[name]) for name in plain)


def test_a_4_bit_base_trains_only_adapters_gates_and_heads(scene: Scene) -> None:
    bound = scene.bound()
    model = build_method(bound.config.method).attach(bound.base, bound.reference).train()
    assert "Linear4bit" in {type(module).__name__ for module in model.modules()}
    bound.learner.loss(bound.learner.collate(scene.examples()[:4], scene.data, None))[0].backward()
    learned = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    heads = tuple(f".{head}." for head in bound.base.heads)
    kinds = ("lora_", "gates.", *heads)
    assert all(any(kind in f".{name}" for kind in kinds) for name in learned)
    assert {name for name in learned if name.startswith("gates.")} == {
        name for name, _ in model.named_parameters() if name.startswith("gates.")
    }


def test_checkpointing_gives_the_same_gradients(scene: Scene) -> None:
    """Also where a base computes recordings of different lengths one after another."""
    found = []
    for recomputes in (False, True):
        bound = scene.bound(method={"type": "lora"})
        model = build_method(bound.config.method).attach(bound.base, bound.reference).train()
        with torch.no_grad():
            for name, parameter in sorted(model.named_parameters()):
                if "lora_B" in name or name.startswith("gates."):
                    parameter.copy_(torch.linspace(-0.2, 0.2, parameter.numel()).view_as(parameter))
        if recomputes:
            bound.checkpoint_activations()
        examples = scene.examples()
        batches = [bound.learner.collate(examples[start : start + 3], scene.data, None) for start in (0, 3)]
        sum(bound.learner.loss(batch)[0] for batch in batches).backward()  # type: ignore[union-attr]
        found.append(_gradients(model))
    plain, again = found
    assert plain.keys() == again.keys()
    for name in plain:
        torch.testing.assert_close(
            again[name], plain[name], rtol=1e-4, atol=1e-5 * float(plain[name].abs().max()) + 1e-7
        )


def test_the_result_has_the_static_form_and_an_evaluation_of_it_agrees(
    scene: Scene, trained: tuple[RunResult, Path, MemorySink], tmp_path: Path
) -> None:
    result, store, _ = trained
    assert result.forms.keys() == {"static"} and result.primary in result.forms["static"]
    card = (store / "adapter" / "README.md").read_text()
    assert "in the static form" in card
    full, static = (_evaluated(scene, store / "adapter", tmp_path, form) for form in ("full", "static"))
    assert (full.facts["gates"], static.facts["gates"]) == ("full", "static")
    assert full.tuned == pytest.approx(result.tuned)
    assert static.tuned == pytest.approx(result.forms["static"])
    assert _predictions(tmp_path / "full") == _predictions(store)


def _evaluated(scene: Scene, adapter: Path, folder: Path, form: str) -> EvaluationResult:
    return evaluate(
        model=str(scene.model),
        adapter=adapter,
        data=scene.data,
        training=scene.config(),
        measurement=MeasurementConfig.model_validate({"form": form, "base": False}),
        store=LocalRunStore(folder / form),
        events=MemorySink(),
        should_stop=lambda: False,
    )


def test_gates_are_drawn_and_recorded(trained: tuple[RunResult, Path, MemorySink]) -> None:
    _, store, sink = trained
    assert (store / "gates_over_time.png").read_bytes().startswith(b"\x89PNG")
    told = json.loads((store / "gates_over_time.json").read_text())
    assert 1 <= len(told["utterances"]) <= 4
    for utterance in told["utterances"]:
        assert len(utterance["r_eff"]) == len(utterance["speech"]) > 0
        assert all(1.0 <= rank <= told["rank"] for rank in utterance["r_eff"])
    artifacts = {event.data["key"] for event in sink.events if event.kind == "artifact"}
    assert {"gates_over_time.png", "gates_over_time.json", "adapter/gates.json"} <= artifacts


def test_a_stopped_run_leaves_the_same_gates(scene: Scene, tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "max_steps": 4,
        "evaluation": {"base": False},
        "checkpoint": {"every_steps": 2},
        "augmentation": {"gain_probability": 0.5},
    }
    scene.finetune(tmp_path / "whole", **changes)
    assert scene.finetune(tmp_path / "stopped", stop_after=2, **changes).status == "stopped"
    scene.finetune(tmp_path / "stopped", **changes)
    whole, stopped = (
        load_file(tmp_path / name / "store" / "adapter" / "gates.safetensors") for name in ("whole", "stopped")
    )
    assert whole.keys() == stopped.keys()
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
    assert any(bool(whole[name].abs().sum() > 0) for name in whole if name.endswith("weight_RF"))


def test_gates_have_the_ranks_that_were_allocated(scene: Scene, tmp_path: Path) -> None:
    allocation = {"type": "sketch", "probe_rank": 6, "examples": 12}
    changes: dict[str, Any] = {
        "max_steps": 2,
        "evaluation": {"base": False},
        "method": {"type": "qlora", "rank": 3, "allocation": allocation},
    }
    result = scene.finetune(tmp_path, **changes)
    assert result.ranks is not None
    ranks = Ranks.model_validate_json((tmp_path / "store" / RANKS_KEY).read_bytes()).by_name()
    gated = json.loads((tmp_path / "store" / "adapter" / "gates.json").read_text())["layers"]
    assert gated and {layer["name"]: layer["rank"] for layer in gated}.items() <= ranks.items()
    assert len({layer["rank"] for layer in gated}) > 1
    again = evaluate(
        model=str(scene.model),
        adapter=tmp_path / "store" / "adapter",
        data=scene.data,
        training=scene.config(**changes),
        measurement=MeasurementConfig(),
        store=LocalRunStore(tmp_path / "evaluation"),
        events=MemorySink(),
        should_stop=lambda: False,
    )
    assert again.tuned == pytest.approx(result.tuned)
