"""What a new task would have to touch: code that knows of speech stands in a list, which may only shrink.

The words `wer`, `audio_s`, `whisper` and `speaker` belong to tasks, families, the medium and what is made for speech alone:
segments, selection, the recipe of the bundled model, and how recordings of speech are found and checked. Anywhere else a
word is a place that another task would have to change.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import yaml

from engine.models.catalogue import PROJECT_ROOT

LIST: Final = Path(__file__).with_name("words.yaml")
WORDS: Final = re.compile(r"\b(wer|audio_s|whisper|speakers?)\b", re.IGNORECASE)
FLOORS: Final = ("engine", "cluster", "services", "tuning")
OWN: Final = (
    "engine/audio/",
    "engine/config/selection",
    "engine/config/tasks/",
    "engine/data/layouts/",
    "engine/data/subtitles/",
    "engine/data/validation/",
    "engine/families/",
    "engine/media/audio/",
    "engine/recipes/",
    "engine/segments/",
    "engine/selection/",
    "engine/tasks/",
    "engine/temporal/",
    "services/client/generated/",
    "services/database/migrations/",
    "tuning/studies/",
)
"""Where the words belong, and what is written by a machine or about the past."""


def counted() -> dict[str, int]:
    """Number of lines with such a word, by file."""
    found = {}
    for floor in FLOORS:
        for path in sorted((PROJECT_ROOT / floor).rglob("*.py")):
            name = path.relative_to(PROJECT_ROOT).as_posix()
            lines = sum(bool(WORDS.search(line)) for line in path.read_text(encoding="utf-8").splitlines())
            if lines and not name.startswith(OWN):
                found[name] = lines
    return found


def test_no_more_code_knows_of_speech_than_is_listed() -> None:
    listed: dict[str, int] = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    found = counted()
    more = {name: count for name, count in found.items() if count > listed.get(name, 0)}
    assert more == {}, "say it in the words of every task, or in a task, a family or the medium"
    fewer = {name: found.get(name, 0) for name, count in listed.items() if found.get(name, 0) < count}
    assert fewer == {}, f"the list shrinks: write these counts into {LIST.name}"
