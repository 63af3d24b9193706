"""Expected values: sacrebleu 2.6.0's `BLEU(tokenize=...).corpus_score`, with None for missing references."""

from __future__ import annotations

import pytest

from engine.metrics.bleu import bleu, bleu_tokenizer

CAPTIONS = [
    ["a dog barks while birds sing in the distance", "a dog is barking and birds are chirping", "birds sing"],
    ["rain falls on a metal roof"],
]


def test_bleu_of_one_and_of_several_references() -> None:
    predictions = ["a dog is barking and birds sing in the distance", "rain falls on the metal roof"]
    assert bleu(CAPTIONS, predictions) == pytest.approx(71.94089028548126)
    assert bleu([texts[:1] for texts in CAPTIONS], predictions) == pytest.approx(41.11336169005198)
    assert bleu(CAPTIONS, [texts[-1] for texts in CAPTIONS]) == pytest.approx(100)


def test_the_order_of_references_and_their_repetition_change_nothing() -> None:
    predictions = ["a dog barks and birds sing", "rain falls on the metal roof"]
    value = bleu(CAPTIONS, predictions)
    assert 0 < value < 100
    assert bleu([texts[::-1] for texts in CAPTIONS], predictions) == pytest.approx(value)
    assert bleu([[*texts, texts[0]] for texts in CAPTIONS], predictions) == pytest.approx(value)
    assert bleu(CAPTIONS[::-1], predictions[::-1]) == pytest.approx(value)


def test_case_and_punctuation_count() -> None:
    assert bleu([["The dog barks loudly."]], ["the dog barks loudly"]) < 70


@pytest.mark.parametrize(
    ("reference", "prediction", "tokenizer", "value"),
    [
        ("今天天气很好，我们去公园。", "今天天气真好，我们去公园。", "char", 76.11606003349888),
        ("สวัสดีครับ ผมชื่อสมชาย", "สวัสดีค่ะ ผมชื่อสมชาย", "char", 76.39843504088954),
        ("मैं हर दिन स्कूल जाता हूँ।", "मैं हर दिन स्कूल जाती हूँ।", "13a", 53.7284965911771),
        ("저는 매일 학교에 갑니다.", "저는 매일 학교에 가요.", "13a", 42.72870063962342),
    ],
)
def test_scripts_without_spaces_are_compared_by_character(
    reference: str, prediction: str, tokenizer: str, value: float
) -> None:
    assert bleu_tokenizer([reference]) == tokenizer
    assert bleu([[reference]], [prediction]) == pytest.approx(value)


def test_the_script_of_most_references_chooses_the_tokenizer_and_the_caller_may() -> None:
    references, predictions = (
        [["今天天气很好，我们去公园。"], ["我用iPhone拍照。"]],
        ["今天天气真好，我们去公园。", "我用iPhone照相。"],
    )
    assert bleu(references, predictions) == pytest.approx(74.1931781417317)
    assert bleu(references, predictions, "zh") == pytest.approx(64.66908235118183)
    assert bleu(references, predictions, "13a") == 0
    assert bleu_tokenizer(["今天天气很好", "two", "seven"]) == "13a"


def test_empty_texts() -> None:
    assert bleu([["a dog barks loudly"]], [""]) == 0
    assert bleu([[""]], ["a dog barks loudly"]) == 0
    assert bleu([[""]], [""]) == 0
    full = ["a dog barks loudly", "it rains on the roof"]
    assert 0 < bleu([[text] for text in full], [full[0], ""]) < 100


def test_bleu_counts_n_grams_of_the_whole_corpus() -> None:
    """A perfect text of three tokens has no 4-gram; next to a longer one, it counts."""
    assert bleu([["a dog barks"]], ["a dog barks"]) == 0
    assert bleu([["a dog barks"], ["it rains on the roof"]], ["a dog barks", "it rains on the roof"]) == pytest.approx(
        100
    )
