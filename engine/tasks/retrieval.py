"""Retrieval: find a recording by a text, and a text by a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from engine.config.tasks.retrieval import RetrievalConfig
from engine.data.example import AnyExample
from engine.families.contract import Prediction
from engine.metrics.registry import Values
from engine.metrics.retrieval import retrieval_recalls
from engine.tasks.fitting import wrong_kind

_FIRST = 5


class Retrieval:
    """Judges embeddings of recordings and texts, by the places of the right ones in the order of similarity.

    Args:
        config: of the task.
        base: not used.
    """

    def __init__(self, config: RetrievalConfig, base: object = None) -> None:
        pass

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        """Examples without captions."""
        return wrong_kind(examples, "audio", ("captions",))

    def primary(self, examples: Sequence[AnyExample]) -> str:
        """The share of recordings that have one of their texts ranked first."""
        return "audio_to_text_recall_at_1"

    def score(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> Values:
        """Recall@1, @5 and @10, both ways. Only its own texts are right for a recording."""
        if not examples:
            return {}
        similarity_AT, _, owners = _similarities(examples, predictions)
        return retrieval_recalls(similarity_AT, [example.id for example in examples], owners)

    def rows(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """The captions of each recording beside those that are found for it, the most similar first.

        Right is an example whose first one is among its own.
        """
        if not examples:
            return []
        similarity_AT, texts, _ = _similarities(examples, predictions)
        rows = []
        for example, similarity_T in zip(examples, similarity_AT, strict=True):
            found = list(dict.fromkeys(texts[place] for place in np.argsort(-similarity_T, kind="stable").tolist()))
            reference = list(example.target.captions)
            rows.append(
                {
                    "id": example.id,
                    "reference": reference,
                    "hypothesis": found[:_FIRST],
                    "metric": "audio_to_text_recall_at_1",
                    "value": float(found[0] in reference),
                }
            )
        return rows

    def warnings(self, train: Sequence[AnyExample], test: Sequence[AnyExample]) -> Iterator[str]:
        """Texts that describe several recordings, which cannot be told apart by them."""
        texts = [text for example in test for text in set(example.target.captions)]
        if len(set(texts)) < len(texts):
            yield (
                f"the {len(test):,} test recordings have {len(set(texts)):,} different texts: recordings with the same text "
                "cannot be told apart by it, so that not all of them can rank first"
            )


def _similarities(
    examples: Sequence[AnyExample], predictions: Sequence[Prediction]
) -> tuple[np.ndarray, list[str], list[str]]:
    """similarity_AT of recordings and texts, the texts, and the recording of each."""
    answers = cast(Sequence[dict[str, Any]], predictions)
    audio_AD = np.array([answer["audio"] for answer in answers])
    text_TD = np.array([text for answer in answers for text in answer["texts"]])
    pairs = [(example.id, text) for example in examples for text in example.target.captions]
    return audio_AD @ text_TD.T, [text for _, text in pairs], [owner for owner, _ in pairs]
