"""Whisper tiny.en on real sentences is what plain transformers makes of it: alone, as a run's base, and guarded."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from engine.audio.reading import read_audio
from engine.config.training import TrainingConfig
from engine.data.example import Utterance, make_utterance
from engine.data.manifest import write_manifest
from engine.metrics.text import normalize_basic
from engine.metrics.word_errors import count_errors
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.stages.finetune import finetune
from engine.stages.transcribe import Transcriber, transcribe
from tests.tiny_multilingual import real_model, real_speech

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Utterance]]:
    """The shortest two sentences of three speakers."""
    speech, folder = real_speech(), tmp_path_factory.mktemp("sentences")
    with (speech / "test-other.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    chosen = []
    for speaker in sorted({row["speaker"] for row in rows})[:3]:
        own = sorted((row for row in rows if row["speaker"] == speaker), key=lambda row: float(row["seconds"]))
        chosen += own[:2]
    found = []
    for row in chosen:
        name = Path(row["file"]).name
        (folder / name).symlink_to(speech / row["file"])
        seconds = len(read_audio(folder / name, 16_000)) / 16_000
        found.append(make_utterance(name, name, 0.0, seconds, row["text"], row["speaker"], None))
    write_manifest(folder / "manifest.jsonl", found)
    return folder, found


@pytest.fixture(scope="module")
def plain(utterances: tuple[Path, list[Utterance]]) -> list[str]:
    """What plain transformers writes."""
    source, (folder, rows) = str(real_model()), utterances
    processor = WhisperProcessor.from_pretrained(source)
    model = WhisperForConditionalGeneration.from_pretrained(source, dtype=torch.float32).eval()
    texts = []
    for u in rows:
        features = processor(read_audio(folder / u.input.audio, 16_000), sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            texts += processor.batch_decode(model.generate(features.input_features), skip_special_tokens=True)
    return [text.strip() for text in texts]


def _wer(rows: list[Utterance], texts: list[str]) -> float:
    return count_errors([normalize_basic(u.target.text) for u in rows], [normalize_basic(text) for text in texts]).wer


def test_transcripts_are_those_of_transformers(utterances: tuple[Path, list[Utterance]], plain: list[str]) -> None:
    folder, rows = utterances
    ours = [t.text for t in transcribe([folder / u.input.audio for u in rows], model=str(real_model()))]
    assert ours == plain


@pytest.mark.parametrize(("method", "context"), [("qlora", "auto"), ("qlora", "short"), ("lora", "short")])
def test_the_base_of_a_run_is_measured_as_published(
    utterances: tuple[Path, list[Utterance]], plain: list[str], tmp_path: Path, method: str, context: str
) -> None:
    folder, rows = utterances
    tested = sorted({str(u.group) for u in rows})[:2]
    config = TrainingConfig.model_validate(
        {
            "max_steps": 1,
            "method": {"type": method, "rank": 2},
            "context": {"type": context},
            "split": {"test_groups": tested, "validation_fraction": 0.0},
            "batch": {"cost": 30, "micro_batch_cost": 30},
            "optimizer": {"type": "adamw", "learning_rate": 1e-6},
        }
    )
    store = LocalRunStore(tmp_path / "store")
    result = finetune(
        model=str(real_model()), data=folder, config=config, store=store, events=MemorySink(), work_dir=tmp_path
    )
    expected = _wer(
        [u for u in rows if u.group in tested], [t for u, t in zip(rows, plain, strict=True) if u.group in tested]
    )
    assert result.base is not None and result.base["wer"] == pytest.approx(expected, abs=1e-9)
    trained_in = "short" if context == "short" else "full"
    assert (result.facts["audio_context"], result.facts["base_audio_context"]) == (trained_in, "full")
    card = store.get_bytes("adapter/README.md").decode()
    assert f"| audio context | {trained_in} |" in card and "| base audio context | full |" in card
    assert ("measured alone in full precision, as published" in card) == (method == "qlora")


def test_short_context_that_is_forced_does_not_repeat_itself_without_end(
    utterances: tuple[Path, list[Utterance]], plain: list[str]
) -> None:
    folder, rows = utterances
    forced = Transcriber(model=str(real_model()), context="short")
    assert any("was trained on whole windows" in note for note in forced.notes)
    found = list(forced([folder / u.input.audio for u in rows]))
    assert not any(t.doubt for t in found)
    assert _wer(rows, [t.text for t in found]) < _wer(rows, plain) + 0.05
