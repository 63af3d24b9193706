"""Audio files and an adapter in, text out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.events import MemorySink
from engine.finetune import finetune
from engine.storage import LocalRunStore
from engine.transcribe import base_of, read_settings, transcribe
from services.cli.main import app


@pytest.fixture(scope="module")
def adapter(tiny_whisper: Path, tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    finetune(
        model=str(tiny_whisper),
        data=tones,
        config=TrainingConfig.model_validate(
            {
                "max_steps": 3,
                "method": {"type": "qlora", "rank": 2},
                "split": {"test_speakers": ["s0"]},
                "task": {"max_new_tokens": 5},
                "context": {"type": "short", "bucket_s": 0.25},
            }
        ),
        store=LocalRunStore(folder / "store"),
        events=MemorySink(),
        work_dir=folder / "work",
    )
    return folder / "store" / "adapter"


def _recordings(folder: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    paths = []
    for i, seconds in enumerate((0.4, 1.3, 31.0)):
        path = folder / f"{i}.wav"
        soundfile.write(path, 0.1 * generator.standard_normal(int(8000 * seconds)), 8000)
        paths.append(path)
    return paths


def test_an_adapter_brings_its_base_and_its_settings(adapter: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    assert base_of(adapter) == str(tiny_whisper)
    assert read_settings(adapter).context.type == "short"
    paths = _recordings(tmp_path)
    told: list[int] = []
    transcripts = transcribe(paths, adapter=adapter, on_progress=told.append)
    assert [t.path for t in transcripts] == paths
    assert [round(t.audio_s, 1) for t in transcripts] == [0.4, 1.3, 31.0]
    assert sum(told) >= len(paths)
    assert transcribe(paths, adapter=adapter) == transcripts


def test_a_run_leaves_a_card_and_splits(adapter: Path) -> None:
    card = (adapter / "README.md").read_text()
    assert "WER after training" in card
    assert "PeftModel.from_pretrained(base, DIR)" in card
    assert (adapter.parent / "splits.json").is_file()
    assert (adapter.parent / "result.json").is_file()


def test_without_an_adapter_folder_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no readable adapter_config.json"):
        transcribe([], adapter=tmp_path)


def test_what_is_odd_about_the_audio_is_said(tiny_whisper: Path, tmp_path: Path) -> None:
    """Opposite channels give the text of one of them, and a warning; joined files are transcribed to their end."""
    sound = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    soundfile.write(tmp_path / "mono.wav", sound, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "opposite.wav", np.stack([sound, -sound], axis=1), 16_000, subtype="FLOAT")
    (tmp_path / "joined.wav").write_bytes((tmp_path / "mono.wav").read_bytes() * 2)
    (tmp_path / "list.m4a").write_text("ffconcat version 1.0\nfile mono.wav\n")
    run = CliRunner().invoke(app, ["transcribe", str(tmp_path), "--model", str(tiny_whisper)])
    texts = dict(line.split("\t") for line in run.stdout.splitlines())
    assert set(texts) == {str(tmp_path / f"{name}.wav") for name in ("mono", "opposite", "joined")}
    assert texts[str(tmp_path / "opposite.wav")] == texts[str(tmp_path / "mono.wav")]
    said = run.stderr.splitlines()
    assert [line for line in said if f"warning: {tmp_path / 'opposite.wav'}: its 2 channels cancel each other" in line]
    assert [line for line in said if f"warning: {tmp_path / 'joined.wav'}: it holds 2 recordings" in line]
    assert [line for line in said if line.startswith("Error: ") and "list.m4a is not audio that can be read" in line]
    assert not [line for line in said if line.startswith(f"warning: {tmp_path / 'mono.wav'}: its")]
    (joined,) = transcribe([tmp_path / "joined.wav"], model=str(tiny_whisper))
    assert joined.audio_s == 2.0
