from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import soundfile
import torch
from transformers import (
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    VoxtralForConditionalGeneration,
    VoxtralProcessor,
)

from engine.audio.reading import read_audio
from engine.config.augmentation import finetuning
from engine.config.context import FullContextConfig
from engine.config.quantization import Quantization
from engine.config.tasks.captioning import CaptioningConfig
from engine.config.training import TrainingConfig
from engine.data.example import AudioInput, Captions, Example, Text
from engine.errors import ConfigError
from engine.families.audio_llm.answering import Answering
from engine.families.audio_llm.base import AudioLlmBase
from engine.families.audio_llm.captioning import Captioning
from engine.families.audio_llm.hearing import hear
from engine.families.audio_llm.loading import load
from engine.families.audio_llm.speech_to_text import SpeechToText
from engine.families.contract import LoadOptions
from tests.unit.engine.families.audio_llm.tiny import CPU, KINDS, captioned

Transcribed = list[Example[AudioInput, Text]]
Tiny = Callable[[str], Path]
NF4 = LoadOptions(CPU, quantization=Quantization())
PLAIN = {"qwen2_audio": Qwen2AudioForConditionalGeneration, "voxtral": VoxtralForConditionalGeneration}


def _speech(base: AudioLlmBase, **config: Any) -> Answering:
    return SpeechToText(base, TrainingConfig.model_validate(config), CPU, torch.float32)


def _lora(model: torch.nn.Module, targets: list[str]) -> peft.PeftModel:
    model.requires_grad_(False)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=targets))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # an adapter that does something
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return adapted


def _adapted(folder: Path, options: LoadOptions = NF4) -> tuple[AudioLlmBase, peft.PeftModel]:
    base = load(str(folder), "speech_to_text", options)
    return base, _lora(base.model, base.default_targets())


def _gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def _close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Equal to 1e-5, relative to the largest gradient of each weight."""
    return one.keys() == other.keys() and all(
        torch.allclose(one[k], other[k], rtol=0.0, atol=1e-5 * max(1.0, float(other[k].abs().max()))) for k in one
    )


def _loss(learner: Answering, examples: Any, folder: Path) -> float:
    with torch.inference_mode():
        return float(learner.loss(learner.collate(examples, folder))[0])


def _qwen_inputs(folder: Path, examples: Transcribed, audio: Path) -> dict[str, torch.Tensor]:
    """Inputs and labels from plain transformers: the chat as text, the answer's tokens at the end of each row."""
    processor = Qwen2AudioProcessor.from_pretrained(folder)
    content = [{"type": "audio", "audio_url": "a.wav"}, {"type": "text", "text": "Transcribe the speech."}]
    chat = [{"role": "user", "content": content}]
    prompt = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    answers = [f"{e.target.text}<|im_end|>" for e in examples]
    waves = [read_audio(audio / e.input.audio) for e in examples]
    inputs = processor(
        text=[prompt + answer for answer in answers],
        audio=waves,
        sampling_rate=16_000,
        return_tensors="pt",
        padding=True,
        padding_side="right",
    )
    labels_BU = torch.full_like(inputs["input_ids"], -100)
    for row, answer in enumerate(answers):
        end, count = int(inputs["attention_mask"][row].sum()), len(processor.tokenizer(answer)["input_ids"])
        labels_BU[row, end - count : end] = inputs["input_ids"][row, end - count : end]
    return {**inputs, "labels": labels_BU}


