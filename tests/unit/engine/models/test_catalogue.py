"""What is no model of a known family is refused, with what was found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.models.catalogue import find_model
from engine.models.family import load_model, read_width


def _folder(folder: Path, config: object) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_folder_of_a_whisper_is_found(tiny_whisper: Path) -> None:
    card = find_model(str(tiny_whisper))
    assert (card.family, card.source) == ("whisper", str(tiny_whisper))


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"model_type": "wav2vec2"}, "names the model_type 'wav2vec2'"),
        ({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, "names the model_type 'llama'"),
        ({"alignment_heads": [[1, 0]], "lang_ids": []}, "names no model_type"),
        (["whisper"], "holds list"),
    ],
    ids=["wav2vec2", "llama", "CTranslate2", "no mapping"],
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, config: object, found: str) -> None:
    with pytest.raises(ModelError, match=found):
        find_model(str(_folder(tmp_path / "other", config)))
    if isinstance(config, dict):
        for ask in (load_model, read_width):  # a hub id's config is seen only when it is loaded
            with pytest.raises(ModelError, match=f"{found}; models that can be used here: whisper"):
                ask("whisper", str(tmp_path / "other"))


def test_a_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0.wav").write_bytes(b"")
    with pytest.raises(ModelError, match=r"holds no config.json; a model's folder has config.json"):
        find_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        find_model(str(tmp_path))
