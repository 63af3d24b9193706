"""A finished result is given for the same inputs alone, and what differs is named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine.config.training import TrainingConfig
from engine.data.example import Utterance, make_utterance
from engine.data.manifest import write_manifest
from engine.errors import ConfigError
from engine.models.catalogue import reference_to
from engine.models.reference import ModelReference
from engine.run.code_version import code_version
from engine.run.provenance.digests import dataset_files, folder_files, model_files
from engine.run.provenance.inputs import Inputs, as_begun, begin, shown_again
from engine.run.provenance.stages import training_inputs
from engine.run.store import LocalRunStore

DONE = json.dumps({"status": "succeeded", "adapter_wer": 0.5}).encode()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dataset version of two utterances."""
    folder = tmp_path / "data"
    (folder / "audio").mkdir(parents=True)
    _write_audio(folder, seed=0)
    write_manifest(folder / "manifest.jsonl", [_utterance(0, "zero"), _utterance(1, "one")])
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Files as of a model."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "whisper", "d_model": 8}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("of no matter")
    return folder


def _utterance(number: int, text: str) -> Utterance:
    return make_utterance(f"u{number}", "audio/00000.wav", 0.5 * number, 0.5, text, "ann")


def _write_audio(folder: Path, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.1, 16_000)
    soundfile.write(folder / "audio" / "00000.wav", samples, 16_000, subtype="PCM_16")


def _faults(store: LocalRunStore, inputs: Inputs, parts: tuple[str, ...] = ("checkpoints",)) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        begin(store, inputs, parts=parts)
    return {fault.path: fault.message for fault in caught.value.faults}


def _inputs(model: Path, data: Path, selection: Path | None = None, **training: Any) -> Inputs:
    return training_inputs(reference_to(str(model)), data, TrainingConfig.model_validate(training), selection)


def test_the_same_inputs_give_the_finished_result(tmp_path: Path, model: Path, data: Path) -> None:
    store = LocalRunStore(tmp_path / "store")
    assert begin(store, _inputs(model, data), parts=("checkpoints",)) is None
    store.put_bytes("result.json", DONE)
    for path in (data / "manifest.jsonl", model / "model.safetensors", data / "audio" / "00000.wav"):
        os.utime(path, (1, 1))  # contents decide, not times
    (model / "README.md").write_text("another")
    assert begin(store, _inputs(model, data), parts=("checkpoints",)) == DONE


def test_every_difference_is_named_at_once(tmp_path: Path, model: Path, data: Path) -> None:
    store = LocalRunStore(tmp_path / "store")
    begin(store, _inputs(model, data, max_steps=4), parts=())
    store.put_bytes("result.json", DONE)
    write_manifest(data / "manifest.jsonl", [_utterance(0, "zero"), _utterance(1, "two")])
    (model / "model.safetensors").write_bytes(b"other weights")
    found = _faults(store, _inputs(model, data, max_steps=5, seed=1))
    assert found == {
        "training.max_steps": "found 5; the finished work has 4",
        "training.seed": "found 1; the finished work has 0",
        "model": "found other contents (model.safetensors) than in the finished work",
        "data": "found other recordings or texts (manifest.jsonl) than in the finished work",
        "name": "it already holds finished work from other inputs, which is not overwritten; to start over, use another "
        "name, storage or folder, or delete the old work",
    }
    assert store.get_bytes("result.json") == DONE


def test_other_audio_under_the_same_manifest(tmp_path: Path, model: Path, data: Path) -> None:
    """As when recordings were cleaned of noise: lengths and texts stay."""
    store = LocalRunStore(tmp_path / "store")
    begin(store, _inputs(model, data), parts=())
    store.put_bytes("result.json", DONE)
    _write_audio(data, seed=1)
    assert _faults(store, _inputs(model, data))["data"] == (
        "found other audio under the same texts (audio/00000.wav) than in the finished work"
    )


def test_a_selection_that_was_not_there_or_is_another(tmp_path: Path, model: Path, data: Path) -> None:
    store = LocalRunStore(tmp_path / "store")
    selection = tmp_path / "selection"
    selection.mkdir()
    (selection / "segments.parquet").write_bytes(b"of seed 0")
    begin(store, _inputs(model, data, selection), parts=())
    store.put_bytes("result.json", DONE)
    assert _faults(store, _inputs(model, data))["selection"] == "found none, and the finished work has one"
    (selection / "segments.parquet").write_bytes(b"of seed 1")
    assert "segments.parquet" in _faults(store, _inputs(model, data, selection))["selection"]


