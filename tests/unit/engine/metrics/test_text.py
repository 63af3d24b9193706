from __future__ import annotations

import unicodedata

import pytest

from engine.metrics.text import normalize_basic, normalizer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seven.", "seven"),
        ("  And so, my fellow AMERICANS!  ", "and so my fellow americans"),
        ("don\u2019t 'quote' me", "don't quote me"),
        ("don\u00b4t, l\u2018\u00e9t\u00e9", "don't l'\u00e9t\u00e9"),
        ("the '90s, rock'n'roll, 5'10", "the 90s rock'n'roll 5'10"),
        ("ﬁve_six\tseven", "five six seven"),
        ("a twenty-one\u2014no, 3\u00d72\u00b2 and \u00bd", "a twenty one no 3 22 and 1 2"),
        ("?!", ""),
    ],
)
def test_english(text: str, expected: str) -> None:
    assert normalize_basic(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("मैं स्कूल जाता हूँ।", "मैं स्कूल जाता हूँ"),
        ("வணக்கம், நன்றி!", "வணக்கம் நன்றி"),
        ("আমি বাংলায় কথা বলি।", unicodedata.normalize("NFC", "আমি বাংলায় কথা বলি")),
        ("น้ำที่ไหน?", "น้ำที่ไหน"),
        ("น\u0e4d\u0e49\u0e32 ນ\u0ecd\u0ec9\u0eb2", "น\u0e49\u0e33 ນ\u0ec9\u0eb3"),
        ("سنة ٢٠٢٤، ۱۲ نفر", "سنة 2024 12 نفر"),
        ("१५ लोग, ၇ ခု", "15 लोग 7 ခု"),
        ("ខ្ញុំ ទៅ។", "ខ្ញុំ ទៅ"),
        ("ကျွန်တော် ၎င်း။", "ကျွန်တော် ၎င်း"),
        ("བཀྲ་ཤིས།", "བཀྲ ཤིས"),
        ("שָׁלוֹם, עוֹלָם!", unicodedata.normalize("NFC", "שָׁלוֹם עוֹלָם")),
        ("צה\"ל צה״ל ג׳ירפה ג'ירפה", "צה״ל צה״ל ג'ירפה ג'ירפה"),
        ("السَّلَامُ عَلَيْكُمْ؟", "السَّلَامُ عَلَيْكُمْ"),
        ("الســلام ﻋﻠﻴﻜﻢ", "السلام عليكم"),
        ("می\u200cخواهم\u200c کتاب\u200cها.", "می\u200cخواهم کتاب\u200cها"),
        ("ශ්\u200dරී", "ශ්\u200dරී"),
        ("അവന്\u200d \u09b9\u09a0\u09be\u09a4\u09cd\u200d", "അവ\u0d7b \u09b9\u09a0\u09be\u09ce"),
        ("co\u00adoperate auf\u200clage \u200eright\ufeff", "cooperate auflage right"),
        ("İstanbul I\u0307zmir ışık", "istanbul izmir ışık"),
        ("ΟΔΥΣΣΕΎΣ ὀδυσσεύς", "οδυσσεύσ ὀδυσσεύσ"),
        ("Straße STRASSE", "strasse strasse"),
        ("oʻzbek o‘zbek oʼzbek o`zbek o'zbek", "o'zbek o'zbek o'zbek o'zbek o'zbek"),
        ("Ինչպե՞ս ես։", "ինչպես ես"),
        ("ሰላም፡ለዓለም።", "ሰላም ለዓለም"),
        ("la col·lecció", "la col·lecció"),
        ("１２３ ﾊﾞｽ ＡＢＣ", "123 バス abc"),
        ("今天，天气很好！约翰·史密斯", "今天 天气很好 约翰 史密斯"),
        ("❤️ 5️⃣ 👍🏽 葛\U000e0100", "5 葛"),
        ("´\u0301 \u0301x", "x"),
    ],
)
def test_every_script_keeps_what_is_said(text: str, expected: str) -> None:
    assert normalize_basic(text) == expected
    assert normalize_basic(expected) == expected


@pytest.mark.parametrize("text", ["Tiếng Việt", "한국어", "Ẹ̀kọ́ Ọjọ́", "Ünïcödé", "क़लम", "ΐ ǰ", "バス"])
def test_composed_and_decomposed_letters_are_one(text: str) -> None:
    forms = {normalize_basic(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len(forms) == 1
    assert forms == {unicodedata.normalize("NFC", text.casefold())}


def test_whispers_own_english_is_there_for_comparison_with_papers() -> None:
    english = normalizer("english", {"colour": "color"})
    assert english("Mr. Smith's colour (laughs) is uh twenty-five dollars, isn't it?") == (
        "mister smith is color is $25 is not it"
    )
    assert normalizer("english")("The colour.") == "the colour"
    assert normalizer("none")(" The Colour. ") == "The Colour."
