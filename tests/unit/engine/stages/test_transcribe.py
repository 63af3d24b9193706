"""Audio files and an adapter in, text out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from engine.adapters.settings import base_of, read_settings
from engine.audio.reading import hear
from engine.config.training import TrainingConfig
from engine.errors import AudioError, ModelError
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.stages.finetune import finetune
from engine.stages.transcribe import Transcriber, pieces_of, recordings_in, transcribe
from services.cli.main import app
from services.demo import BUNDLED


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
                "split": {"test_groups": ["s0"]},
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


def test_a_recording_of_silence_is_said_to_be_one(adapter: Path, tmp_path: Path) -> None:
    loud, silent = tmp_path / "loud.wav", tmp_path / "silent.wav"
    soundfile.write(loud, 0.1 * np.random.default_rng(0).standard_normal(8000), 8000)
    soundfile.write(silent, np.full(8000, 0.01), 8000)  # an offset is no sound
    heard, unheard = transcribe([loud, silent], adapter=adapter)
    assert heard.odd == ()
    assert any("the model made that up" in reason for reason in unheard.odd)


def test_a_long_recording_is_cut_at_pauses_and_none_of_it_is_lost() -> None:
    words = [hear(path, 16_000).wave_T for path in sorted((BUNDLED / "amara").glob("*.flac"))]
    spoken_T = np.concatenate(words)
    said_T = np.concatenate([spoken_T] * math.ceil(4 * 16_000 / len(spoken_T)))[: 4 * 16_000]
    silence_T = np.zeros(16_000, np.float32)
    wave_T = np.concatenate([said_T, silence_T] * 5)  # silence from 4 to 5 s, from 9 to 10 s, ...
    pieces = pieces_of(wave_T, 11.0)
    assert np.array_equal(np.concatenate(pieces), wave_T)
    ends_s = np.cumsum([len(piece) for piece in pieces]) / 16_000
    quiet = [bool(np.all(wave_T[round(end_s * 16_000) - 1_600 :][:3_200] == 0.0)) for end_s in ends_s[:-1]]
    assert quiet == [True] * (len(pieces) - 1) and len(pieces) >= 3, ends_s
    assert max(len(piece) for piece in pieces) <= 11.0 * 16_000


def test_a_long_recording_without_pauses_is_cut_all_the_same() -> None:
    wave_T = np.random.default_rng(0).standard_normal(25 * 16_000).astype(np.float32)
    pieces = pieces_of(wave_T, 10.0)
    assert np.array_equal(np.concatenate(pieces), wave_T)
    assert max(len(piece) for piece in pieces) <= 10.0 * 16_000
    assert pieces_of(wave_T[:0], 10.0) == []
    (whole_T,) = pieces_of(wave_T[:160_000], 10.0)
    assert len(whole_T) == 160_000


def test_an_adapter_brings_its_base_and_its_settings(adapter: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    assert (base_of(adapter).name, base_of(adapter).family) == (str(tiny_whisper), "whisper")
    settings = read_settings(adapter)
    assert settings is not None and settings.context.type == "short"
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
    assert [line for line in said if f"warning: {tmp_path / 'joined.wav'}: it holds 2 joined recordings" in line]
    assert [line for line in said if line.startswith("Error: ") and "list.m4a is not audio that can be read" in line]
    assert not [line for line in said if line.startswith(f"warning: {tmp_path / 'mono.wav'}: its")]
    (joined,) = transcribe([tmp_path / "joined.wav"], model=str(tiny_whisper))
    assert joined.audio_s == 2.0


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tiny_whisper: Path, tmp_path: Path) -> None:
    good = _recordings(tmp_path)[:2]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no audio")
    found = list(Transcriber(model=str(tiny_whisper))([good[0], bad, good[1], tmp_path / "gone.wav"]))
    assert [t.path for t in found] == [good[0], bad, good[1], tmp_path / "gone.wav"]
    assert [t.fault is None for t in found] == [True, False, True, False]
    assert "bad.wav" in str(found[1].fault) and found[1].text == ""
    assert [found[0].text, found[2].text] == [t.text for t in transcribe(good, model=str(tiny_whisper))]
    with pytest.raises(AudioError, match="bad.wav"):
        transcribe([good[0], bad], model=str(tiny_whisper))


def test_a_folder_is_taken_as_its_recordings(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / ".hidden").mkdir()
    names = ["b.WAV", "deep/a.flac", "metadata.csv", ".hidden/c.wav", ".d.wav", "film.webm"]
    for name in names:
        (tmp_path / "in" / name).write_bytes(b"x")
    alone = tmp_path / "in" / "metadata.csv"
    assert recordings_in([alone, tmp_path / "in"]) == [
        alone,
        *(tmp_path / "in" / name for name in ("b.WAV", "deep/a.flac", "film.webm")),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="empty holds no recordings"):
        recordings_in([tmp_path / "empty"])


def test_a_model_alone_keeps_the_precision_of_its_files(adapter: Path, tiny_whisper: Path) -> None:
    def four_bit_layers(transcriber: Transcriber) -> int:
        modules = transcriber._learner._base.model.modules()
        return sum(type(module).__name__ == "Linear4bit" for module in modules)

    assert four_bit_layers(Transcriber(model=str(tiny_whisper))) == 0
    assert four_bit_layers(Transcriber(adapter=adapter)) > 0, "an adapter of qlora is used on the base of its training"


def test_transcripts_are_as_long_as_the_model_can_write(adapter: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    settings = read_settings(adapter)
    assert settings is not None and settings.task.max_new_tokens == 5
    texts = [t.text for t in transcribe(_recordings(tmp_path)[:2], adapter=adapter)]
    assert max(len(text.encode()) for text in texts) > 5, "the limit of the training's measurements cuts no text"


def test_the_language_of_each_file_is_detected_and_named(tiny_multilingual: Path, tmp_path: Path) -> None:
    paths = _recordings(tmp_path)[:2]
    detecting = Transcriber(model=str(tiny_multilingual))
    assert detecting.detects
    found = list(detecting(paths))
    assert {t.language for t in found} <= {"en", "de", "sw", "hi", "ru"}
    told = Transcriber(model=str(tiny_multilingual), language="Swahili")
    assert not told.detects
    assert [t.language for t in told(paths)] == ["sw", "sw"]
    for transcript in found:  # a file alone in the language that was heard says the same
        again = transcribe([transcript.path], model=str(tiny_multilingual), language=transcript.language)
        assert again[0].text == transcript.text
    with pytest.raises(ModelError, match="knows no language 'xx'; it knows de, en, hi, ru, sw"):
        Transcriber(model=str(tiny_multilingual), language="xx")


def test_a_model_of_one_language_takes_no_other(tiny_whisper: Path) -> None:
    with pytest.raises(ModelError, match="supports only"):
        Transcriber(model=str(tiny_whisper), language="sw")
    same = Transcriber(model=str(tiny_whisper), language="en")
    assert any("remove the setting" in note for note in same.notes)
    assert not Transcriber(model=str(tiny_whisper)).notes


def test_short_context_on_a_model_of_whole_windows_is_said(tiny_multilingual: Path, tiny_whisper: Path) -> None:
    forced = Transcriber(model=str(tiny_multilingual), context="short", language="sw")
    assert any("was trained on whole windows" in note for note in forced.notes)
    assert forced._learner.padded_lengths_s([1.0]) == [11.0]
    assert Transcriber(model=str(tiny_multilingual), language="sw")._learner.padded_lengths_s([1.0]) == [30.0]
    assert Transcriber(model=str(tiny_whisper))._learner.padded_lengths_s([1.0]) == [1.5]


def test_an_adapter_of_an_earlier_version_was_told_english(
    tiny_multilingual: Path, tones: Path, tmp_path: Path
) -> None:
    finetune(
        model=str(tiny_multilingual),
        data=tones,
        config=TrainingConfig.model_validate(
            {
                "max_steps": 1,
                "method": {"type": "lora", "rank": 2},
                "task": {"language": "de", "max_new_tokens": 2},
                "context": {"type": "short", "tail_s": 0.1},
                "evaluation": {"base": False},
                "split": {"test_groups": ["s0"]},
            }
        ),
        store=LocalRunStore(tmp_path / "store"),
        events=MemorySink(),
        work_dir=tmp_path / "work",
    )
    adapter = tmp_path / "store" / "adapter"
    paths = _recordings(tmp_path)[:1]
    assert [t.language for t in Transcriber(adapter=adapter)(paths)] == ["de"]
    settings = adapter / "training_config.json"
    settings.write_text(settings.read_text().replace('"language": "de"', '"language": null'))
    earlier = Transcriber(adapter=adapter)
    assert not earlier.detects
    assert [t.language for t in earlier(paths)] == ["en"]
    settings.write_text('{"method": {"type": "of the future"}}')
    with pytest.raises(ModelError, match="no training config of this version: method"):
        Transcriber(adapter=adapter)
