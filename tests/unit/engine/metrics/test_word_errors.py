from __future__ import annotations

import pytest

from engine.metrics.primary import primary_rate
from engine.metrics.text import normalize_basic
from engine.metrics.word_errors import count_errors


def test_word_and_character_errors_are_counted_over_the_corpus() -> None:
    counts = count_errors(["one two three", "four"], ["one too three", "four five"])
    assert (counts.word_errors, counts.words) == (2, 4)
    assert counts.wer == pytest.approx(0.5)
    assert counts.characters == 17
    assert counts.character_errors == 6


def test_words_in_silence_are_insertions() -> None:
    counts = count_errors(["", "one"], ["hello there", "one"])
    assert (counts.word_errors, counts.words) == (2, 1)
    assert count_errors([""], [""]).wer == 0.0


def test_marks_are_part_of_their_words() -> None:
    pairs = [("मैं स्कूल जाता हूँ", "मैं स्कूल जाती हूँ"), ("हिन्दी बोलो", "हन्दा बाली")]
    counts = [count_errors([normalize_basic(r)], [normalize_basic(h)]) for r, h in pairs]
    assert [(c.word_errors, c.words) for c in counts] == [(1, 4), (2, 2)]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors", "characters"),
    [
        ("今天天气很好我们去公园", "今天天气很好我们去公圆", 1, 11),
        ("今天天气很好", "今 天 天气 很 好", 0, 6),
        ("今天，天气很好。", "今天天气很好", 0, 6),
        ("我用 iPhone 手机", "我用iPhone手机", 0, 10),
        ("สวัสดี ครับ", "สวัสดีครับ", 0, 10),
        ("བཀྲ་ཤིས", "བཀྲ ཤིས", 0, 6),
        ("one two", "onetwo", 1, 7),
        ("한국 사람", "한국사람", 1, 5),
    ],
)
def test_blanks_do_not_count_where_nobody_has_to_write_them(
    reference: str, hypothesis: str, errors: int, characters: int
) -> None:
    counts = count_errors([normalize_basic(reference)], [normalize_basic(hypothesis)])
    assert (counts.character_errors, counts.characters) == (errors, characters)


@pytest.mark.parametrize(
    ("texts", "primary"),
    [
        (["seven", "two"], "wer"),
        (["今天天气很好", "你好"], "cer"),
        (["ありがとう"], "cer"),
        (["ｱﾘｶﾞﾄｳ"], "cer"),
        (["สวัสดีครับ"], "cer"),
        (["ສະບາຍດີ"], "cer"),
        (["សួស្តី"], "cer"),
        (["မင်္ဂလာပါ"], "cer"),
        (["བཀྲ་ཤིས་བདེ་ལེགས"], "cer"),
        (["안녕하세요 여러분"], "wer"),
        (["मैं स्कूल जाता हूँ", "السلام عليكم", "Xin chào các bạn"], "wer"),
        (["我想买一个 iPhone", "打开 WiFi 吧"], "cer"),
        (["please open the 窗 now"], "wer"),
        (["今天天气很好", "two", "seven"], "wer"),  # most texts are English
        (["今天天气很好", "再见", "seven"], "cer"),
        ([], "wer"),
        (["..."], "wer"),
    ],
)
def test_characters_are_the_headline_where_words_have_no_blanks(texts: list[str], primary: str) -> None:
    assert primary_rate(texts) == primary
