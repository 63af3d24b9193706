from __future__ import annotations

import pytest

from engine.data.validation.alphabets import confusable_letters, foreign_stem, usual_alphabet


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("in Mоscow today", "Mоscow"),
        ("pаypal", "pаypal"),
        ("Ηello there", "Ηello"),
        ("peoplе come", "peoplе"),
        ("моя мaма пришла", "мaма"),
        ("это мамa", "мамa"),
        ("Cбербанк онлайн", "Cбербанк"),
        ("зaмoк на горе", "зaмoк"),
        ("весь свiт", "свiт"),
        ("СOVID прошел", "СOVID"),
        ("καλημέρα κόσμo", "κόσμo"),
        ("oր լավ է", "oր"),
        ("бүгін əдемі", "əдемі"),
    ],
)
def test_letters_that_only_look_right_are_found(text: str, word: str) -> None:
    reason = confusable_letters(text)
    assert reason is not None
    assert reason.startswith(f"the word {word!r} mixes ")


@pytest.mark.parametrize(
    "text",
    [
        "мен Googleдан іздедім",
        "ол Facebookта жазды",
        "открой PDFку пожалуйста",
        "купил у Appleа телефон",
        "бір Pepsiден ішті",
        "PCом пользуюсь",
        "во XIXв было",
        "VKонтакте пишут",
        "COVIDом болел",
        "проGoogleил ответ",
        "гIалгIай мотт",
        "στο Facebookού μου",
        "το laptopάκι μου",
        "Facebookում գրեց",
    ],
)
def test_a_foreign_stem_with_an_ending_is_doubtful_and_no_more(text: str) -> None:
    assert confusable_letters(text) is None
    assert foreign_stem(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "мой iPhone'ом USB-кабель T-рубашка",
        "я говорю hello всем",
        "5 μm and Δt",
        "googleपर खोजो",
        "我用iPhone手机",
        "اشتريت iPhoneات",
    ],
)
def test_words_of_several_alphabets_beside_each_other_are_good(text: str) -> None:
    assert (confusable_letters(text), foreign_stem(text)) == (None, None)


def test_a_single_word_is_read_in_the_alphabet_of_the_dataset() -> None:
    assert usual_alphabet(["привет мир", "hello", "123"]) == "CYRILLIC"
    assert confusable_letters("Appleа", "CYRILLIC") is None
    assert confusable_letters("Appleа", "LATIN") is not None
