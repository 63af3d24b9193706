"""The greedy search on real recordings, against that of plain transformers."""

from __future__ import annotations

import torch
from transformers import WhisperForConditionalGeneration

from engine.audio.features import stack_padded
from engine.audio.reading import read_audio
from engine.models.catalogue import PROJECT_ROOT, find_model
from tests.whisper import load_whisper

BUNDLED_SPEECH = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"


def test_the_greedy_search_gives_the_ids_of_transformers() -> None:
    source = find_model("whisper-pico").location()
    speech = load_whisper(source)
    plain = WhisperForConditionalGeneration.from_pretrained(source, dtype=torch.float32).eval()
    recordings = sorted(BUNDLED_SPEECH.rglob("*.flac"))[::60]
    mel_BMF = speech.features(stack_padded([read_audio(path) for path in recordings], 480_000))
    ours = speech.generate(mel_BMF, max_new_tokens=30)
    theirs = plain.generate(mel_BMF, max_new_tokens=30, do_sample=False, num_beams=1)
    end, prefix = plain.config.eos_token_id, speech.codec.prefix
    rows = [row[len(prefix) :] if row[: len(prefix)] == prefix else row for row in theirs.tolist()]
    rows = [row[: row.index(end)] if end in row else row for row in rows]
    assert ours == rows
    assert len({tuple(row) for row in ours}) > 3, "the model says the same to everything: the comparison shows nothing"
