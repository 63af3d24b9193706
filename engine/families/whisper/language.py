"""Choose a multilingual model's language for a dataset: the requested one, or the one that it detects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from engine.config.tasks.speech_to_text import DETECTED
from engine.data.example import Utterance
from engine.families.contract import Decision
from engine.families.whisper.codec import WhisperCodec
from engine.families.whisper.languages import main_script, scripts_of, written_in

_HEARD: Final = 8
"""Number of recordings for language detection, spaced evenly over the dataset."""


class Listener(Protocol):
    """What detects languages."""

    @property
    def codec(self) -> WhisperCodec:
        """The tokenizer, which knows the model's languages."""
        ...

    def detect_languages(self, utterances: Sequence[Utterance], folder: Path, among: Sequence[str]) -> list[str]:
        """The language of each utterance, among `among`."""
        ...


def spoken_language(
    listener: Listener, asked: str | None, utterances: Sequence[Utterance], folder: Path
) -> Decision | None:
    """The language of a dataset for this model; None for a model of one language.

    Without a requested language, the model detects the language of some recordings, and the most frequent one wins. If
    possible, only languages in the script of the texts are considered.

    Args:
        listener: the model.
        asked: requested language; None: the model's own if it has one, else the one that it detects.
        utterances: of the dataset.
        folder: of the dataset version.

    Raises:
        AudioError: a file cannot be read.
    """
    known = listener.codec.languages
    if not known:
        return None
    script = main_script(u.target.text for u in utterances)
    fitting = written_in(script, known)
    told = asked or listener.codec.own_language
    texts = f"the texts are written in {(script or '').title()}"
    if told is not None and told != DETECTED:
        note = None
        if told not in fitting and script is not None:
            advice = f"; the model's languages in that script are {', '.join(fitting)}" if fitting else ""
            written = " or ".join(sorted(name.title() for name in scripts_of(told)))
            note = f"task.language {told} is written in {written}, and {texts}{advice}"
        return Decision(told, note)
    heard = _spread(utterances, _HEARD)
    votes = Counter(listener.detect_languages(heard, folder, fitting or known))
    code, count = votes.most_common(1)[0]
    note = (
        f"task.language is not set: the decoder is given <|{code}|>, which was detected in {count} of {len(heard)} "
        "recordings; set task.language to choose it"
    )
    if not fitting:
        note += f". {texts}, and none of the model's languages is: it may learn them slowly"
    return Decision(code, None if asked == DETECTED and fitting else note)


def _spread(utterances: Sequence[Utterance], most: int) -> list[Utterance]:
    if len(utterances) <= most:
        return list(utterances)
    return [utterances[i * len(utterances) // most] for i in range(most)]
