"""What a multilingual model is told of a dataset's language."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.data.example import Text, Utterance
from engine.data.manifest import read_manifest
from engine.families.binding import bind
from engine.families.contract import Decision
from engine.families.whisper.learner import WhisperLearner


def _learner(model: Path, language: str | None = None) -> WhisperLearner:
    config = {"method": {"type": "full"}, "task": {"language": language}, "context": {"type": "short", "tail_s": 0.1}}
    learner = bind(str(model), TrainingConfig.model_validate(config)).learner
    assert isinstance(learner, WhisperLearner)
    return learner


def _utterances(tones: Path, *texts: str) -> list[Utterance]:
    rows = read_manifest(tones / "manifest.jsonl")[: 6 * len(texts) : 6]
    return [replace(u, target=Text(text)) for u, text in zip(rows, texts, strict=True)]


def test_a_model_of_one_language_is_told_nothing(tiny_whisper: Path, tones: Path) -> None:
    assert _learner(tiny_whisper).decide(_utterances(tones, "one"), tones) is None


@pytest.mark.parametrize(("text", "code"), [("मेरी बहन", "hi"), ("Моя сестра", "ru")])
def test_a_language_of_the_texts_own_script_is_detected(
    tiny_multilingual: Path, tones: Path, text: str, code: str
) -> None:
    spoken = _learner(tiny_multilingual).decide(_utterances(tones, text, text), tones)
    assert spoken is not None and spoken.value == code
    assert f"task.language is not set: the decoder is given <|{code}|>" in str(spoken.note)
    assert "2 of 2 recordings; set task.language to choose it" in str(spoken.note)


def test_texts_in_latin_get_a_language_in_latin(tiny_multilingual: Path, tones: Path) -> None:
    spoken = _learner(tiny_multilingual).decide(_utterances(tones, "dada yangu", "habari"), tones)
    assert spoken is not None and spoken.value in {"en", "de", "sw"}
    again = _learner(tiny_multilingual).decide(_utterances(tones, "dada yangu", "habari"), tones)
    assert spoken == again


def test_asked_to_detect_it_says_nothing_unless_no_language_fits(tiny_multilingual: Path, tones: Path) -> None:
    spoken = _learner(tiny_multilingual, "auto").decide(_utterances(tones, "मेरी बहन"), tones)
    assert spoken is not None and (spoken.value, spoken.note) == ("hi", None)
    unknown = _learner(tiny_multilingual, "auto").decide(_utterances(tones, "ሰላም"), tones)
    assert unknown is not None
    assert "the texts are written in Ethiopic, and none of the model's languages is" in str(unknown.note)


def test_a_language_of_another_script_than_the_texts_is_doubted(tiny_multilingual: Path, tones: Path) -> None:
    spoken = _learner(tiny_multilingual, "German").decide(_utterances(tones, "मेरी बहन"), tones)
    assert spoken is not None and spoken.value == "de"
    assert spoken.note == (
        "task.language de is written in Latin, and the texts are written in Devanagari; the model's languages in "
        "that script are hi"
    )
    for text in ("meine Schwester", "12"):
        good = _learner(tiny_multilingual, "de").decide(_utterances(tones, text), tones)
        assert good is not None and (good.value, good.note) == ("de", None)


def test_the_language_is_in_prefix_and_config(tiny_multilingual: Path) -> None:
    learner = _learner(tiny_multilingual)
    assert not learner.is_told
    learner.follow(Decision("sw"))
    assert learner.is_told
    assert learner.config.task_as(SpeechToTextConfig).language == learner.codec.language == "sw"
    assert learner.codec.prefix == _learner(tiny_multilingual, "sw").codec.prefix
