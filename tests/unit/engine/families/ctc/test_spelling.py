"""Spelling texts, and reading them from paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import Wav2Vec2CTCTokenizer

from engine.errors import ModelError
from engine.families.ctc.loading import tokenizer_over
from engine.families.ctc.paths import words_of
from engine.families.ctc.spelling import Spelling, alphabet_of, frames_needed, target_normalizer, vocabulary_of

CAPITALS = {"[PAD]": 0, "[UNK]": 1, "|": 2, "A": 3, "B": 4, "'": 5}


@pytest.fixture
def spelling() -> Spelling:
    return Spelling.of_tokenizer(tokenizer_over("abc"), 0)


def _capitals(folder: Path, *, lowers: bool = False) -> Spelling:
    path = folder / "vocab.json"
    path.write_text(str(CAPITALS).replace('"\'"', '"X"').replace("'", '"').replace('"X"', '"\'"'), encoding="utf-8")
    tokenizer = Wav2Vec2CTCTokenizer(
        str(path), unk_token="[UNK]", pad_token="[PAD]", bos_token=None, eos_token=None, do_lower_case=lowers
    )
    return Spelling.of_tokenizer(tokenizer, 0)


def test_an_alphabet_is_that_of_the_normalised_texts() -> None:
    texts = ["Zoë, it's 5|6!", "über\tall\n"]
    assert alphabet_of(texts, target_normalizer("basic")) == tuple("'56abeilorstzëü")
    assert alphabet_of(texts, target_normalizer("none")) == tuple("!',56Zabeilorstëü")
    assert alphabet_of([], str.strip) == ()
    # Numbers stay as they are spoken: the English normaliser would write them as digits.
    assert target_normalizer("english")("Twenty-one") == "twenty one"


@pytest.mark.parametrize(
    ("alphabet", "message"),
    [
        ((), "no alphabet is given"),
        (("a", "bc"), "the alphabet holds 'bc'; each entry is one character"),
        (("a", " ", "|"), "the alphabet holds ' ', '|'"),
        (("a", "b", "a"), "the alphabet has 1 repeated characters"),
    ],
)
def test_faulty_alphabets_are_rejected(alphabet: tuple[str, ...], message: str) -> None:
    with pytest.raises(ModelError) as error:
        vocabulary_of(alphabet)
    assert message in str(error.value)


def test_texts_are_spelt_and_paths_are_read(spelling: Spelling) -> None:
    assert spelling.encode("  ab  c ") == [3, 4, 2, 5]
    assert spelling.encode("aéb") == [3, 1, 4]
    assert spelling.encode("") == []
    assert spelling.decode([0, 3, 3, 0, 3, 4, 0, 2, 2, 0, 1, 5, 0]) == "aab c"
    assert spelling.decode([2, 0, 2, 3, 2, 0, 2]) == "a"
    assert spelling.decode([]) == ""
    tokenizer = tokenizer_over("abc")
    for path in ([0, 3, 3, 0, 3, 4, 0, 2, 5], [5, 5, 5], [0, 0], [3, 2, 3]):
        assert spelling.decode(path) == tokenizer.decode(path)
    assert spelling.encode("ab c") == tokenizer("ab c").input_ids


def test_special_tokens_in_a_text_are_characters(spelling: Spelling) -> None:
    assert spelling.encode("<pad>a") == [1, 1, 3, 1, 1, 3]  # unknown, p is unknown, a, d and > are unknown, a


def test_texts_take_the_vocabulary_s_case(tmp_path: Path) -> None:
    capitals = _capitals(tmp_path)
    assert capitals.encode("ab's") == [3, 4, 5, 1]
    assert capitals.decode([3, 0, 4]) == "AB"
    assert _capitals(tmp_path, lowers=True).decode([3, 0, 4]) == "ab"


def test_the_longest_labels_come_first() -> None:
    several = Spelling({"s": 1, "h": 2, "sh": 3, " ": 4, "shh": 5}, blank=0, unknown=None)
    assert several.encode("sh s hx shh") == [3, 4, 1, 4, 2, 4, 5]
    assert several.decode([3, 0, 1]) == "shs"


@pytest.mark.parametrize(("labels", "frames"), [([], 0), ([3], 1), ([3, 4], 2), ([3, 3], 3), ([3, 3, 3, 4, 4], 8)])
def test_repeated_labels_need_a_blank_between(labels: list[int], frames: int) -> None:
    assert frames_needed(labels) == frames


def test_words_have_the_times_of_their_first_and_last_frames(spelling: Spelling) -> None:
    #       0  1  2  3  4  5  6  7  8  9 10 11 12
    path = [0, 3, 3, 0, 4, 0, 2, 2, 5, 0, 5, 1, 0]
    words = words_of(path, spelling, 0.02)
    assert [(w.text, w.start_s, w.end_s) for w in words] == [("ab", 0.02, 0.1), ("cc", 0.16, 0.22)]
    assert words_of([0, 0], spelling, 0.02) == () == words_of([], spelling, 0.02)
    # A space between equal letters separates words too.
    assert [w.text for w in words_of([3, 2, 3], spelling, 0.02)] == ["a", "a"]
    assert " ".join(w.text for w in words) == spelling.decode(path)