def test_unfinished_work_of_other_inputs_is_kept_too(tmp_path: Path, model: Path, data: Path) -> None:
    store = LocalRunStore(tmp_path / "store")
    begin(store, _inputs(model, data), parts=("checkpoints",))
    store.put_bytes("result.json", b'{"status": "stopped"}')
    store.put_bytes("checkpoints/step-00000001/manifest.json", b"{}")
    assert begin(store, _inputs(model, data), parts=("checkpoints",)) is None
    assert _faults(store, _inputs(model, data, seed=3))["training.seed"] == "found 3; the unfinished work has 0"


def test_what_kept_nothing_begins_anew(tmp_path: Path, model: Path, data: Path) -> None:
    store = LocalRunStore(tmp_path / "store")
    begin(store, _inputs(model, data), parts=("checkpoints",))
    assert begin(store, _inputs(model, data, seed=3), parts=("checkpoints",)) is None
    assert Inputs.model_validate_json(store.get_bytes("inputs.json")).settings["training"]["seed"] == 3


def test_a_result_of_a_version_that_did_not_keep_its_inputs(tmp_path: Path, model: Path, data: Path) -> None:
    store = LocalRunStore(tmp_path / "store")
    store.put_bytes("result.json", DONE)
    assert "did not record its inputs" in _faults(store, _inputs(model, data))["inputs.json"]


def test_what_is_said_of_a_result_that_is_shown_again() -> None:
    now = {"finished_at": "2026-11-29T10:00:00Z", "code_version": code_version()}
    assert shown_again(now, "trained") == (
        "This has finished already on 2026-11-29T10:00:00Z: nothing was trained this time, and its result is shown again. "
        "To start over, use another name, storage or folder."
    )
    assert f"made by version 0.0.9 of the software, this is {code_version()}" in shown_again(
        now | {"code_version": "0.0.9"}, "trained"
    )


def test_what_the_files_are(model: Path, data: Path) -> None:
    assert set(dataset_files(data)) == {"manifest.jsonl", "audio/00000.wav"}
    assert set(folder_files(model)) == {"config.json", "model.safetensors"}
    assert set(model_files(reference_to(str(model)), weights=False)) == {"config.json"}
    (data / "audio" / "00000.wav").unlink()
    assert dataset_files(data)["audio/00000.wav"] == "missing"


def test_a_random_start_takes_only_the_architecture(model: Path, data: Path) -> None:
    before = _inputs(model, data, method={"type": "pretrain"})
    (model / "model.safetensors").write_bytes(b"other weights")
    assert _inputs(model, data, method={"type": "pretrain"}) == before
    (model / "config.json").write_text('{"model_type": "whisper", "d_model": 16}')
    assert _inputs(model, data, method={"type": "pretrain"}) != before


def test_a_hub_id_is_its_revision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    theirs = ModelReference(id="theirs", source="someone/whisper-of-theirs", family="whisper")
    assert model_files(theirs) == {"revision": "unknown"}
    copy = cache / "models--someone--whisper-of-theirs"
    revision = "a" * 40
    (copy / "refs").mkdir(parents=True)
    (copy / "refs" / "main").write_text(revision)
    (copy / "snapshots" / revision).mkdir(parents=True)
    (copy / "snapshots" / revision / "config.json").write_text("{}")
    assert model_files(theirs) == {"revision": revision}
    assert model_files(theirs.model_copy(update={"revision": "b" * 40})) == {"revision": "b" * 40}


def test_work_of_a_release_without_a_field_goes_on_at_its_default(data: Path, model: Path, tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path / "store")
    reference = reference_to(str(model))

    def inputs(**method: Any) -> Inputs:
        config = TrainingConfig.model_validate({"method": {"type": "lora", **method}})
        return training_inputs(reference, data, config, None)

    earlier = inputs().model_dump(mode="json", exclude={"given"})
    del earlier["settings"]["training"]["method"]["allocation"]
    store.put_bytes("inputs.json", json.dumps(earlier).encode())
    store.put_bytes("checkpoints/step-00000001/state.json", b"{}")
    same = as_begun(store, inputs())
    assert begin(store, same, parts=("checkpoints",)) is None
    assert same.digest() == Inputs.model_validate(earlier).digest() != inputs().digest()
    assert json.loads(store.get_bytes("inputs.json")) == earlier
    for other in ({"allocation": {"type": "sketch"}}, {"rank": 3}):
        asked = inputs(**other)
        assert as_begun(store, asked) == asked
        with pytest.raises(ConfigError, match="unfinished work from other inputs"):
            begin(store, asked, parts=("checkpoints",))
