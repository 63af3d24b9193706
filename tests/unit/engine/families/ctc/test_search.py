"""Beam search against the enumeration of all texts; n-gram models."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.config.base import parse
from engine.config.tasks.decoding import CtcDecodingConfig
from engine.errors import ConfigError
from engine.families.ctc.ngrams import Ngrams, read_ngrams
from engine.families.ctc.search import PrefixSearch
from engine.families.ctc.spelling import Spelling

ARPA = """\\data\\
ngram 1=6
ngram 2=4

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.3
-0.8\t</s>
-0.5\tab\t-0.4
-0.9\tba\t-0.2
-1.2\ta

\\2-grams:
-0.1\t<s> ab
-0.7\tab ba
-0.6\tba </s>
-0.2\tab </s>

\\end\\
"""
SPELLING = Spelling({" ": 1, "a": 2, "b": 3}, blank=0, unknown=None)


@pytest.fixture
def ngrams(tmp_path: Path) -> Ngrams:
    (tmp_path / "model.arpa").write_text(ARPA)
    return read_ngrams(tmp_path / "model.arpa")


def _logs(seed: int, frames: int, sharpness: float = 1.5) -> np.ndarray:
    generator = np.random.default_rng(seed)
    logits = torch.tensor(sharpness * generator.standard_normal((frames, 4)))
    return logits.log_softmax(dim=-1).float().numpy()


def _probability(logs_FV: np.ndarray, labels: tuple[int, ...]) -> float:
    """ln p(text | audio), summed over all paths by torch."""
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(logs_FV)[:, None], torch.tensor([labels], dtype=torch.long), [len(logs_FV)], [len(labels)],
        reduction="sum",
    )  # fmt: skip
    return -float(loss)


def _all_texts(frames: int) -> list[tuple[int, ...]]:
    return [labels for n in range(frames + 1) for labels in itertools.product((1, 2, 3), repeat=n)]


def test_wide_beams_find_the_most_probable_text() -> None:
    search = PrefixSearch(SPELLING, CtcDecodingConfig(beams=500, least_log_probability=-90.0))
    for seed in range(20):
        logs_FV = _logs(seed, 5, sharpness=0.5)
        best = max(_all_texts(5), key=lambda labels: _probability(logs_FV, labels))
        assert search.text(logs_FV) == SPELLING.write(best)


def test_the_most_probable_text_need_not_be_that_of_the_best_path() -> None:
    # The best path is blank, blank; but a is spelt by three paths.
    logs_FV = np.log(np.array([[0.6, 1e-9, 0.4, 1e-9]] * 2, dtype=np.float32))
    assert SPELLING.decode(logs_FV.argmax(axis=1).tolist()) == ""
    assert PrefixSearch(SPELLING, CtcDecodingConfig(beams=4)).text(logs_FV) == "a"


def test_words_are_weighed_by_the_language_model(ngrams: Ngrams) -> None:
    config = CtcDecodingConfig(
        beams=900,
        least_log_probability=-90.0,
        language_model="unused",
        language_model_weight=0.7,
        word_bonus=0.4,
        unknown_word_penalty=0.9,
    )

    def score(labels: tuple[int, ...]) -> float:
        words = SPELLING.write(labels).split()
        total, history = _probability(logs_FV, labels), ["<s>"]
        for word in words:
            known = word in ("ab", "ba", "a")
            total += 0.7 * ngrams.log_probability(word, tuple(history)) + 0.4 - (0.0 if known else 0.9)
            history.append(word)
        return total + 0.7 * ngrams.log_probability("</s>", tuple(history))

    changed = 0
    for seed in range(6):
        logs_FV = _logs(seed, 6, sharpness=1.0)
        found = PrefixSearch(SPELLING, config, ngrams).text(logs_FV)
        assert found == SPELLING.write(max(_all_texts(6), key=score))
        plain = PrefixSearch(SPELLING, CtcDecodingConfig(beams=900, least_log_probability=-90.0)).text(logs_FV)
        changed += plain != found
    assert changed


def _words(ngrams: Ngrams, logs_FV: np.ndarray, **fields: float) -> list[str]:
    config = CtcDecodingConfig(
        beams=900, least_log_probability=-90.0, language_model="unused", language_model_weight=0.0, **fields
    )
    return PrefixSearch(SPELLING, config, ngrams).text(logs_FV).split()


def test_a_bonus_for_each_word_makes_more_of_them(ngrams: Ngrams) -> None:
    logs_FV = _logs(1, 5, sharpness=0.5)
    assert len(_words(ngrams, logs_FV, word_bonus=10.0, unknown_word_penalty=0.0)) == 3  # with spaces, all that fit
    assert _words(ngrams, logs_FV, word_bonus=-10.0, unknown_word_penalty=0.0) == []


def test_a_penalty_keeps_unknown_words_out(ngrams: Ngrams) -> None:
    logs_FV = np.log(np.array([[0.01, 0.01, 0.08, 0.9]], dtype=np.float32))
    assert not ngrams.knows("b") and ngrams.knows("a")
    assert _words(ngrams, logs_FV, word_bonus=1.0, unknown_word_penalty=0.0) == ["b"]
    assert _words(ngrams, logs_FV, word_bonus=1.0, unknown_word_penalty=50.0) == ["a"]


def test_few_beams_and_improbable_characters_do_not_break_the_search() -> None:
    logs_FV = _logs(3, 40)
    for config in (CtcDecodingConfig(beams=2), CtcDecodingConfig(beams=8, least_log_probability=-0.001)):
        text = PrefixSearch(SPELLING, config).text(logs_FV)
        assert isinstance(text, str)
    # With the best character of each frame alone, the search is greedy.
    assert text == SPELLING.decode(logs_FV.argmax(axis=1).tolist())
    assert PrefixSearch(SPELLING, CtcDecodingConfig(beams=2)).text(logs_FV[:0]) == ""


def test_words_may_be_in_another_case(ngrams: Ngrams) -> None:
    capitals = Spelling({" ": 1, "A": 2, "B": 3}, blank=0, unknown=None)
    config = CtcDecodingConfig(beams=100, language_model="unused", language_model_weight=3.0)
    logs_FV = np.log(np.full((3, 4), 0.25, dtype=np.float32))
    assert PrefixSearch(capitals, config, ngrams).text(logs_FV) == "AB"


# ---- n-grams


def test_probabilities_back_off_to_shorter_histories(ngrams: Ngrams) -> None:
    def decimal(word: str, *history: str) -> float:
        return ngrams.log_probability(word, history) / math.log(10.0)

    assert ngrams.order == 2
    assert decimal("ab", "<s>") == pytest.approx(-0.1)
    assert decimal("ba", "x", "ab") == pytest.approx(-0.7)
    assert decimal("a", "<s>", "ab") == pytest.approx(-0.4 - 1.2)
    assert decimal("a", "a") == pytest.approx(-1.2)  # no backoff weight is a weight of 1
    assert decimal("zzz", "ba") == pytest.approx(-0.2 - 1.0)
    assert decimal("</s>", "ba") == pytest.approx(-0.6)
    assert decimal("ab") == pytest.approx(-0.5)
    assert not ngrams.knows("zzz")
    without = Ngrams(1, {("ab",): (-0.5, 0.0)})
    assert without.log_probability("zzz", ()) == pytest.approx(-99 * math.log(10.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        (b"\xff\xfe", "cannot read"),
        (b"mmap lm http://kheafield.com/code format version 5", "has no n-grams; give an ARPA text file"),
        (b"\\data\\\n\\2-grams:\n-0.5 ab\n", "line 3 of .* is not that of an ARPA file: an n-gram of 2 words has 1"),
        (b"\\data\\\n\\1-grams:\nab -0.5\n", "line 3 of .* is not that of an ARPA file"),
    ],
)
def test_other_files_are_rejected(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"decoding.language_model: .*{message}"):
        read_ngrams(path)


# ---- config


def test_a_language_model_needs_beams() -> None:
    with pytest.raises(ConfigError, match="beams: found 1 with a language_model, which only a beam search uses"):
        parse(CtcDecodingConfig, {"language_model": "words.arpa"})
    assert parse(CtcDecodingConfig, {"language_model": "words.arpa", "beams": 2}).beams == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"beams": 0},
        {"beams": 1001},
        {"language_model_weight": -0.1},
        {"word_bonus": 11.0},
        {"least_log_probability": 0.0},
        {"unknown_word_penalty": -1.0},
        {"language_model": ""},
    ],
)
def test_fields_have_bounds(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        parse(CtcDecodingConfig, fields)
