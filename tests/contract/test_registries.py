"""What every registered task, model family and training method must do: the same assertions for each of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from engine.config.training import MethodConfig, TrainingConfig
from engine.data.example import Utterance
from engine.data.manifest import read_manifest
from engine.metrics.registry import METRICS
from engine.models.base import load_base
from engine.models.catalogue import reference_to
from engine.models.family import load_model, read_width
from engine.models.registry import FAMILIES
from engine.tasks.task import TASKS, build_task
from tests.integration.engine.option_runs import train
from tests.mutants.fields import groups_in, type_values

METHODS = [value for variant in groups_in(get_args(MethodConfig)[0]) for value in type_values(variant)]


@pytest.fixture(scope="module")
def rows(tones: Path) -> list[Utterance]:
    return read_manifest(tones / "manifest.jsonl")[:6]


# ---- tasks


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest, tiny_whisper: Path) -> Any:
    fields = {"task": {"type": request.param, "max_new_tokens": 4}, "method": {"type": "lora"}}
    config = TrainingConfig.model_validate(fields)
    base = load_base(str(tiny_whisper), config)
    return build_task(config, base.speech, base.device, base.dtype)


def test_a_task_counts_targets_without_reading_audio(task: Any, rows: list[Utterance], tones: Path) -> None:
    nowhere = [dataclasses.replace(u, input=dataclasses.replace(u.input, audio="no/such/file.wav")) for u in rows]
    assert task.target_count(nowhere) == task.loss(task.collate(rows, tones, None))[1]
    assert task.target_count(rows) == sum(task.target_count([u]) for u in rows)
    assert len(task.lengths_s(nowhere)) == len(rows)


def test_a_task_s_loss_is_a_sum_over_utterances(task: Any, rows: list[Utterance], tones: Path) -> None:
    with torch.inference_mode():
        whole = task.loss(task.collate(rows, tones, None, whole_window=True))[0]
        parts = [task.loss(task.collate([u], tones, None, whole_window=True))[0] for u in rows]
    torch.testing.assert_close(whole, torch.stack(parts).sum(), rtol=1e-4, atol=1e-3)


def test_a_task_predicts_for_each_utterance_in_order(task: Any, rows: list[Utterance], tones: Path) -> None:
    together = task.predict(rows, tones)
    assert len(together) == len(rows)
    assert task.predict(list(reversed(rows)), tones) == list(reversed(together))
    assert task.predict([], tones) == []


def test_a_task_measures_registered_metrics_of_which_one_decides(task: Any, rows: list[Utterance], tones: Path) -> None:
    references, predictions = [u.target.text for u in rows], task.predict(rows, tones)
    values = task.score(references, predictions)
    assert values.keys() <= METRICS.keys()
    assert task.primary(rows) in values
    primary = METRICS[task.primary(rows)]
    perfect = task.score(references, references)
    assert not primary.improves(values[primary.name], perfect[primary.name])
    assert primary.improves(perfect[primary.name], task.score(references, [""] * len(rows))[primary.name])


def test_the_cost_of_a_batch_is_the_sum_over_its_examples(task: Any, rows: list[Utterance], tones: Path) -> None:
    assert task.cost_unit
    parts = [task.collate([u], tones, None).cost for u in rows]
    assert task.collate(rows, tones, None).cost == pytest.approx(sum(parts))
    assert all(cost > 0 for cost in parts)


# ---- families


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_family_saves_what_it_loads(family: str, tiny_whisper: Path, tmp_path: Path) -> None:
    speech = load_model(str(tiny_whisper))
    speech.save(tmp_path, speech.trained_context)
    again = load_model(str(tmp_path))
    mel_BMF = torch.randn(1, speech.mel_bands, 100, generator=torch.Generator().manual_seed(0))
    ids_BU = torch.tensor([[*speech.codec.prefix, *speech.codec.encode("seven")]])
    with torch.inference_mode():
        logits_BUV = speech.logits(speech.encode(mel_BMF), ids_BU)
        assert torch.equal(again.logits(again.encode(mel_BMF), ids_BU), logits_BUV)
    assert logits_BUV.shape[:2] == ids_BU.shape
    assert again.trained_context == speech.trained_context
    assert read_width(reference_to(str(tmp_path))) == read_width(reference_to(str(tiny_whisper)))


def test_a_family_s_codec_gives_a_text_back(family: str, tiny_whisper: Path) -> None:
    codec = load_model(str(tiny_whisper)).codec
    assert codec.decode(codec.encode("seven zero one")) == "seven zero one"
    assert codec.decode([*codec.prefix, *codec.encode("two"), codec.end]) == "two"


def test_a_family_s_default_targets_are_in_its_groups(family: str, tiny_whisper: Path) -> None:
    speech = load_model(str(tiny_whisper))
    linear = [name for name, module in speech.model.named_modules() if isinstance(module, torch.nn.Linear)]
    targeted = [name for name in linear if name.rpartition(".")[2] in speech.default_targets()]
    assert targeted
    assert {speech.group_of(name) for name in targeted} == {"audio_encoder", "fusion", "text_decoder"}


# ---- methods


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_measures_and_leaves_weights_with_a_card(
    method: str, tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    trained = train(tiny_whisper, tones, tmp_path, {"method": {"type": method}})
    assert (trained.result.status, trained.result.method, trained.result.steps) == ("succeeded", method, 2)
    assert trained.result.tuned is not None and trained.result.tuned.keys() <= METRICS.keys()
    assert trained.result.primary in trained.result.tuned
    assert 0 < trained.result.trainable_parameters <= trained.result.total_parameters
    store = trained.folder / "store"
    [weights] = [path for path in store.rglob("*.safetensors") if "checkpoints" not in path.parts]
    assert trained.result.saved_bytes == weights.stat().st_size
    assert (weights.parent / "README.md").read_text().startswith("---")
    assert all(torch.isfinite(tensor).all() for tensor in trained.weights(str(weights.relative_to(store))).values())
