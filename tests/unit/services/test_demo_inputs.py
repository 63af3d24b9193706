"""What `make demo` takes as DATA and MODEL."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from engine.config.base import parse, read_yaml
from engine.config.training import TrainingConfig
from engine.errors import ModelError
from services.demo import PRETRAINED_RECIPE, RECIPE
from services.demo_data import DemoDataError, pack
from services.demo_model import demo_model


def _write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_a_table_is_packed_with_the_recordings_that_it_names(tmp_path: Path) -> None:
    _write(tmp_path, "test/1/a.flac", "test/1/b.flac", "train/c.flac", "train.csv", "LICENSE")
    (tmp_path / "test.csv").write_text("file,text\ntest/1/a.flac,one\ntest/1/b.flac,two\n")
    assert pack(tmp_path / "test.csv", tmp_path / "out.zip") == 3
    names = zipfile.ZipFile(tmp_path / "out.zip").namelist()
    assert names == ["test/1/a.flac", "test/1/b.flac", "test.csv"]
    with pytest.raises(DemoDataError, match="a folder of recordings, or a table that names them"):
        pack(tmp_path / "gone", tmp_path / "out.zip")


def test_a_folder_of_a_model_becomes_one_of_the_catalogue(tiny_whisper: Path, tmp_path: Path) -> None:
    own = demo_model(str(tiny_whisper))
    assert own.folder == tiny_whisper and not own.is_shipped
    assert own.id.startswith("demo-tiny-whisper")
    shipped = demo_model("whisper-pico")
    assert (shipped.id, shipped.folder, shipped.is_shipped) == ("whisper-pico", None, True)
    with pytest.raises(ModelError, match="'somebody/Whisper_Small' cannot be fetched from the hub"):
        demo_model("somebody/Whisper_Small")
    with pytest.raises(ModelError, match="holds no config.json"):
        demo_model(str(tmp_path))


def test_the_recipes_are_valid_and_leave_the_context_to_a_pretrained_model() -> None:
    assert parse(TrainingConfig, read_yaml(RECIPE)).context.type == "short"
    pretrained = parse(TrainingConfig, read_yaml(PRETRAINED_RECIPE))
    assert pretrained.context.type == "auto"
    assert pretrained.method.type == "qlora"
