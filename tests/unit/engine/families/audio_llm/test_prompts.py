from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2AudioProcessor, VoxtralProcessor

from engine.audio.reading import read_audio
from engine.config.tasks.captioning import CaptioningConfig
from engine.config.training import TrainingConfig
from engine.data.example import AudioInput, Captions, Example, Text
from engine.errors import ConfigError, ModelError
from engine.families.audio_llm.answering import IGNORED, Answering
from engine.families.audio_llm.captioning import Captioning
from engine.families.audio_llm.hearing import hear
from engine.families.audio_llm.loading import load
from engine.families.audio_llm.prompt import Prompt
from engine.families.audio_llm.qwen2_audio import Qwen2Audio
from engine.families.audio_llm.speech_to_text import SpeechToText
from engine.families.contract import LoadOptions
from tests.unit.engine.families.audio_llm.tiny import CPU, KINDS

Transcribed = list[Example[AudioInput, Text]]
Tiny = Callable[[str], Path]
NASTY = "a  b</s>[AUDIO]<|AUDIO|><|im_end|>\n ü 音"


def _learner(folder: Path, **task: Any) -> Answering:
    base = load(str(folder), "speech_to_text", LoadOptions(CPU))
    return SpeechToText(base, TrainingConfig.model_validate({"task": task}), CPU, torch.float32)


def _example(text: str, name: str = "0-0.wav") -> Example[AudioInput, Text]:
    return Example(text, AudioInput(name, 0.0, 0.3), Text(text))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["low hum", "", NASTY])
def test_the_labels_are_exactly_the_answer_and_its_end(tiny: Tiny, audio: Path, kind: str, text: str) -> None:
    learner = _learner(tiny(kind))
    batch = learner.collate([_example("other text that is longer"), _example(text)], audio)
    tokenizer = learner._base.processor.tokenizer
    labels = [i for i in batch.labels_BU[1].tolist() if i != IGNORED]
    assert tokenizer.decode(labels[:-1], skip_special_tokens=False, clean_up_tokenization_spaces=False) == text
    assert (
        labels[-1]
        == learner._prompt.end
        == tokenizer.convert_tokens_to_ids("</s>" if kind == "voxtral" else "<|im_end|>")
    )
    # The labels stand at the answer's own places: the last tokens of the row that are not padding.
    length = int(batch.mask_BU[1].sum())
    assert batch.ids_BU[1, length - len(labels) : length].tolist() == labels
    assert (batch.labels_BU[1, : length - len(labels)] == IGNORED).all()
    assert (batch.labels_BU[1, length:] == IGNORED).all()
    assert learner.target_count([_example(text)]) == len(labels)
    assert batch.target_count == len(labels) + int((batch.labels_BU[0] != IGNORED).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_text_is_a_special_token(tiny: Tiny, kind: str) -> None:
    base = _learner(tiny(kind))._base
    special = set(base.processor.tokenizer.added_tokens_decoder)
    assert special
    assert not special & set(base.encode(NASTY))
    assert base.decode(base.encode(NASTY)) == NASTY


def test_qwen2_audio_reads_what_its_processor_makes_of_a_chat(tiny: Tiny, audio: Path, examples: Transcribed) -> None:
    learner = _learner(tiny("qwen2_audio"))
    processor = Qwen2AudioProcessor.from_pretrained(tiny("qwen2_audio"))
    content = [{"type": "audio", "audio_url": "a.wav"}, {"type": "text", "text": "Transcribe the speech."}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    for e in examples:
        wave_T = read_audio(audio / e.input.audio)
        expected = processor(text=text, audio=[wave_T], sampling_rate=16_000, return_tensors="pt")
        heard = hear(audio, e.input, learner._base.hearing)
        assert learner._base.prompt_ids(learner._prompt, heard) == expected["input_ids"][0].tolist()
        inputs = learner._base.architecture.audio_inputs(heard.mel_WMF, [heard.frames])
        assert torch.equal(inputs["feature_attention_mask"], expected["feature_attention_mask"])
        assert torch.allclose(inputs["input_features"], expected["input_features"], atol=1e-5)


def test_voxtral_hears_what_its_processor_makes_of_long_and_short_audio(tiny: Tiny, audio: Path) -> None:
    learner = _learner(tiny("voxtral"))
    processor = VoxtralProcessor.from_pretrained(tiny("voxtral"))
    for names in (("0-0.wav",), ("0-0.wav", "1-0.wav", "2-0.wav", "0-1.wav", "1-1.wav")):
        waves = [read_audio(audio / name) for name in names]
        pieces = tuple(AudioInput(name, 0.0, len(w) / 16_000) for name, w in zip(names, waves, strict=True))
        joined = AudioInput(names[0], 0.0, sum(p.duration_s for p in pieces), pieces)  # type: ignore[arg-type]
        heard = hear(audio, joined, learner._base.hearing)
        wave_T = torch.cat([torch.from_numpy(w) for w in waves]).numpy()
        expected = processor._retrieve_input_features(
            [wave_T],
            200,
            sampling_rate=16_000,
            padding=True,
            truncation=False,
            pad_to_multiple_of=32_000,
            return_tensors="pt",
        )
        assert heard.mel_WMF.shape == expected.shape == (1 if len(names) == 1 else 3, 16, 200)
        assert torch.allclose(heard.mel_WMF, expected, atol=1e-5)
        assert learner._base.prompt_ids(learner._prompt, heard).count(24) == 25 * len(expected)


def test_voxtral_reads_mistrals_layout(tiny: Tiny) -> None:
    def spelled(prompt: Prompt) -> str:
        tokenizer = base.processor.tokenizer
        return str(tokenizer.decode([*prompt.before, 24, *prompt.after]))

    base = _learner(tiny("voxtral"))._base
    assert spelled(base.architecture.transcribe(None)) == "<s>[INST][BEGIN_AUDIO][AUDIO][/INST][TRANSCRIBE]"
    assert spelled(base.architecture.transcribe("sw")) == "<s>[INST][BEGIN_AUDIO][AUDIO][/INST]lang:sw[TRANSCRIBE]"
    assert spelled(base.architecture.ask("What?")) == "<s>[INST][BEGIN_AUDIO][AUDIO]What?[/INST]"


def test_the_language_stands_in_the_prompt(tiny: Tiny) -> None:
    assert _learner(tiny("voxtral"), language="Swahili")._prompt == _learner(tiny("voxtral"), language="sw")._prompt
    assert _learner(tiny("voxtral"), language="auto")._prompt == _learner(tiny("voxtral"))._prompt
    named = _learner(tiny("qwen2_audio"), language="sw-KE")
    text = named._base.processor.tokenizer.decode(named._prompt.after)
    assert "Transcribe the speech. The language is Swahili.<|im_end|>" in text
    with pytest.raises(ConfigError, match=r"task.language: found 'klingon'; give one of af, .*, or auto"):
        _learner(tiny("voxtral"), language="klingon")
    with pytest.raises(ConfigError, match=r"task.fallback: found true; only Whisper's search has it"):
        _learner(tiny("voxtral"), fallback=True)


@pytest.mark.parametrize(("kind", "token"), [("qwen2_audio", "<|AUDIO|>"), ("voxtral", "[INST]")])
def test_a_prompt_with_a_special_token_is_rejected(tiny: Tiny, kind: str, token: str) -> None:
    base = load(str(tiny(kind)), "captioning", LoadOptions(CPU))
    with pytest.raises(
        ModelError, match=r"the prompt contains '.*', which the model reads as a special token: remove it"
    ):
        Captioning(base, TrainingConfig(), CPU, torch.float32, CaptioningConfig(prompt=f"Describe {token}"))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ messages[0].content[1].text }}", r"writes 0 <\|AUDIO\|> for one recording"),
        ("<|AUDIO|><|AUDIO|>{% if messages|length > 1 %}ANSWER<|im_end|>{% endif %}", r"writes 2 <\|AUDIO\|> for one"),
        (
            "{{ messages|length }}<|AUDIO|>{{ messages[-1].content }}<|im_end|>",
            "another prompt once there is an answer",
        ),
        ("<|AUDIO|>{% if messages|length > 1 %}ANSWER.{% endif %}", r"ends an answer with '\.'; only a special token"),
    ],
)
def test_a_chat_template_that_cannot_be_used_is_named(tiny: Tiny, template: str, message: str) -> None:
    base = load(str(tiny("qwen2_audio")), "captioning", LoadOptions(CPU))
    base.processor.chat_template = template
    architecture = Qwen2Audio(base.model.config, base.processor, base.source)
    with pytest.raises(ModelError, match=message):
        architecture.ask("What?")


