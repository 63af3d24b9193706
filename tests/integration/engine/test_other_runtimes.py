"""The bundled base in a runtime that users export to: CTranslate2, with the prefix that every runtime sends."""

from __future__ import annotations

from pathlib import Path

import ctranslate2
from ctranslate2.converters import TransformersConverter
from transformers import WhisperTokenizer

from engine.audio.features import HOP_SAMPLES, RATE_HZ, stack_padded
from engine.audio.reading import read_audio
from engine.models.catalogue import PROJECT_ROOT, find_model
from tests.whisper import load_whisper

BUNDLED_SPEECH = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"
USUAL_PREFIX = ["<|startoftranscript|>", "<|notimestamps|>"]  # of English-only models
FRAME_PAIR = 2 * HOP_SAMPLES


def test_the_bundled_base_transcribes_in_ctranslate2_as_here(tmp_path: Path) -> None:
    source = find_model("whisper-pico").location()
    TransformersConverter(source).convert(str(tmp_path / "exported"))
    exported = ctranslate2.models.Whisper(str(tmp_path / "exported"), compute_type="float32", intra_threads=1)
    tokenizer = WhisperTokenizer.from_pretrained(source)
    prefix = tokenizer.convert_tokens_to_ids(USUAL_PREFIX)
    here = load_whisper(source)
    assert here.codec.prefix == prefix

    heard = set()
    for path in sorted(BUNDLED_SPEECH.rglob("*.flac"))[::20]:
        wave_T = read_audio(path)
        samples = -(-(len(wave_T) + RATE_HZ // 10) // FRAME_PAIR) * FRAME_PAIR  # with 0.1 s of silence behind
        mel_BMF = here.features(stack_padded([wave_T], samples))
        ours = here.codec.decode(here.generate(mel_BMF, max_new_tokens=30)[0])
        found = exported.generate(ctranslate2.StorageView.from_array(mel_BMF.numpy()), [prefix], beam_size=1)[0]
        assert tokenizer.decode(found.sequences_ids[0], skip_special_tokens=True).strip() == ours, path.name
        heard.add(ours)
    assert len(heard) > 5, "the model says the same to everything: the comparison shows nothing"
