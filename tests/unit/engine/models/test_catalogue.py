"""What is no model of a known family is refused, with what was found."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from engine.config.base import parse
from engine.config.training import TrainingConfig
from engine.errors import ConfigError, ModelError
from engine.families.binding import bind
from engine.families.registry import FAMILIES
from engine.models.catalogue import ModelCard, find_model, load_catalogue, reference_to
from engine.models.reference import ModelReference, is_hub_id


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
        ({"model_type": "bert"}, "names the model_type 'bert'"),
        ({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, "names the model_type 'llama'"),
        ({"alignment_heads": [[1, 0]], "lang_ids": []}, "names no model_type"),
        (["whisper"], "holds list"),
    ],
    ids=["bert", "llama", "CTranslate2", "no mapping"],
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, config: object, found: str) -> None:
    with pytest.raises(ModelError, match=found):
        find_model(str(_folder(tmp_path / "other", config)))
    if isinstance(config, dict):
        told = ModelReference(id="other", source=str(tmp_path / "other"), family="whisper")  # by an admin, and wrong
        with pytest.raises(ModelError, match=f"{found}; models that can be used here: whisper"):
            bind(told, TrainingConfig())


def test_a_reference_says_where_a_model_is_without_the_catalogue(tiny_whisper: Path) -> None:
    pico = reference_to("whisper-pico")
    assert (pico.id, pico.source, pico.name, pico.family) == (
        "whisper-pico",
        "bundled:whisper-pico",
        "whisper-pico",
        "whisper",
    )
    assert (Path(pico.location()) / "model.safetensors").is_file()
    folder = reference_to(str(tiny_whisper))
    assert (folder.id, folder.name, folder.location(), folder.revision) == (*[str(tiny_whisper)] * 3, None)
    assert reference_to(folder) is folder
    tiny = reference_to("whisper-tiny")
    assert (tiny.name, len(tiny.revision or "")) == ("openai/whisper-tiny", 40)


def test_every_shipped_hub_model_is_pinned_and_does_what_its_family_does() -> None:
    for card in load_catalogue():
        assert is_hub_id(card.source) == (card.revision is not None), card.id
        assert set(card.tasks) <= set(FAMILIES[card.family].tasks)


def test_a_card_with_a_task_that_its_family_does_not_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    values = load_catalogue()[0].model_dump()
    monkeypatch.setitem(FAMILIES, "deaf", dataclasses.replace(FAMILIES["whisper"], modules={}))
    with pytest.raises(ConfigError) as refused:
        parse(ModelCard, values | {"family": "deaf"})
    assert [fault.path for fault in refused.value.faults] == ["tasks"]
    with pytest.raises(ConfigError, match="no model family 'wavenet'; there are whisper"):
        parse(ModelCard, values | {"family": "wavenet"})


def test_a_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0.wav").write_bytes(b"")
    with pytest.raises(ModelError, match=r"holds no config.json; a model's folder has config.json"):
        find_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        find_model(str(tmp_path))
