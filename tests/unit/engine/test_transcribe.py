"""Audio files and an adapter in, text out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.events import MemorySink
from engine.finetune import finetune
from engine.storage import LocalRunStore
from engine.transcribe import base_of, read_settings, transcribe


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