def _voxtral_inputs(folder: Path, examples: Transcribed, audio: Path) -> dict[str, torch.Tensor]:
    processor = VoxtralProcessor.from_pretrained(folder)
    prompt = "<s>[INST][BEGIN_AUDIO]" + "[AUDIO]" * 25 + "[/INST][TRANSCRIBE]"
    tokenizer = processor.tokenizer
    tokenizer.pad_token = "<pad>"
    answers = [f"{e.target.text}</s>" for e in examples]
    inputs = tokenizer([prompt + answer for answer in answers], return_tensors="pt", padding=True, padding_side="right")
    features_WMF = processor._retrieve_input_features(
        [read_audio(audio / e.input.audio) for e in examples],
        200,
        sampling_rate=16_000,
        padding=True,
        truncation=False,
        pad_to_multiple_of=32_000,
        return_tensors="pt",
    )
    labels_BU = inputs["input_ids"].clone()
    labels_BU[:, : len(tokenizer(prompt)["input_ids"])] = -100
    labels_BU[inputs["attention_mask"] == 0] = -100
    return {
        "input_ids": inputs["input_ids"],
        "attention_mask": inputs["attention_mask"],
        "input_features": features_WMF,
        "labels": labels_BU,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradients_are_those_of_plain_transformers_and_peft(
    tiny: Tiny, audio: Path, examples: Transcribed, kind: str
) -> None:
    base, adapted = _adapted(tiny(kind), LoadOptions(CPU))
    learner = _speech(base)
    loss, count = learner.loss(learner.collate(examples, audio))
    loss.backward()
    found = _gradients(adapted)

    plain = _lora(PLAIN[kind].from_pretrained(tiny(kind)).eval(), base.default_targets())
    plain.load_state_dict(adapted.state_dict())
    inputs = (_qwen_inputs if kind == "qwen2_audio" else _voxtral_inputs)(tiny(kind), examples, audio)
    expected = plain(**inputs).loss * count
    expected.backward()
    assert loss.dtype == torch.float32
    assert count == int((inputs["labels"] != -100).sum())
    assert torch.allclose(loss, expected, rtol=1e-5, atol=1e-5)
    assert _close(found, _gradients(plain))
    assert any(grad.abs().max() > 1e-2 for grad in found.values())


@pytest.mark.parametrize("kind", KINDS)
def test_only_adapters_learn(tiny: Tiny, audio: Path, examples: Transcribed, kind: str) -> None:
    base, adapted = _adapted(tiny(kind))
    learner = _speech(base)
    learner.loss(learner.collate(examples, audio))[0].backward()
    gradients = _gradients(adapted)
    assert gradients.keys() == {name for name, _ in adapted.named_parameters() if "lora_" in name}
    assert all(torch.isfinite(grad).all() for grad in gradients.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("captions", [False, True])
def test_splitting_a_batch_changes_nothing(
    tiny: Tiny, audio: Path, examples: Transcribed, kind: str, captions: bool
) -> None:
    base, adapted = _adapted(tiny(kind))
    config = TrainingConfig(label_smoothing=0.1, augmentation=finetuning())
    learner: Answering = SpeechToText(base, config, CPU, torch.float32)
    step: list[Any] = list(examples)
    if captions:
        learner, step = Captioning(base, config, CPU, torch.float32), list(captioned(examples))
    step = [dataclasses.replace(e, weight=0.5 + row) for row, e in enumerate(step)]
    seeds = [(3, row) for row in range(len(step))]
    adapted.train()
    loss, count = learner.loss(learner.collate(step, audio, seeds))
    loss.backward()
    whole = _gradients(adapted)
    assert count == learner.target_count(step)
    total, counted, parts = 0.0, 0, []
    for e, seed in zip(step, seeds, strict=True):
        part, targets = learner.loss(learner.collate([e], audio, [seed]))
        part.backward()
        parts.append(_gradients(adapted))
        total, counted = total + float(part.detach()), counted + targets
    assert counted == count
    assert total == pytest.approx(float(loss.detach()), rel=1e-5)
    assert all(part.keys() == whole.keys() for part in parts)
    for name, gradient in whole.items():
        of_parts = torch.stack([part[name] for part in parts])
        # Rounding is relative to the terms of a sum: the examples' gradients partly cancel out.
        terms = float(of_parts.abs().sum(dim=0).max())
        torch.testing.assert_close(of_parts.sum(dim=0), gradient, rtol=0.0, atol=1e-5 * max(1.0, terms))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_multiply_each_examples_loss(tiny: Tiny, audio: Path, examples: Transcribed, kind: str) -> None:
    base = load(str(tiny(kind)), "captioning", LoadOptions(CPU))
    learner = Captioning(base, TrainingConfig(), CPU, torch.float32)
    step = captioned(examples)[:3]
    each = [_loss(learner, [e], audio) for e in step]
    plain = _loss(learner, step, audio)
    assert plain == pytest.approx(sum(each), rel=1e-5)
    assert _loss(learner, [dataclasses.replace(e, weight=1.0) for e in step], audio) == plain
    doubled = [dataclasses.replace(e, weight=2.0 if row == 1 else 1.0) for row, e in enumerate(step)]
    assert _loss(learner, doubled, audio) == pytest.approx(plain + each[1], rel=1e-5)
    assert learner.loss(learner.collate(doubled, audio))[1] == learner.target_count(step)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_plain_greedy_answers_that_do_not_depend_on_neighbours(
    tiny: Tiny, audio: Path, examples: Transcribed, kind: str
) -> None:
    base = load(str(tiny(kind)), "speech_to_text", LoadOptions(CPU))
    learner = _speech(base, task={"max_new_tokens": 12}, evaluation={"batch_audio_s": 8.0})
    heard: list[int] = []
    together = learner.predict(examples, audio, heard.append)
    assert heard == [4, 2]
    assert together == [learner.predict([e], audio)[0] for e in examples]
    assert len(set(together)) > 1

    # Token by token with plain forward passes, although the published generation config samples and penalises.
    assert base.model.generation_config.repetition_penalty == 5.0
    plain = PLAIN[kind].from_pretrained(tiny(kind)).eval()
    inputs = (_qwen_inputs if kind == "qwen2_audio" else _voxtral_inputs)(tiny(kind), examples[:1], audio)
    start = int((inputs["labels"][0] != -100).nonzero()[0])
    ids_BU, written = inputs["input_ids"][:, :start], []
    rest = {k: v for k, v in inputs.items() if "feature" in k}
    for _ in range(12):
        with torch.inference_mode():
            logits_BUV = plain(input_ids=ids_BU, attention_mask=torch.ones_like(ids_BU), **rest).logits
        written.append(int(logits_BUV[0, -1].argmax()))
        if written[-1] in base._ends(learner._prompt):
            written.pop()
            break
        ids_BU = torch.cat([ids_BU, torch.tensor([[written[-1]]])], dim=1)
    assert base.decode(written).strip() == together[0]


def test_recordings_of_several_windows_are_answered_beside_short_ones(tiny: Tiny, audio: Path, tmp_path: Path) -> None:
    base = load(str(tiny("voxtral")), "speech_to_text", LoadOptions(CPU))
    wave_T = torch.sin(torch.arange(80_000) / 20.0) * 0.3
    soundfile.write(tmp_path / "long.wav", wave_T.numpy(), 16_000, subtype="FLOAT")
    inputs = [AudioInput("long.wav", 0.0, 5.0), AudioInput("long.wav", 1.0, 1.0), AudioInput("long.wav", 0.5, 3.0)]
    step = [Example(str(i), audio_input, Text("low hum")) for i, audio_input in enumerate(inputs)]
    learner = _speech(base, task={"max_new_tokens": 6})
    assert learner.padded_costs(step) == [6.0, 2.0, 4.0]
    assert [len(heard.mel_WMF) for heard in learner.collate(step, tmp_path).heard] == [3, 1, 2]
    assert _loss(learner, step, tmp_path) == pytest.approx(sum(_loss(learner, [e], tmp_path) for e in step), rel=1e-5)
    assert learner.predict(step, tmp_path) == [learner.predict([e], tmp_path)[0] for e in step]


def test_the_shortest_recording_has_two_positions(tiny: Tiny, tmp_path: Path) -> None:
    # With one, transformers would take the placeholder for one that is not expanded.
    soundfile.write(tmp_path / "short.wav", torch.ones(160).numpy() * 0.1, 16_000, subtype="FLOAT")
    learner = _speech(load(str(tiny("qwen2_audio")), "speech_to_text", LoadOptions(CPU)))
    batch = learner.collate([Example("a", AudioInput("short.wav", 0.0, 0.01), Text("x"))], tmp_path)
    assert int((batch.ids_BU == 259).sum()) == 2
    assert torch.isfinite(learner.loss(batch)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_augmentation_changes_training_audio_by_seed(tiny: Tiny, audio: Path, examples: Transcribed, kind: str) -> None:
    base = load(str(tiny(kind)), "speech_to_text", LoadOptions(CPU))
    learner = _speech(base, augmentation=finetuning())
    seeds = [(0, row) for row in range(3)]
    one, again = (learner.collate(examples[:3], audio, seeds) for _ in range(2))
    still = _speech(base).collate(examples[:3], audio, seeds)
    for heard, other, plain, alone in zip(one.heard, again.heard, still.heard, examples[:3], strict=True):
        assert torch.equal(heard.mel_WMF, other.mel_WMF)
        assert not torch.equal(heard.mel_WMF, plain.mel_WMF)
        assert torch.equal(learner.collate([alone], audio).heard[0].mel_WMF, plain.mel_WMF)


def test_masks_fall_on_the_audio_and_not_on_the_silence_after_it(tiny: Tiny, audio: Path) -> None:
    base = load(str(tiny("voxtral")), "speech_to_text", LoadOptions(CPU))
    learner = _speech(base, augmentation={"mask_times": 1, "mask_time_s": 1.0})
    short = Example("a", AudioInput("0-0.wav", 0.0, 0.3), Text("x"))
    plain_MF = learner.collate([short], audio).heard[0].mel_WMF[0]
    masked = []
    for seed in range(40):
        mel_MF = learner.collate([short], audio, [(seed,)]).heard[0].mel_WMF[0]
        changed_F = (mel_MF != plain_MF).any(dim=0)
        assert not changed_F[30:].any()
        masked.append(int(changed_F.sum()))
    assert max(masked) == 6  # a fifth of the 30 frames
    assert sum(count > 0 for count in masked) > 25


def test_labels_are_smoothed_in_training_only(tiny: Tiny, audio: Path, examples: Transcribed) -> None:
    base = load(str(tiny("voxtral")), "speech_to_text", LoadOptions(CPU))
    plain, smoothed = _speech(base), _speech(base, label_smoothing=0.2)
    assert _loss(smoothed, examples[:2], audio) == _loss(plain, examples[:2], audio)
    base.model.train()
    assert _loss(smoothed, examples[:2], audio) != _loss(plain, examples[:2], audio)


def test_a_transcript_is_as_long_as_whispers_for_each_window_unless_the_config_says(tiny: Tiny) -> None:
    base = load(str(tiny("voxtral")), "speech_to_text", LoadOptions(CPU))
    assert [_speech(base)._max_new_tokens(windows) for windows in (1, 3)] == [448, 1344]
    assert _speech(base, task={"max_new_tokens": 7})._max_new_tokens(3) == 7


def test_misfits_and_costs(tiny: Tiny, examples: Transcribed) -> None:
    def example(name: str, duration_s: float, *texts: str) -> Example[AudioInput, Captions]:
        return Example(name, AudioInput("a.wav", 0.0, duration_s), Captions(texts))

    step = [
        example("none", 1.0),
        example("long", 2.5, "x"),
        example("text", 1.0, "x", "y" * 200),
        example("fits", 1.0, "x"),
    ]
    config = TrainingConfig()
    qwen = Captioning(load(str(tiny("qwen2_audio")), "captioning", LoadOptions(CPU)), config, CPU, torch.float32)
    # The prompt takes its own tokens, 1 s of audio 25 positions, the text 200 tokens and an end.
    prompt = qwen._prompt.text_tokens
    assert qwen.misfits(step) == {
        "none": "no caption; at least one is needed",
        "long": "2.5 s of audio; at most 2.0 s fit",
        "text": f"{prompt + 25 + 201} positions of prompt, audio and text; at most 256 fit",
    }
    assert qwen.costs(step[1:]) == [2.5, 2.0, 1.0]
    assert qwen.padded_costs(step[1:]) == [2.0, 4.0, 2.0]
    voxtral = Captioning(load(str(tiny("voxtral")), "captioning", LoadOptions(CPU)), config, CPU, torch.float32)
    prompt = voxtral._prompt.text_tokens
    assert voxtral.misfits([*step, example("hour", 3600.0, "x")]) == {
        "none": "no caption; at least one is needed",
        "text": f"{prompt + 25 + 201} positions of prompt, audio and text; at most 256 fit",
        "hour": f"{prompt + 1800 * 25 + 2} positions of prompt, audio and text; at most 256 fit",
    }
    assert not qwen.misfits(captioned(examples))
    assert qwen.cost_unit == "audio_s"


@pytest.mark.parametrize("kind", KINDS)
def test_the_boundaries_of_misfits_are_what_the_model_computes(tiny: Tiny, audio: Path, kind: str) -> None:
    base = load(str(tiny(kind)), "captioning", LoadOptions(CPU))
    learner = Captioning(base, TrainingConfig(), CPU, torch.float32)
    room = base.most_positions - learner._prompt.text_tokens - learner._base.architecture.positions(50, 1)
    fits = Example("fits", AudioInput("0-0.wav", 0.0, 0.5), Captions(("y" * (room - 1),)))
    assert not learner.misfits([fits])
    assert learner.collate([fits], audio).ids_BU.shape == (1, base.most_positions)
    assert list(learner.misfits([dataclasses.replace(fits, target=Captions(("y" * room,)))])) == ["fits"]


def test_a_short_context_is_refused(tiny: Tiny) -> None:
    base = load(str(tiny("voxtral")), "captioning", LoadOptions(CPU))
    with pytest.raises(
        ConfigError, match=r"context.type: found short; these models hear whole windows: set it to auto"
    ):
        _speech(base, context={"type": "short"})
    assert _speech(base).config.context == FullContextConfig()


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_computes_a_loss_in_float32(tiny: Tiny, audio: Path, examples: Transcribed, kind: str) -> None:
    base = load(str(tiny(kind)), "speech_to_text", NF4)
    half = SpeechToText(base, TrainingConfig(), CPU, torch.bfloat16)
    found, _ = half.loss(half.collate(examples[:2], audio))
    assert found.dtype == torch.float32
    assert float(found.detach()) == pytest.approx(_loss(_speech(base), examples[:2], audio), rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_steps_teach_the_texts(tiny: Tiny, audio: Path, examples: Transcribed, kind: str, tmp_path: Path) -> None:
    base, adapted = _adapted(tiny(kind))
    learner = _speech(base, task={"max_new_tokens": 24})
    optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=1e-2)
    adapted.train()
    batch, losses = learner.collate(examples, audio), []
    for _ in range(50):
        loss, count = learner.loss(batch)
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
        losses.append(float(loss.detach()) / count)
    adapted.eval()
    predictions = learner.predict(examples, audio)
    assert losses[0] > 4.0
    assert losses[-1] < 0.1
    assert predictions == [e.target.text for e in examples]
    heard = hear(audio, examples[0].input, base.hearing)
    assert base.generate(learner._prompt, [heard], 24) == [base.encode(examples[0].target.text)]  # without its end

    adapted.save_pretrained(str(tmp_path))
    again = load(str(tiny(kind)), "speech_to_text", NF4)
    peft.PeftModel.from_pretrained(again.model, str(tmp_path)).eval()
    assert _speech(again).predict(examples, audio) == predictions


def test_captioning_asks_what_the_config_says(tiny: Tiny, audio: Path, examples: Transcribed) -> None:
    base = load(str(tiny("voxtral")), "captioning", LoadOptions(CPU))
    asked = []
    for prompt in ("What?", "Describe all sounds in one sentence."):
        task = CaptioningConfig(prompt=prompt)
        learner = Captioning(base, TrainingConfig(task=task), CPU, torch.float32, task)
        ids_U = learner.collate(captioned(examples)[:1], audio, None).ids_BU[0].tolist()
        words = base.encode(prompt)
        assert any(ids_U[place : place + len(words)] == words for place in range(len(ids_U)))
        asked.append(ids_U)
    assert asked[0] != asked[1]


def test_captioning_predicts_captions(tiny: Tiny, audio: Path, examples: Transcribed) -> None:
    base = load(str(tiny("voxtral")), "captioning", LoadOptions(CPU))
    task = CaptioningConfig(prompt="What?", max_new_tokens=5)
    learner = Captioning(base, TrainingConfig(), CPU, torch.float32, task)
    found = learner.predict(captioned(examples), audio)
    assert len(found) == len(examples)
    assert all(isinstance(text, str) and len(base.encode(text)) <= 15 for text in found)
    longer = Captioning(base, TrainingConfig(), CPU, torch.float32, CaptioningConfig(prompt="What?", max_new_tokens=9))
    assert all(
        str(b).startswith(str(a)[:3]) for a, b in zip(found, longer.predict(captioned(examples), audio), strict=True)
    )
