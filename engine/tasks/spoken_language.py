"""Choose a multilingual model's language for a dataset: the requested one, or the one that it detects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from engine.data.example import Utterance
from engine.models.base import DETECTED, BaseModel
from engine.models.languages import main_script, scripts_of, written_in
from engine.tasks.speech_to_text import SpeechToText

_HEARD: Final = 8
"""Number of recordings for language detection, spaced evenly over the dataset."""


@dataclass(frozen=True, slots=True)
class SpokenLanguage:
    """The language chosen for a multilingual model, with an explanation."""

    code: str
    note: str | None
    """Message for the user, if any."""


def spoken_language(base: BaseModel, utterances: Sequence[Utterance], folder: Path) -> SpokenLanguage | None:
    """The language of a dataset for this model; None for a model of one language.

    Without a requested language, the model detects the language of some recordings, and the most frequent one wins. If
    possible, only languages in the script of the texts are considered.

    Args:
        base: the model, with the run's config.
        utterances: of the dataset.
        folder: of the dataset version.

    Raises:
        AudioError: a file cannot be read.
    """
    known = base.speech.codec.languages
    if not known:
        return None
    script = main_script(u.target.text for u in utterances)
    fitting = written_in(script, known)
    asked = base.config.task.language or base.speech.codec.own_language
    texts = f"the texts are written in {(script or '').title()}"
    if asked is not None and asked != DETECTED:
        note = None
        if asked not in fitting and script is not None:
            advice = f"; the model's languages in that script are {', '.join(fitting)}" if fitting else ""
            written = " or ".join(sorted(name.title() for name in scripts_of(asked)))
            note = f"task.language {asked} is written in {written}, and {texts}{advice}"
        return SpokenLanguage(asked, note)
    task = SpeechToText(base.config, base.speech, base.device, base.dtype)
    heard = _spread(utterances, _HEARD)
    votes = Counter(task.detect_languages(heard, folder, fitting or known))
    code, count = votes.most_common(1)[0]
    note = (
        f"task.language is not set: the decoder is given <|{code}|>, which was detected in {count} of {len(heard)} "
        "recordings; set task.language to choose it"
    )
    if not fitting:
        note += f". {texts}, and none of the model's languages is: it may learn them slowly"
    return SpokenLanguage(code, None if asked == DETECTED and fitting else note)


def with_language(base: BaseModel, code: str) -> BaseModel:
    """The model with a language set in the decoder's prefix and in the config."""
    base.speech.use_language(code)
    task = base.config.task.model_copy(update={"language": code})
    return replace(base, config=base.config.model_copy(update={"task": task}))


def _spread(utterances: Sequence[Utterance], most: int) -> list[Utterance]:
    if len(utterances) <= most:
        return list(utterances)
    return [utterances[i * len(utterances) // most] for i in range(most)]
