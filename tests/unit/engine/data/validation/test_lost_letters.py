from __future__ import annotations

import pytest

from engine.data.validation.lost_letters import LostLetters


@pytest.mark.parametrize(
    "text",
    [
        "你吃饭了吗?我还没吃",
        "おはよう?元気",
        "ไปไหน?ไปตลาด",
        "ທ່ານໄປໃສ?ໄປຕະຫຼາດ",
        "what? no",
        "well?",
        "¿Qué? ¡No!",
        "3?4",
        "go to example.com/index.php?id=1",
    ],
)
def test_a_question_mark_is_punctuation(text: str) -> None:
    assert LostLetters.of([text]).find(text) is None


@pytest.mark.parametrize(
    "texts",
    [
        ["what?no", "fine"],
        ["what?No really", "ok"],
        ["what?no", "how are you?fine thanks", "good"],
        ["что?да", "привет"],
        ["gr??er"],  # one alone may be anything
        ["M?nchen", "schön"],  # this file has its letters
    ],
)
def test_where_letters_may_be_lost_a_person_looks(texts: list[str]) -> None:
    found = LostLetters.of(texts).find(texts[0])
    assert found is not None
    at, is_lost = found
    assert texts[0][at] == "?"
    assert not is_lost


@pytest.mark.parametrize(
    "texts",
    [
        ["M?nchen ist sch?n", "ja"],
        ["don?t do it", "it?s ok"],
        ["se?or", "ma?ana", "ni?o", "espa?ol", "a?o", "que?"],
        ["б?г?н ауа райы жа?сы", "ж?мыс", "т?рт"],
        ["?ber gr??ere Stra?en", "f?r dich"],
    ],
)
def test_several_in_words_that_cannot_be_are_lost_letters(texts: list[str]) -> None:
    lost = LostLetters.of(texts)
    assert lost.are_lost
    assert lost.find(texts[0]) is not None
