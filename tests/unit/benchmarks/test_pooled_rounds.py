"""Several held-out speakers of the training benchmark count as one."""

from __future__ import annotations

import pytest

from tests.benchmarks.train import pooled


def _result(wer: float, audio_s: float, training_s: float, peak_bytes: int) -> dict[str, float]:
    return {
        "wer": wer,
        "base_wer": 2 * wer,
        "audio_s": audio_s,
        "training_s": training_s,
        "audio_s_per_s": audio_s / training_s,
        "median_step_s": training_s / 10,
        "peak_bytes": peak_bytes,
        "training_peak_bytes": peak_bytes - 1,
        "utterances": 16,
        "wall_s": training_s + 1,
        "trainable_parameters": 7,
    }


def test_rates_are_over_all_steps_and_wer_over_all_words() -> None:
    rounds = [{"settings": {"test_words": 300}}, {"settings": {"test_words": 100}}]
    whole = pooled([_result(0.1, 40.0, 2.0, 5), _result(0.5, 40.0, 6.0, 9)], rounds)
    assert whole["wer"] == pytest.approx((30 + 50) / 400)
    assert whole["base_wer"] == pytest.approx((60 + 100) / 400)
    assert whole["audio_s_per_s"] == pytest.approx(80 / 8)  # not the mean of 20 and 6.7
    assert (whole["peak_bytes"], whole["utterances"], whole["wall_s"]) == (9, 32, 10.0)
    assert whole["trainable_parameters"] == 7


def test_one_round_is_left_as_it_is() -> None:
    result = _result(0.1, 40.0, 2.0, 5)
    assert pooled([result], [{"settings": {"test_words": 300}}]) == result
