"""Words for the digits 0 to 9 by language, for texts that are guessed from names such as `7_jackson_32.wav`.

They are the words used for counting, in the language's own script and in lower case.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from engine.data.subtitles.languages import language_of
from engine.errors import IngestError

_TABLE = Path(__file__).with_name("digit_words.json")
_ALSO_CALLED = {"nb": "no"}


@cache
def _table() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return found


def digit_words(language: str) -> list[str]:
    """The words of the digits 0 to 9.

    Args:
        language: code, with or without a region, or English name of the language: `de`, `pt-BR`, `deu`, `german`.

    Raises:
        IngestError: the language is not in the table.
    """
    code = language_of(language) or language
    found = _table().get(_ALSO_CALLED.get(code, code))
    if found is None:
        raise IngestError(
            f"found the language {language!r}; digits in file names can be written in: {', '.join(_table())}: give one of "
            "these, or the texts in a metadata.csv"
        )
    return found
