"""What a multilingual model is told of a dataset's language."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config.training import TrainingConfig
from engine.data.example import Text, Utterance
from engine.data.manifest import read_manifest
from engine.models.base import BaseModel, load_base
from engine.tasks.spoken_language import spoken_language, with_language


def _base(model: Path, language: str | None = None) -> BaseModel:
    config = {"method": {"type": "full"}, "task": {"language": language}, "context": {"type": "short", "tail_s": 0.1}}
    return load_base(str(model), TrainingConfig.model_validate(config))


def _utterances(tones: Path, *texts: str) -> list[Utterance]:
    rows = read_manifest(tones / "manifest.jsonl")[: 6 * len(texts) : 6]
    return [replace(u, target=Text(text)) for u, text in zip(rows, texts, strict=True)]


def test_a_model_of_one_language_is_told_nothing(tiny_whisper: Path, tones: Path) -> None:
    assert spoken_language(_base(tiny_whisper), _utterances(tones, "one"), tones) is None


@pytest.mark.parametrize(("text", "code"), [("मेरी बहन", "hi"), ("Моя сестра", "ru")])
def test_a_language_of_the_texts_own_script_is_detected(
    tiny_multilingual: Path, tones: Path, text: str, code: str
) -> None:
    spoken = spoken_language(_base(tiny_multilingual), _utterances(tones, text, text), tones)
    assert spoken is not None and spoken.code == code
    assert f"task.language is not set: the decoder is given <|{code}|>" in str(spoken.note)
    assert "2 of 2 recordings; set task.language to choose it" in str(spoken.note)


def test_texts_in_latin_get_a_language_in_latin(tiny_multilingual: Path, tones: Path) -> None:
    spoken = spoken_language(_base(tiny_multilingual), _utterances(tones, "dada yangu", "habari"), tones)
    assert spoken is not None and spoken.code in {"en", "de", "sw"}
    again = spoken_language(_base(tiny_multilingual), _utterances(tones, "dada yangu", "habari"), tones)
    assert spoken == again


def test_asked_to_detect_it_says_nothing_unless_no_language_fits(tiny_multilingual: Path, tones: Path) -> None:
    spoken = spoken_language(_base(tiny_multilingual, "auto"), _utterances(tones, "मेरी बहन"), tones)
    assert spoken is not None and (spoken.code, spoken.note) == ("hi", None)
    unknown = spoken_language(_base(tiny_multilingual, "auto"), _utterances(tones, "ሰላም"), tones)
    assert unknown is not None
    assert "the texts are written in Ethiopic, and none of the model's languages is" in str(unknown.note)


def test_a_language_of_another_script_than_the_texts_is_doubted(tiny_multilingual: Path, tones: Path) -> None:
    spoken = spoken_language(_base(tiny_multilingual, "German"), _utterances(tones, "मेरी बहन"), tones)
    assert spoken is not None and spoken.code == "de"
    assert spoken.note == (
        "task.language de is written in Latin, and the texts are written in Devanagari; the model's languages in "
        "that script are hi"
    )
    for text in ("meine Schwester", "12"):
        good = spoken_language(_base(tiny_multilingual, "de"), _utterances(tones, text), tones)
        assert good is not None and (good.code, good.note) == ("de", None)


def test_the_language_is_in_prefix_and_config(tiny_multilingual: Path) -> None:
    base = with_language(_base(tiny_multilingual), "sw")
    assert base.config.task.language == base.speech.codec.language == "sw"
    assert base.speech.codec.prefix == _base(tiny_multilingual, "sw").speech.codec.prefix
