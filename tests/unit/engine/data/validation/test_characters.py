from __future__ import annotations

import pytest

from engine.data.validation.alphabets import confusable_letters, foreign_stem
from engine.data.validation.characters import entity, invisible, is_mark, lacks_words, plain, says_nothing, unreadable

GOOD = [
    "four two seven",
    "7 4 2",
    "the café in Łódź was naïve",
    "Größe, Spaß“ und »Maß« – „schön“",
    "CAFÉ… NÃO MAÇÃ",
    "l'été à la plage",
    "привет мир, Я… Ні",
    "Ελλάδα είναι",
    "你好世界 こんにちは 안녕하세요",
    "5 μm and Δt",
    "Il est né…”",
    "année « très » belle",
    "“L’Été”",
    "İstanbul'da ışık",
    "what? no!",
    "it costs 3×2²",
    "São Paulo, Coração, ÀÉÎ",
    "שלום עולם, السلام عليكم",
    "सत्यमेव जयते",
    "лёд и Від",
    "dášši ja ášši",
    "nuƒã le eƒã",
    "what?no",
    "новый эмодзи \U0001fae8",
]


@pytest.mark.parametrize("text", GOOD)
def test_texts_of_all_languages_are_good(text: str) -> None:
    assert (unreadable(text), entity(text), invisible(text)) == (None, None, None)
    assert (confusable_letters(text), foreign_stem(text)) == (None, None)
    assert not says_nothing(text)
    assert not is_mark(text)
    assert lacks_words(text) is None
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("he said [inaudible] to me", "[inaudible]"),
        ("he said <unk> to me", "<unk>"),
        ("sie sagte (unverständlich)", "(unverständlich)"),
        ("we go [inaudible 00:12] home", "[inaudible 00:12]"),
        ("what the [ __ ] is that", "[ __ ]"),
        ("it was unclear (and late)", None),
        ("[laughter] hello", None),
    ],
)
def test_marks_of_words_that_are_missing(text: str, mark: str | None) -> None:
    assert lacks_words(text) == mark
    assert not is_mark(text)


@pytest.mark.parametrize(
    "text", ["[inaudible]", "<unk>", "<unk> <unk>.", "[noise]", "<sil>", "[Music]", "(laughter) [cough]", "*coughs*"]
)
def test_marks_alone_are_no_text(text: str) -> None:
    assert is_mark(text)


WORDS = (
    "café", "naïve", "don’t", "“hi”", "Größe", "привет мир", "Łódź", "你好", "à la", "señor", "Ελλάδα", "ÉTÉ", "100 €",
    "😀 ok", "Ångström", "żółw", "für", "Čeština", "שלום", "السلام",
)  # fmt: skip


@pytest.mark.parametrize("code_page", ["cp1252", "latin-1", "mac_roman", "cp437", "cp850", "cp1251"])
@pytest.mark.parametrize("word", WORDS)
def test_utf_8_read_in_another_encoding_is_found(word: str, code_page: str) -> None:
    garbled = "".join(_read(bytes([byte]), code_page) for byte in word.encode())
    assert unreadable(f"well {garbled} then") is not None


def _read(byte: bytes, code_page: str) -> str:
    try:
        return byte.decode(code_page)
    except UnicodeDecodeError:
        return byte.decode("latin-1")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "gr\ufffd\ufffder",
            "found a replacement character ('gr��er'): the file was read or written in a wrong encoding",
        ),
        ("a\x07b", "found a control character (U+0007); allowed: letters, digits and punctuation"),
        ("gr\ud83der", "found a lone surrogate (U+D83D); allowed: whole characters"),
        (
            "well \\ud83d then",
            "found the escape \\ud83d, as for a character that was lost; allowed: the character itself",
        ),
        (
            "????? ???",
            "found question marks in place of all letters ('????? ???'): they were lost when it was saved",
        ),
        ("x\ue000", "found U+E000, which is no character of Unicode; allowed: letters of a script"),
        ("cafÃ©", "found 'Ã©' where 'é' was meant: UTF-8 was read in another encoding"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, reason: str) -> None:
    assert unreadable(text) == reason


def test_invisible_characters_are_taken_out() -> None:
    text = "so\u200b it\ufeff is\u00a0now"
    assert invisible(text) == "found U+200B, which shows nothing; it was taken out"
    assert plain(text) == "so it is now"
    assert invisible("می\u200cخواهم") is None  # a joiner that Persian is written with
    assert entity("you &amp; me") == "found &amp;, which is HTML and is not said; allowed: the character itself"
    assert entity("<p>you and me<br></p>") == "found <p>, which is HTML and is not said; allowed: the text alone"
    assert entity('<font color="red">you') is not None
    assert entity("R&D; and so on") is None
    assert entity("if a < b and c > d") is None
    assert entity("<laugh> you") is None
    assert [says_nothing(text) for text in ("...", " ? ", "—", "😀", "7", "ß")] == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]
