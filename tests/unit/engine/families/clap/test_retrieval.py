from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from pydantic import ValidationError
from transformers import ClapModel, ClapProcessor

from engine.audio.reading import read_audio
from engine.config.augmentation import finetuning
from engine.config.context import FullContextConfig
from engine.config.quantization import Quantization
from engine.config.tasks.retrieval import RetrievalConfig
from engine.config.training import TrainingConfig
from engine.data.example import AudioInput, Captions, Example
from engine.errors import ConfigError
from engine.families.clap.base import ClapBase
from engine.families.clap.loading import load
from engine.families.clap.retrieval import Retrieval
from engine.families.contract import LoadOptions
from tests.unit.engine.families.clap.tiny import CAPTIONS, CPU, training

Recordings = list[Example[AudioInput, Captions]]
NF4 = LoadOptions(CPU, quantization=Quantization())


def _learner(base: ClapBase, task: RetrievalConfig | None = None, config: TrainingConfig | None = None) -> Retrieval:
    task = task or RetrievalConfig(group_size=4)
    return Retrieval(base, config or training(task.group_size), CPU, torch.float32, task)


def _adapted(model: Path, options: LoadOptions = NF4) -> tuple[ClapBase, peft.PeftModel]:
    base = load(str(model), "retrieval", options)
    lora = peft.LoraConfig(r=4, target_modules=base.default_targets(), modules_to_save=list(base.heads))
    base.model.requires_grad_(False)
    adapted = peft.get_peft_model(base.model, lora)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # an adapter that does something
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return base, adapted


def _loss(learner: Retrieval, examples: Recordings, folder: Path) -> float:
    with torch.inference_mode():
        return float(learner.loss(learner.collate(examples, folder))[0])


def _gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def _close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], atol: float = 1e-5) -> bool:
    return one.keys() == other.keys() and all(torch.allclose(one[k], other[k], atol=atol, rtol=1e-4) for k in one)


def _symmetric(output: Any, weights_K: torch.Tensor) -> torch.Tensor:
    """The loss by its formula, from the logits of plain transformers."""
    to_text_K = output.logits_per_audio.log_softmax(1).diagonal()
    to_audio_K = output.logits_per_text.log_softmax(1).diagonal()
    return -(weights_K * (to_text_K + to_audio_K)).sum() / 2


def test_loss_and_gradients_are_those_of_the_formula_on_plain_transformers_and_peft(
    tiny_clap: Path, audio: Path, examples: Recordings
) -> None:
    group = examples[:4]
    base, adapted = _adapted(tiny_clap, LoadOptions(CPU))
    learner = _learner(base)
    loss, count = learner.loss(learner.collate(group, audio))
    loss.backward()
    found = _gradients(adapted)

    plain = ClapModel.from_pretrained(tiny_clap).eval()
    plain.requires_grad_(False)
    reference = peft.get_peft_model(
        plain,
        peft.LoraConfig(r=4, target_modules=["query", "key", "value", "dense", "reduction", "linear1", "linear2"]),
    )
    reference.load_state_dict(adapted.state_dict())
    processor = ClapProcessor.from_pretrained(tiny_clap)
    texts = [e.target.captions[0] for e in group]
    inputs = processor(text=texts, return_tensors="pt", padding=True)
    inputs["input_features"] = learner.collate(group, audio).mel_B1FM
    output = reference(**inputs, return_loss=True)
    expected = _symmetric(output, torch.ones(4))
    expected.backward()
    assert count == 4
    assert loss.dtype == torch.float32
    assert torch.allclose(loss, expected, atol=1e-5)
    assert _close(found, _gradients(reference))
    assert any(grad.abs().max() > 1e-3 for grad in found.values())
    # transformers' own loss seeks the recording for a text in both of its terms: hence the formula.
    own = torch.arange(4)
    both_to_audio = torch.nn.functional.cross_entropy(
        output.logits_per_audio.T, own
    ) + torch.nn.functional.cross_entropy(output.logits_per_text, own)
    assert torch.allclose(output.loss, both_to_audio / 2)