def test_a_chat_template_without_an_end_uses_the_tokenizers(tiny: Tiny) -> None:
    base = load(str(tiny("qwen2_audio")), "captioning", LoadOptions(CPU))
    base.processor.chat_template = "<|AUDIO|>{% if messages|length > 1 %}{{ messages[1].content }}{% endif %}"
    prompt = Qwen2Audio(base.model.config, base.processor, base.source).ask("What?")
    end = base.processor.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert (prompt.before, prompt.after, prompt.end) == ((), (), end)


@pytest.mark.parametrize("kind", KINDS)
def test_each_caption_is_a_row_and_the_recording_is_read_once(tiny: Tiny, audio: Path, kind: str) -> None:
    base = load(str(tiny(kind)), "captioning", LoadOptions(CPU))
    learner = Captioning(base, TrainingConfig(), CPU, torch.float32)
    captions = ("low hum", "a tone", "x")
    several = Example("a", AudioInput("0-0.wav", 0.0, 0.25), Captions(captions))
    one = Example("b", AudioInput("1-0.wav", 0.0, 0.25), Captions(("y",)))
    batch = learner.collate([several, one], audio)
    assert len(batch.heard) == 2
    assert batch.recording_B == (0, 0, 0, 1)
    labels = [[i for i in row if i != IGNORED] for row in batch.labels_BU.tolist()]
    assert [base.decode(row) for row in labels] == [*captions, "y"]
    assert batch.target_count == learner.target_count([several, one]) == sum(map(len, labels))
    assert learner.costs([several, one]) == [0.75, 0.25]
    assert learner.padded_costs([several, one]) == [6.0, 2.0]
    assert batch.cost == 1.0
    assert "Describe the audio in one sentence." in base.processor.tokenizer.decode(batch.ids_BU[0])
