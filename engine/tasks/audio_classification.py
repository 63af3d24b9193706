"""Audio classification: the class of a sound, or every class that it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.data.example import AnyExample, Label, Labels
from engine.families.contract import Prediction
from engine.metrics.confusion import count_confusions, draw_confusions
from engine.metrics.measuring import measure
from engine.metrics.multi_label import mean_average_precision
from engine.metrics.registry import Values
from engine.tasks.fitting import wrong_kind

FEW: Final = 8
"""Training examples of a class below which a warning names it: with fewer, one odd recording is an eighth of what the
model knows of the class."""
_OF_SEVERAL: Final = frozenset({"micro_f1", "mean_average_precision"})
"""Metrics of recordings with several labels; with one each, micro F1 is the accuracy."""
_UNEVEN: Final = 5.0
_SHOWN: Final = 10


class AudioClassification:
    """Judges labels.

    Args:
        config: of the task.
        base: not used.
    """

    def __init__(self, config: AudioClassificationConfig, base: object = None) -> None:
        self._multi_label = config.multi_label
        self._metrics = [name for name in config.metrics if config.multi_label or name not in _OF_SEVERAL]

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        """Examples without a label, or with several where one is asked for."""
        return wrong_kind(examples, "audio", ("labels", "label") if self._multi_label else ("label",))

    def primary(self, examples: Sequence[AnyExample]) -> str:
        """`accuracy`, or the mean average precision if there may be several labels."""
        return "mean_average_precision" if self._multi_label else "accuracy"

    def score(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> Values:
        """Accuracy and F1; with several labels also the mean average precision."""
        if not examples:
            return {}
        answers = cast(Sequence[dict[str, Any]], predictions)
        if not self._multi_label:
            labels = [labels_of(example)[0] for example in examples]
            return measure(self._metrics, labels, [answer["label"] for answer in answers])
        true, chosen = [frozenset(labels_of(e)) for e in examples], [frozenset(a["labels"]) for a in answers]
        values = measure(self._metrics, true, chosen)
        if any(true):  # without a label there is no class to average over
            known = list(answers[0]["scores"])
            classes = known + sorted(frozenset().union(*true).difference(known))
            # One score for all examples: a class that the model does not know is ranked as by chance.
            scores_NC = [[answer["scores"].get(name, 0.0) for name in classes] for answer in answers]
            values["mean_average_precision"] = mean_average_precision(true, scores_NC, classes)
        return values

    def rows(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """Each label beside the predicted one, with the probabilities, and whether it is right."""
        rows = []
        for example, answer in zip(examples, cast(Sequence[dict[str, Any]], predictions), strict=True):
            reference: Any = list(labels_of(example)) if self._multi_label else labels_of(example)[0]
            hypothesis = answer["labels"] if self._multi_label else answer["label"]
            is_right = set(reference) == set(hypothesis) if self._multi_label else reference == hypothesis
            rows.append(
                {
                    "id": example.id,
                    "reference": reference,
                    "hypothesis": hypothesis,
                    "metric": "accuracy",
                    "value": float(is_right),
                    "scores": answer["scores"],
                }
            )
        return rows

    def warnings(self, train: Sequence[AnyExample], test: Sequence[AnyExample]) -> Iterator[str]:
        """Classes with few examples, uneven classes, and classes that are tested but never trained."""
        counts = Counter(label for example in train for label in labels_of(example))
        if few := sorted(
            (name for name, count in counts.items() if count < FEW), key=lambda name: (counts[name], name)
        ):
            shown = ", ".join(f"{name} ({counts[name]})" for name in few[:_SHOWN]) + (
                ", ..." if len(few) > _SHOWN else ""
            )
            yield f"{len(few)} of {len(counts)} classes have fewer than {FEW} training examples: {shown}"
        if counts and max(counts.values()) >= _UNEVEN * min(counts.values()):
            (most, large), (least, small) = counts.most_common(1)[0], counts.most_common()[-1]
            yield (
                f"the classes are uneven: {most} has {large:,} training examples, {least} {small:,}; accuracy says little "
                "about rare classes, macro F1 counts all alike, and task.class_weights balanced trains them alike"
            )
        if unknown := sorted({label for example in test for label in labels_of(example)} - counts.keys()):
            yield (
                f"{len(unknown)} classes are tested on and never trained: {', '.join(unknown[:_SHOWN])}; no prediction of "
                "them can be right"
            )

    def draw(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction], folder: Path) -> Sequence[Path]:
        """The confusion matrix, if each recording has one label."""
        if self._multi_label or not examples:
            return ()
        answers = cast(Sequence[dict[str, Any]], predictions)
        target = folder / "confusions.png"
        draw_confusions(
            count_confusions([labels_of(e)[0] for e in examples], [answer["label"] for answer in answers]), target
        )
        return (target,)


def labels_of(example: AnyExample) -> tuple[str, ...]:
    """The labels of an example's target; none if it is not about labels."""
    target = example.target
    if isinstance(target, Label):
        return (target.label,)
    return target.labels if isinstance(target, Labels) else ()