def test_features_of_a_batch_are_those_of_the_processor(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    batch = _learner(base).collate(examples[:4], audio)
    short = [e for e in examples[:4] if e.input.duration_s < 1.0]
    assert short
    for e in short:
        wave_T = read_audio(audio / e.input.audio, 48_000)
        expected = base.processor(audio=wave_T, sampling_rate=48_000, return_tensors="pt")["input_features"]
        assert torch.allclose(batch.mel_B1FM[examples.index(e)], expected[0].float(), atol=2e-3)


def test_only_adapters_learn(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    base, adapted = _adapted(tiny_clap)
    learner = _learner(base)
    loss, _ = learner.loss(learner.collate(examples, audio))
    loss.backward()
    gradients = _gradients(adapted)
    assert gradients.keys() == {name for name, _ in adapted.named_parameters() if "lora_" in name}
    assert all(torch.isfinite(grad).all() for grad in gradients.values())


def _units(count: int, unit: int) -> list[range]:
    return [range(start, min(start + unit, count)) for start in range(0, count, unit)]


def test_splitting_a_step_between_groups_changes_nothing(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    step = [dataclasses.replace(e, weight=w) for e, w in zip(examples[:11], np.linspace(0.5, 2.0, 11), strict=True)]
    base, adapted = _adapted(tiny_clap)
    learner = _learner(base)
    seeds = [(7, i) for i in range(len(step))]
    adapted.train()
    loss, count = learner.loss(learner.collate(step, audio, seeds))
    (loss / count).backward()
    whole = _gradients(adapted)
    assert count == learner.target_count(step) == 11

    # As a loop splits it over two workers and into micro-batches: by units, which stay in their order.
    units = _units(len(step), learner.unit)
    for pieces in ([units[0::2], units[1::2]], [[unit] for unit in units]):
        total, counted = 0.0, 0
        for piece in pieces:
            rows = [row for unit in piece for row in unit]
            part, targets = learner.loss(
                learner.collate([step[row] for row in rows], audio, [seeds[row] for row in rows])
            )
            (part / learner.target_count(step)).backward()
            total, counted = total + float(part.detach()), counted + targets
        assert counted == 11
        assert total == pytest.approx(float(loss.detach()), rel=1e-5)
        assert _close(_gradients(adapted), whole)


def test_a_recordings_loss_does_depend_on_its_group(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    # Why the group is the unit: split inside it, the loss is another.
    learner = _learner(load(str(tiny_clap), "retrieval", LoadOptions(CPU)))
    halves = [_loss(learner, examples[i : i + 2], audio) for i in (0, 2)]
    assert abs(_loss(learner, examples[:4], audio) - sum(halves)) > 0.1
    assert _loss(learner, examples[:1], audio) == 0.0


def _weighted(examples: Recordings, weights: list[float]) -> Recordings:
    return [dataclasses.replace(e, weight=w) for e, w in zip(examples, weights, strict=True)]


def test_weights_multiply_each_recordings_loss(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    learner = _learner(load(str(tiny_clap), "retrieval", LoadOptions(CPU)))
    group = examples[:4]
    plain = _loss(learner, group, audio)
    assert _loss(learner, _weighted(group, [1.0] * 4), audio) == plain
    each = [_loss(learner, _weighted(group, [float(i == row) for i in range(4)]), audio) for row in range(4)]
    assert sum(each) == pytest.approx(plain, rel=1e-5)
    assert _loss(learner, _weighted(group, [1.0, 1.0, 2.0, 1.0]), audio) == pytest.approx(plain + each[2], rel=1e-5)
    assert learner.loss(learner.collate(_weighted(group, [2.0] * 4), audio))[1] == 4


def test_a_text_that_is_right_for_several_recordings_is_no_negative(
    tiny_clap: Path, audio: Path, examples: Recordings
) -> None:
    learner = _learner(load(str(tiny_clap), "retrieval", LoadOptions(CPU)))
    # Two recordings of the first class, one of the second: each of the two has the loss that it has without the other.
    first, second, other = examples[0], examples[4], examples[1]
    assert first.target == second.target
    right_BB = learner.collate([first, second, other], audio).right_BB
    assert right_BB.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    for weights, one in (([1.0, 0.0, 0.0], first), ([0.0, 1.0, 0.0], second)):
        together = _loss(learner, _weighted([first, second, other], weights), audio)
        assert together == pytest.approx(_loss(learner, _weighted([one, other], [1.0, 0.0]), audio), rel=1e-4)


def test_text_and_crop_are_drawn_by_seed_in_training_only(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    learner = _learner(load(str(tiny_clap), "retrieval", LoadOptions(CPU)))
    long = next(e for e in examples if e.input.duration_s > 1.3)
    still = learner.collate([long], audio)
    drawn = [learner.collate([long], audio, [(0, i)]) for i in range(8)]
    again = learner.collate([long], audio, [(0, 3)])
    assert torch.equal(again.mel_B1FM, drawn[3].mel_B1FM)
    assert torch.equal(again.ids_BU, drawn[3].ids_BU)
    assert len({tuple(batch.ids_BU[0].tolist()) for batch in drawn}) == 2
    assert tuple(still.ids_BU[0].tolist()) == tuple(learner._base.tokens(long.target.captions[0]))
    assert not torch.equal(drawn[0].mel_B1FM, drawn[1].mel_B1FM)
    # The draw of one recording does not depend on the others.
    together = learner.collate([examples[0], long], audio, [(9, 9), (0, 3)])
    assert torch.equal(together.mel_B1FM[1], drawn[3].mel_B1FM[0])


def test_augmentation_changes_training_audio_by_seed(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    changes = finetuning().model_copy(update={"vocal_tract_probability": 0.0})
    learner = _learner(base, config=training(4, augmentation=changes))
    plain = _learner(base).collate(examples[:4], audio, [(0, i) for i in range(4)])
    batch = learner.collate(examples[:4], audio, [(0, i) for i in range(4)])
    assert batch.mel_B1FM.shape == plain.mel_B1FM.shape == (4, 1, 51, 16)
    assert not torch.allclose(batch.mel_B1FM, plain.mel_B1FM)
    assert torch.equal(learner.collate(examples[:4], audio, [(0, i) for i in range(4)]).mel_B1FM, batch.mel_B1FM)
    still = _learner(base).collate(examples[:4], audio)
    assert torch.equal(learner.collate(examples[:4], audio).mel_B1FM, still.mel_B1FM)


def test_predictions_are_unit_embeddings_that_do_not_depend_on_neighbours(
    tiny_clap: Path, audio: Path, examples: Recordings
) -> None:
    learner = _learner(load(str(tiny_clap), "retrieval", NF4))
    heard: list[int] = []
    together = learner.predict(examples, audio, heard.append)
    assert sum(heard) == len(examples)
    for e, prediction in list(zip(examples, together, strict=True))[::3]:
        assert isinstance(prediction, dict)
        alone = learner.predict([e], audio)[0]
        assert isinstance(alone, dict)
        assert len(prediction["texts"]) == 2
        for vector, other in zip(
            [prediction["audio"], *prediction["texts"]], [alone["audio"], *alone["texts"]], strict=True
        ):
            assert np.allclose(vector, other, atol=2e-6)
            assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
            assert all(value == round(value, 6) for value in vector)


def test_a_prompt_stands_around_every_text(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    learner = _learner(base, RetrievalConfig(group_size=4, prompt="hum {}!"))
    batch = learner.collate(examples[:1], audio)
    assert batch.ids_BU[0].tolist() == base.tokens(f"hum {examples[0].target.captions[0]}!")
    bare = _learner(base).predict(examples[:1], audio)[0]
    prompted = learner.predict(examples[:1], audio)[0]
    assert isinstance(bare, dict)
    assert isinstance(prompted, dict)
    assert bare["audio"] == prompted["audio"]
    assert bare["texts"] != prompted["texts"]


def test_half_precision_computes_a_loss_in_float32(tiny_clap: Path, audio: Path, examples: Recordings) -> None:
    base = load(str(tiny_clap), "retrieval", NF4)
    half = Retrieval(base, training(), CPU, torch.bfloat16, RetrievalConfig(group_size=4))
    found, _ = half.loss(half.collate(examples[:4], audio))
    assert found.dtype == torch.float32
    assert float(found.detach()) == pytest.approx(_loss(_learner(base), examples[:4], audio), rel=0.05)


def test_a_prompt_has_one_place_for_the_text() -> None:
    assert RetrievalConfig(prompt="This is a sound of {}.").prompt == "This is a sound of {}."
    for faulty in ("a sound", "{} and {}", "{text}"):
        with pytest.raises(ValidationError, match="prompt"):
            RetrievalConfig(prompt=faulty)


def test_misfits_and_costs(tiny_clap: Path, examples: Recordings) -> None:
    learner = _learner(load(str(tiny_clap), "retrieval", LoadOptions(CPU)))
    none = Example("none", AudioInput("a.wav", 0.0, 1.0), Captions(()))
    long = Example("long", AudioInput("a.wav", 0.0, 90.0), Captions(("a", "hum " * 20)))
    fits = Example("fits", AudioInput("a.wav", 0.0, 0.25), Captions(("a",)))
    tokens = len(learner._base.tokens("hum " * 20))
    assert tokens > 32
    assert learner.misfits([none, long, fits, *examples]) == {
        "none": "no caption; at least one is needed",
        "long": f"{tokens} tokens of text; at most 32 fit",
    }
    assert learner.costs([long, fits]) == [1.0, 0.25]  # of long recordings, a window is heard
    assert learner.padded_costs([long, fits]) == [1.0, 1.0]
    assert learner.cost_unit == "audio_s"


def test_faults_of_the_config_are_reported_together(tiny_clap: Path) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    faulty = TrainingConfig.model_validate(
        {
            "batch": {"cost": 3.0, "micro_batch_cost": 2.0, "max_examples": 3},
            "context": {"type": "short"},
            "augmentation": {"vocal_tract_probability": 0.3},
            "gradient_checkpointing": True,
            "label_smoothing": 0.1,
        }
    )
    with pytest.raises(ConfigError) as caught:
        _learner(base, RetrievalConfig(group_size=4, train_temperature=True), faulty)
    assert [fault.path for fault in caught.value.faults] == [
        "batch.cost",
        "batch.micro_batch_cost",
        "batch.max_examples",
        "task.train_temperature",
        "context.type",
        "gradient_checkpointing",
        "augmentation.vocal_tract_probability",
        "label_smoothing",
    ]
    assert "found 3; a group of 4 recordings takes 4 s: set it to at least that" in str(caught.value)
    assert _learner(base).config.context == FullContextConfig()


@pytest.mark.parametrize("trained", [False, True])
def test_the_temperature_learns_only_if_it_is_asked(
    tiny_clap: Path, audio: Path, examples: Recordings, trained: bool
) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    task = RetrievalConfig(group_size=4, train_temperature=trained)
    learner = _learner(base, task, training(4, method={"type": "full"}))
    base.model.requires_grad_(True)
    base.freeze_constants()
    loss, _ = learner.loss(learner.collate(examples[:4], audio))
    loss.backward()
    assert {name for name, p in base.model.named_parameters() if "logit_scale" in name and p.grad is not None} == (
        {"logit_scale_a", "logit_scale_t"} if trained else set()
    )
    for scale in base.scales:
        scale.data.fill_(9.0)
    highest = [float(scale.detach()) for scale in learner._scales()]
    assert highest == pytest.approx([100.0, 100.0] if trained else [np.exp(9.0)] * 2, rel=1e-4)


def _recall(predictions: list[Any]) -> float:
    audio_BD = np.array([p["audio"] for p in predictions])
    text_BD = np.array([p["texts"][0] for p in predictions])
    return float(np.mean((audio_BD @ text_BD[: len(CAPTIONS)].T).argmax(1) == np.arange(len(audio_BD)) % len(CAPTIONS)))


def test_a_few_steps_teach_which_text_belongs_to_which_recording(
    tiny_clap: Path, audio: Path, examples: Recordings, tmp_path: Path
) -> None:
    base, adapted = _adapted(tiny_clap)
    learner = _learner(base)
    optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=1e-2)
    adapted.train()
    losses = []
    for step in range(25):
        loss, count = learner.loss(learner.collate(examples, audio, [(step, i) for i in range(len(examples))]))
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
        losses.append(float(loss.detach()) / count)
    adapted.eval()
    predictions = learner.predict(examples, audio)
    assert losses[-1] < 0.2 < 0.8 < losses[0]
    assert _recall(predictions) == 1.0

    adapted.save_pretrained(str(tmp_path))
    again = load(str(tiny_clap), "retrieval", NF4)
    peft.PeftModel.from_pretrained(again.model, str(tmp_path)).eval()
    for found, expected in zip(_learner(again).predict(examples, audio), predictions, strict=True):
        assert isinstance(found, dict)
        assert isinstance(expected, dict)
        assert np.allclose(found["audio"], expected["audio"], atol=2e-6)
        assert np.allclose(found["texts"], expected["texts"], atol=2e-6)
