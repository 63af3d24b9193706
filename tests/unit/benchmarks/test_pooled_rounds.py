"""Several held-out speakers of the training benchmark count as one."""

from __future__ import annotations

import pytest

from tests.benchmarks.train import build_report, held_out, pooled
from tests.benchmarks.training_side import errors_by_utterance


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


def test_each_speaker_is_held_out_once_and_of_many_some() -> None:
    assert held_out(None, ["lucas", None, "george", "lucas"], 0) == ["george", "lucas"]
    assert held_out(None, [None, None], 0) == [None]
    assert held_out("lucas,george", ["lucas", "george", "nicolas"], 0) == ["lucas", "george"]
    assert held_out("lucas, lucas", ["lucas", "george"], 0) == ["lucas"]
    with pytest.raises(SystemExit, match="nobody is called eve, mallory; the speakers are george, lucas"):
        held_out("eve,lucas,mallory", ["lucas", "george"], 0)  # before a round of many minutes, not after it
    many = [f"speaker-{i}" for i in range(40)]
    drawn = held_out(None, many, 0)
    assert len(set(drawn)) == 4
    assert drawn == held_out(None, many, 0) != held_out(None, many, 1)
    assert held_out("all", many, 0) == sorted(many)
    # Of many who say one sentence each, those who say more are tested on.
    assert held_out(None, [*many, *["eve"] * 2, *["ann"] * 3, *["bob"] * 2, *["cem"] * 2], 0) == [
        "ann",
        "bob",
        "cem",
        "eve",
    ]


def test_report_compares_both_sides_on_the_same_recordings() -> None:
    def side(errors: dict[str, int]) -> dict[str, object]:
        wer = sum(errors.values()) / len(errors)
        return _result(wer, 40.0, 2.0, 5) | {"word_errors": {name: (wrong, 1) for name, wrong in errors.items()}}

    rounds = [
        {
            "ours": side(dict.fromkeys("abcd", 0)),
            "peer": side({"a": 1, "b": 1, "c": 0, "d": 0}),
            "settings": {"test_words": 4, "test_speakers": ["george"]},
        },
        {
            "ours": side({"e": 1, "f": 0, "g": 0, "h": 0}),
            "peer": side({"e": 1, "f": 0, "g": 0, "h": 0}),
            "settings": {"test_words": 4, "test_speakers": ["lucas"]},
        },
    ]
    report = build_report(rounds, {"steps": 100})
    assert report["ours"]["wer"] == pytest.approx(1 / 8)
    assert report["peer"]["wer"] == pytest.approx(3 / 8)
    assert report["wer_difference"]["estimate"] == pytest.approx(-2 / 8)
    # "e", which both have wrong, tells nothing: the interval is that of two differences among eight.
    assert report["wer_difference"]["low"] == pytest.approx(-5 / 8, abs=0.13)
    assert report["wer_difference"]["high"] == pytest.approx(0.0, abs=1e-9)
    assert report["settings"] == {"steps": 100, "test_words": 8, "test_speakers": ["george", "lucas"]}
    assert [each["settings"]["test_speakers"] for each in report["rounds"]] == [["george"], ["lucas"]]
    assert "word_errors" in rounds[0]["ours"], "a next round is pooled with this one"
    assert "word_errors" not in report["rounds"][0]["ours"]


def test_errors_are_counted_by_recording_and_normalised() -> None:
    found = errors_by_utterance(["a", "b"], ["Six, seven.", "one"], ["six seven", "nine"])
    assert found == {"a": (0, 2), "b": (1, 1)}
