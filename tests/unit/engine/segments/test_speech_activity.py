"""The speech detector: the same numbers as silero-vad's own model, however recordings are batched."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.config.selection import SpeechActivityConfig
from engine.errors import ModelError
from engine.segments import speech_activity
from engine.segments.spans import speech_spans
from engine.segments.speech_activity import WINDOW_S, WINDOW_SAMPLES, load_speech_activity
from tests.unit.engine.segments.spoken import Recording, record


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(["seven", "nine one", "turn left"], [0.8, 0.6, 0.5, 0.9])


def _torchscript(wave_T: np.ndarray) -> np.ndarray:
    """silero-vad's own model, window after window, as its `get_speech_timestamps` calls it."""
    spec = importlib.util.find_spec("silero_vad")
    assert spec is not None
    assert spec.submodule_search_locations
    model = torch.jit.load(str(Path(spec.submodule_search_locations[0]) / "data" / "silero_vad.jit"))
    model.reset_states()
    padded_T = np.pad(wave_T, (0, -len(wave_T) % WINDOW_SAMPLES))
    with torch.inference_mode():
        return np.array(
            [model(torch.from_numpy(window)[None], 16_000).item() for window in padded_T.reshape(-1, WINDOW_SAMPLES)]
        )


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning")
def test_the_probabilities_are_those_of_silero_vad_after_a_quarter_of_a_second_of_silence(recording: Recording) -> None:
    ours = load_speech_activity().probabilities([recording.wave_T])[0]
    theirs = _torchscript(np.pad(recording.wave_T, (8 * WINDOW_SAMPLES, 0)))[8:]
    assert len(ours) == -(-len(recording.wave_T) // WINDOW_SAMPLES)
    assert ours.max() > 0.9
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_model_that_computes_in_half_precision_does_not_change_the_probabilities(recording: Recording) -> None:
    alone = load_speech_activity().probabilities([recording.wave_T])[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = load_speech_activity().probabilities([recording.wave_T])[0]
    np.testing.assert_array_equal(within, alone)


def test_a_recording_does_not_depend_on_those_beside_it(recording: Recording) -> None:
    waves = [recording.wave_T[:20_001], recording.wave_T, np.zeros(0, np.float32), recording.wave_T[5000:5100]]
    together = load_speech_activity().probabilities(waves)
    assert [len(prob_F) for prob_F in together] == [40, -(-len(recording.wave_T) // 512), 0, 1]
    for prob_F, wave_T in zip(together, waves, strict=True):
        np.testing.assert_allclose(prob_F, load_speech_activity().probabilities([wave_T])[0], atol=1e-5)


def test_a_long_recording_in_parts_is_the_whole(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_speech_activity().probabilities([recording.wave_T])[0]
    monkeypatch.setattr(speech_activity, "_WINDOWS_AT_ONCE", 7)
    np.testing.assert_allclose(load_speech_activity().probabilities([recording.wave_T])[0], whole, atol=1e-5)


def test_speech_is_found_where_it_is(recording: Recording) -> None:
    prob_F = load_speech_activity().probabilities([recording.wave_T])[0]
    spans = speech_spans(prob_F, recording.duration_s, SpeechActivityConfig())
    assert len(spans) == len(recording.times)
    for span, part in zip(spans, recording.times, strict=True):
        assert span.start_s == pytest.approx(part.start_s, abs=0.1)
        assert span.end_s == pytest.approx(part.end_s, abs=0.2)


def test_a_pause_shorter_than_the_least_belongs_to_the_speech() -> None:
    prob_F = np.array([0.0, 0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.4, 0.4, 0.4, 0.4, 0.1, 0.1, 0.1, 0.1, 0.9], np.float32)
    spans = speech_spans(prob_F, 17 * WINDOW_S, SpeechActivityConfig())
    # Two windows are no pause; 0.4 is above the threshold at which speech ends; one window at the end is a click.
    assert [(round(s.start_s / WINDOW_S), round(s.end_s / WINDOW_S)) for s in spans] == [(1, 12)]
    longer = speech_spans(prob_F, 17 * WINDOW_S, SpeechActivityConfig(min_pause_s=0.06, min_speech_s=0.0))
    assert [(round(s.start_s / WINDOW_S), round(s.end_s / WINDOW_S)) for s in longer] == [(1, 4), (6, 12), (16, 17)]


def test_speech_to_the_end_ends_with_the_recording() -> None:
    spans = speech_spans(np.full(10, 0.9, np.float32), 0.3, SpeechActivityConfig())
    assert [(s.start_s, s.end_s) for s in spans] == [(0.0, 0.3)]


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"install silero-vad==6\.2\.3"):
        load_speech_activity.__wrapped__()


def test_loading_the_detector_draws_no_random_number() -> None:
    """A training loads it when it first needs it; a resumed one at another step."""
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    load_speech_activity.cache_clear()
    load_speech_activity().probabilities([np.zeros(WINDOW_SAMPLES, np.float32)])
    assert torch.equal(torch.rand(3), wanted)
