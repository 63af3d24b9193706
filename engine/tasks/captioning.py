"""Captioning: a description in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from engine.config.tasks.captioning import CaptioningConfig
from engine.data.example import AnyExample
from engine.families.contract import Prediction
from engine.metrics.measuring import measure
from engine.metrics.registry import Values
from engine.metrics.rouge_l import rouge_l_scores
from engine.tasks.fitting import wrong_kind


class Captioning:
    """Judges captions, each against all captions of its recording.

    Args:
        config: of the task.
        base: not used.
    """

    def __init__(self, config: CaptioningConfig, base: object = None) -> None:
        self._metrics = config.metrics

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        """Examples without captions."""
        return wrong_kind(examples, "audio", ("captions",))

    def primary(self, examples: Sequence[AnyExample]) -> str:
        """CIDEr-D; ROUGE-L for fewer than two recordings, among which no n-gram is rarer than another."""
        return "cider" if len(examples) > 1 else "rouge_l"

    def score(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> Values:
        """The task's metrics, of texts as written; each normalises them as its definition says."""
        if not examples:
            return {}
        references = [list(example.target.captions) for example in examples]
        return measure(self._metrics, references, cast(Sequence[str], predictions))

    def rows(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """The captions of each recording beside the predicted one, with its own ROUGE-L."""
        if not examples:
            return []
        references, texts = [list(example.target.captions) for example in examples], cast(Sequence[str], predictions)
        return [
            {"id": example.id, "reference": reference, "hypothesis": text, "metric": "rouge_l", "value": value}
            for example, reference, text, value in zip(
                examples, references, texts, rouge_l_scores(references, texts), strict=True
            )
        ]

    def warnings(self, train: Sequence[AnyExample], test: Sequence[AnyExample]) -> Iterator[str]:
        """Nothing besides what the split says."""
        yield from ()
