"""Transcripts are those of plain transformers, on a multilingual model with random weights."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import WhisperForConditionalGeneration

from engine.errors import ModelError
from engine.families.whisper.model import WhisperSpeech
from tests.tiny_multilingual import IDS, write_tiny_multilingual
from tests.whisper import load_whisper


@pytest.fixture(scope="module")
def tiny_multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a window of 2 s."""
    return write_tiny_multilingual(tmp_path_factory.mktemp("model"), positions=100)


@pytest.fixture(scope="module")
def speech(tiny_multilingual: Path) -> WhisperSpeech:
    return load_whisper(str(tiny_multilingual), language="sw")


@pytest.fixture(scope="module")
def plain(tiny_multilingual: Path) -> Any:
    return WhisperForConditionalGeneration.from_pretrained(str(tiny_multilingual), dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def mel_BMF() -> torch.Tensor:
    return torch.randn(3, 80, 200, generator=torch.Generator().manual_seed(1))


def _cut(rows: torch.Tensor) -> list[list[int]]:
    return [row[: row.index(256)] if 256 in row else row for row in rows.tolist()]


def test_the_prefix_names_language_and_task(speech: WhisperSpeech, plain: Any, mel_BMF: torch.Tensor) -> None:
    wanted = [IDS[f"<|{name}|>"] for name in ("startoftranscript", "sw", "transcribe", "notimestamps")]
    assert speech.codec.prefix == wanted
    generation = copy.copy(plain.generation_config)
    generation.language, generation.task = "sw", "transcribe"
    configs = {"generation_config": generation, "config": plain.config, "num_segment_frames": 200}
    theirs = plain._retrieve_init_tokens(mel_BMF[:1], batch_size=1, kwargs={}, **configs)
    assert theirs.tolist() == [wanted]


@pytest.mark.parametrize(("language", "task"), [("sw", "transcribe"), ("de", "translate")])
def test_the_ids_are_those_of_transformers(
    tiny_multilingual: Path, plain: Any, mel_BMF: torch.Tensor, language: str, task: Any
) -> None:
    ours = load_whisper(str(tiny_multilingual), language=language, task=task).generate(mel_BMF, 40)
    with torch.inference_mode():
        theirs = plain.generate(mel_BMF, language=language, task=task, max_new_tokens=40)
    assert ours == _cut(theirs)
    written = {token for row in ours for token in row}
    assert written and not written & {32, IDS["<|translate|>"]}, "suppressed tokens are never written"
    assert all(row[0] != 97 for row in ours if row)


def test_a_transcript_is_as_long_as_the_model_can_write(speech: WhisperSpeech, mel_BMF: torch.Tensor) -> None:
    assert speech.max_text_tokens == 124
    assert max(len(row) for row in speech.generate(mel_BMF)) == 124
    assert max(len(row) for row in speech.generate(mel_BMF, 7)) == 7
    assert max(len(row) for row in speech.generate(mel_BMF, 10_000)) == 124


def test_each_utterance_has_its_language(speech: WhisperSpeech, plain: Any, mel_BMF: torch.Tensor) -> None:
    told = ["en", "sw", "hi"]
    with torch.inference_mode():
        theirs = plain.generate(mel_BMF, language=told, task="transcribe", max_new_tokens=20)
    assert speech.generate(mel_BMF, 20, languages=told) == _cut(theirs) != speech.generate(mel_BMF, 20)


def test_languages_are_detected_among_those_that_are_asked_for(
    speech: WhisperSpeech, plain: Any, mel_BMF: torch.Tensor
) -> None:
    theirs = [token.strip("<|>") for token in _names(plain.detect_language(mel_BMF))]
    assert speech.detect_languages(mel_BMF, speech.codec.languages) == theirs
    assert speech.detect_languages(mel_BMF, ["hi"]) == ["hi"] * 3
    assert len(speech.codec.languages) == 5, "the model itself was not changed"


def _names(ids: torch.Tensor) -> list[str]:
    tokens = {place: token for token, place in IDS.items()}
    return [tokens[place] for place in ids.tolist()]


def test_a_search_that_is_guarded_ends_where_it_repeats(
    speech: WhisperSpeech, mel_BMF: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert speech.generate(mel_BMF, 40, search="guarded") == speech.generate(mel_BMF, 40), "nothing repeats yet"
    generation: Any = speech.model.generation_config
    monkeypatch.setattr(generation, "suppress_tokens", [token for token in range(266) if token != 65])
    assert speech.generate(mel_BMF[:1]) == [[65] * 124]
    assert speech.generate(mel_BMF[:1], search="guarded") == [[65] * 48]


def test_the_fallback_is_that_of_transformers(speech: WhisperSpeech, plain: Any, mel_BMF: torch.Tensor) -> None:
    torch.manual_seed(3)
    ours = speech.generate(mel_BMF[:1], 12, search="fallback")
    torch.manual_seed(3)
    with torch.inference_mode():
        theirs = plain.generate(
            mel_BMF[:1],
            language="sw",
            task="transcribe",
            temperature=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
            compression_ratio_threshold=1.35,
            logprob_threshold=-1.0,
            max_new_tokens=12,
            do_sample=True,
        )
    assert ours == _cut(theirs) != speech.generate(mel_BMF[:1], 12)


def test_an_unknown_language_is_refused_with_the_list(tiny_multilingual: Path, tiny_whisper: Path) -> None:
    with pytest.raises(ModelError, match=r"knows no language 'fr'; it knows de, en, hi, ru, sw"):
        load_whisper(str(tiny_multilingual), language="fr")
    with pytest.raises(ModelError, match=r"supports only english .* found 'sw'; remove it"):
        load_whisper(str(tiny_whisper), language="sw")
    with pytest.raises(ModelError, match="translate needs a multilingual one"):
        load_whisper(str(tiny_whisper), task="translate")


def test_a_generation_config_of_an_older_version_gets_its_languages(tiny_multilingual: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_multilingual, tmp_path / "older")
    path = tmp_path / "older" / "generation_config.json"
    values = json.loads(path.read_text())
    for name in ("lang_to_id", "task_to_id", "no_timestamps_token_id"):
        del values[name]
    path.write_text(json.dumps(values))
    older = load_whisper(str(tmp_path / "older"), language="German")
    assert older.codec.prefix == load_whisper(str(tiny_multilingual), language="de").codec.prefix
    assert set(older.codec.languages) == {"en", "de", "sw", "hi", "ru"}


def test_a_whole_model_names_its_context_and_language(speech: WhisperSpeech, tmp_path: Path) -> None:
    assert speech.trained_context == "full"
    speech.save(tmp_path / "saved", "short")
    again = load_whisper(str(tmp_path / "saved"))
    assert (again.trained_context, again.codec.language, again.codec.own_language) == ("short", "sw", "sw")
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["audio_context"] == "short"


def test_a_folder_that_lacks_weights_is_refused(tiny_whisper: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny_whisper, tmp_path / "part")
    weights = load_file(tmp_path / "part" / "model.safetensors")
    del weights["model.encoder.conv1.weight"]
    save_file(weights, tmp_path / "part" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of the model's weights: model.encoder.conv1.weight"):
        load_whisper(str(tmp_path / "part"))
