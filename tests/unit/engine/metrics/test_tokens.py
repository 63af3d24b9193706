from __future__ import annotations

import pytest

from engine.metrics.tokens import tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a dog barks", ["a", "dog", "barks"]),
        ("  a\tdog ", ["a", "dog"]),
        ("", []),
        ("我用 iPhone 拍照", ["我", "用", "iPhone", "拍", "照"]),
        ("用iPhone拍", ["用", "iPhone", "拍"]),
        ("今天 天气", ["今", "天", "天", "气"]),
        ("한국 사람", ["한국", "사람"]),
        ("मैं स्कूल", ["मैं", "स्कूल"]),
        ("café olé", ["café", "olé"]),
        ("𠮷野", ["𠮷", "野"]),
    ],
)
def test_tokens_are_words_or_characters_by_script(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected
