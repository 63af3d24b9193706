"""`lim transcribe`: good files are transcribed although some are bad, and scripts can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from services.cli.main import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("0.wav", "1.flac"):
        noise = 0.1 * np.random.default_rng(0).standard_normal(8000)
        soundfile.write(tmp_path / name, noise, 16_000)
    return tmp_path


def _run(*arguments: object) -> tuple[int, list[str], str]:
    result = CliRunner().invoke(app, ["transcribe", *(str(argument) for argument in arguments)])
    return result.exit_code, result.stdout.splitlines(), result.stderr


def test_one_bad_file_of_three(tiny_whisper: Path, folder: Path) -> None:
    (folder / "bad.wav").write_bytes(b"no audio at all")
    good = [folder / "0.wav", folder / "1.flac"]
    code, lines, errors = _run(*good, folder / "bad.wav", "--model", tiny_whisper)
    assert code == 1
    assert [line.split("\t")[0] for line in lines] == [str(path) for path in good]
    assert "bad.wav is not audio that can be read" in errors
    assert "1 of 3 files could not be transcribed; they are named above." in errors
    assert _run(folder, "--model", tiny_whisper) == (code, lines, errors), "a folder is its recordings"


def test_all_good_files_end_in_zero_and_one_that_is_not_there_is_named(tiny_whisper: Path, folder: Path) -> None:
    code, lines, errors = _run(folder, "--model", tiny_whisper)
    assert (code, len(lines)) == (0, 2)
    assert "Error" not in errors
    code, lines, errors = _run(folder / "gone.wav", folder / "0.wav", "--model", tiny_whisper)
    assert (code, len(lines)) == (1, 1)
    assert "gone.wav" in errors


def test_languages_are_said(tiny_multilingual: Path, folder: Path) -> None:
    code, lines, errors = _run(folder / "0.wav", "--model", tiny_multilingual)
    assert code == 0 and len(lines) == 1
    assert "0.wav: language" in errors and "detected; --language sets it" in errors
    code, _, errors = _run(folder, "--model", tiny_multilingual, "--language", "swahili", "--task", "translate")
    assert code == 0
    assert errors.count("language: sw") == 1
    code, lines, errors = _run(folder, "--model", tiny_multilingual, "--language", "klingon")
    assert (code, lines) == (2, [])
    assert "knows no language 'klingon'; it knows de, en, hi, ru, sw" in errors


def test_what_fits_the_model_badly_is_said(tiny_whisper: Path, folder: Path) -> None:
    code, lines, errors = _run(folder / "0.wav", "--model", tiny_whisper, "--language", "en")
    assert code == 0 and len(lines) == 1
    assert "warning: task.language en" in errors and "remove the setting" in errors
    code, _, errors = _run(folder / "0.wav", "--model", tiny_whisper, "--language", "sw")
    assert code == 2 and "supports only" in errors
    code, _, errors = _run(folder / "0.wav", "--model", tiny_whisper, "--task", "translate")
    assert code == 2 and "needs a multilingual one" in errors
