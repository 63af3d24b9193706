"""Speech to text: the words that are said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.data.example import Utterance
from engine.families.contract import Prediction
from engine.metrics.measuring import measure
from engine.metrics.primary import primary_rate
from engine.metrics.registry import Values
from engine.metrics.text import normalizer
from engine.metrics.word_errors import ErrorCounts, count_errors
from engine.tasks.contract import RespellsEnglish
from engine.tasks.fitting import wrong_kind


class SpeechToText:
    """Judges transcripts.

    Args:
        config: of the task.
        base: the model; one that is `RespellsEnglish` decides which spellings are equal in English.
    """

    def __init__(self, config: SpeechToTextConfig, base: object = None) -> None:
        self._metrics = config.metrics
        spellings = base.spellings if isinstance(base, RespellsEnglish) else {}
        self._normalize = normalizer(config.normalizer, spellings)

    def misfits(self, examples: Sequence[Utterance]) -> dict[str, str]:
        """Examples without a text."""
        return wrong_kind(examples, "audio", ("text",))

    def primary(self, examples: Sequence[Utterance]) -> str:
        """`cer` if most texts are in scripts without spaces between words, else `wer`."""
        return primary_rate(example.target.text for example in examples)

    def score(self, examples: Sequence[Utterance], predictions: Sequence[Prediction]) -> Values:
        """WER and CER after normalisation, and the task's other metrics, of texts as written."""
        counts = self.errors(examples, predictions)
        values = {"wer": counts.wer, "cer": counts.cer}
        if not examples:
            return values
        texts = cast(Sequence[str], predictions)
        return values | measure(self._metrics, [[example.target.text] for example in examples], texts)

    def errors(self, examples: Sequence[Utterance], predictions: Sequence[Prediction]) -> ErrorCounts:
        """Errors after normalisation."""
        return count_errors(
            [self._normalize(example.target.text) for example in examples],
            [self._normalize(text) for text in cast(Sequence[str], predictions)],
        )

    def rows(self, examples: Sequence[Utterance], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """Each text beside its transcript, with its own error rate."""
        metric = self.primary(examples)
        rows = []
        for example, text in zip(examples, predictions, strict=True):
            counts = self.errors([example], [text])
            rows.append(
                {
                    "id": example.id,
                    "reference": example.target.text,
                    "hypothesis": text,
                    "metric": metric,
                    "value": counts.cer if metric == "cer" else counts.wer,
                    "word_errors": counts.word_errors,
                    "words": counts.words,
                }
            )
        return rows

    def warnings(self, train: Sequence[Utterance], test: Sequence[Utterance]) -> Iterator[str]:
        """Nothing besides what the split says."""
        yield from ()
