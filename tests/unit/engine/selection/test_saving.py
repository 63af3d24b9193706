"""What a selection saves: against a simulation of both ways, and the rules of thumb."""

from __future__ import annotations

import pytest

from engine.config.selection import SelectionConfig
from engine.selection.saving import Saving, predict_saving


def _predict(method: str = "reducible_loss", epochs: float = 10.0, selected: float = 500.0, **fields: object) -> Saving:
    config = SelectionConfig.model_validate({"method": {"type": method}, **fields})
    return predict_saving(
        config,
        epochs=epochs,
        encoder_s_per_s=20.0,
        pool_audio_s=800.0,
        pool_encoder_s=1000.0,
        scored_encoder_s=900.0,
        selected_encoder_s=selected,
        detects_speech=True,
        detector_audio_s_per_s=400.0,
    )


def test_it_counts_every_forward_and_backward_pass() -> None:
    forward_s = 1 / (3 * 20.0)  # seconds per encoder second; forward and backward are three of them
    saving = _predict()
    assert saving.without_s == pytest.approx(10 * 1000 * 3 * forward_s)
    assert saving.training_s == pytest.approx(10 * 500 * 3 * forward_s)
    assert saving.segmenting_s == 2.0
    assert saving.scoring_s == pytest.approx(2 * 900 * forward_s)  # before and after
    assert saving.warm_up_s == pytest.approx(0.05 * saving.without_s)
    total = saving.training_s + saving.segmenting_s + saving.scoring_s + saving.warm_up_s
    assert saving.with_s == pytest.approx(total)
    assert saving.saved_s == pytest.approx(saving.without_s - total)
    # The disagreement costs a pass of the full-precision base, and the pass over the slice held out.
    assert _predict("quantization_aware").scoring_s == pytest.approx((3 + 0.1 * 4) * 900 * forward_s)
    assert _predict("random").scoring_s == 0.0
    assert _predict("random").warm_up_s == 0.0


def test_it_breaks_even_where_it_says() -> None:
    even = _predict().break_even_epochs
    assert even is not None
    assert _predict(epochs=even).saved_s == pytest.approx(0.0, abs=1e-9)
    assert _predict(epochs=even + 1).saved_s > 0
    assert 1.0 < even < 3.0  # half of the data pays from about two passes on
    assert "it pays from" in _predict().sentence()


def test_what_leaves_out_too_little_never_pays() -> None:
    never = _predict(selected=960.0)
    assert never.break_even_epochs is None
    assert never.saved_s < 0
    assert "saves no time at any number of passes" in never.sentence()
