"""Languages as people write them, and the scripts of texts."""

from __future__ import annotations

import pytest
from transformers.models.whisper.tokenization_whisper import LANGUAGES, TO_LANGUAGE_CODE

from engine.families.whisper.languages import find_language, main_script, scripts_of, written_in

KNOWN = tuple(LANGUAGES)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("sw", "sw"),
        (" SW ", "sw"),
        ("sw-KE", "sw"),
        ("pt_BR", "pt"),
        ("<|sw|>", "sw"),
        ("Swahili", "sw"),
        ("Mandarin", "zh"),
        ("zh-Hant-TW", "zh"),
        ("Haitian Creole", "ht"),
        ("jv", "jw"),
        ("nb-NO", "no"),
        ("haw", "haw"),
        ("xx", None),
        ("swh", None),
        ("", None),
    ],
)
def test_a_language_is_found_as_people_write_it(asked: str, code: str | None) -> None:
    assert find_language(asked, KNOWN, TO_LANGUAGE_CODE) == code
    assert find_language("sw", ("en", "de"), TO_LANGUAGE_CODE) is None


@pytest.mark.parametrize(
    ("texts", "script"),
    [
        (["Habari za asubuhi", "14!"], "LATIN"),
        (["Straße, Übermut, naïve"], "LATIN"),
        (["मेरी बहन दिल्ली में रहती है।"], "DEVANAGARI"),
        (["Привет, how are you"], "LATIN"),
        (["Привет, как дела, Linux"], "CYRILLIC"),
        (["你好,世界"], "CJK"),
        (["私は学生です", "東京"], "HIRAGANA"),
        (["コンピューター"], "HIRAGANA"),
        (["안녕하세요"], "HANGUL"),
        (["مَرْحَبًا"], "ARABIC"),
        (["ሰላም"], "ETHIOPIC"),
        (["12 + 7?", ""], None),
        ([], None),
    ],
)
def test_the_script_of_most_letters(texts: list[str], script: str | None) -> None:
    assert main_script(texts) == script


def test_languages_of_a_script() -> None:
    assert written_in("DEVANAGARI", KNOWN) == ["hi", "ne", "mr", "sa"]
    assert written_in("HIRAGANA", KNOWN) == ["ja"]
    assert written_in("CJK", KNOWN) == ["zh", "ja", "yue"]
    assert {"en", "sw", "sr", "kk"} <= set(written_in("LATIN", KNOWN))
    assert not {"ru", "hi", "zh"} & set(written_in("LATIN", KNOWN))
    assert written_in("CHEROKEE", KNOWN) == []
    assert written_in(None, KNOWN) == list(KNOWN)
    assert all(scripts_of(code) for code in KNOWN)
