"""The registry of metrics: how each is called, which direction is better, how a value is shown. Does not import torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

Better = Literal["lower", "higher"]
Unit = Literal["share", "score"]
Values = dict[str, float]
"""Values of metrics, by the metrics' names."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of predictions against targets."""

    name: str
    title: str
    """Short, for tables and plots."""
    meaning: str
    better: Better
    """The direction that is better."""
    unit: Unit = "share"
    """`share`: a share of something counted, shown in percent. `score`: a number, shown as it is."""
    code: str | None = None
    """Module and function that count it from references and predictions; imported when it is used. None: the task counts
    it itself, from more than these or together with others."""

    def improves(self, value: float, on: float | None) -> bool:
        """Whether a value is better than another one; every value but NaN is better than none."""
        if math.isnan(value):
            return False
        if on is None or math.isnan(on):
            return True
        return value < on if self.better == "lower" else value > on

    def shown(self, value: float, digits: int = 1) -> str:
        """A value for people."""
        return f"{value:.{digits}%}" if self.unit == "share" else f"{value:.{digits + 1}f}"

    @property
    def axis(self) -> str:
        """Label of an axis, with the unit."""
        return f"{self.title} (%)" if self.unit == "share" else self.title

    @property
    def scale(self) -> float:
        """Factor from a value to what an axis shows."""
        return 100.0 if self.unit == "share" else 1.0


_ALL: Final = (
    Metric("wer", "WER", "Word error rate: wrong, missing and added words over words of the reference", "lower"),
    Metric("cer", "CER", "Character error rate: as WER, counted in characters", "lower"),
    Metric(
        "bleu",
        "BLEU",
        "Word sequences that translations share with their references, over the corpus, 0 to 100",
        "higher",
        "score",
        "engine.metrics.bleu:bleu",
    ),
    Metric(
        "rouge_l",
        "ROUGE-L",
        "Longest word sequence shared with the reference, as F-measure, mean over examples",
        "higher",
        code="engine.metrics.rouge_l:rouge_l",
    ),
    Metric(
        "cider",
        "CIDEr-D",
        "Word sequences that captions share with references, rare ones counting more, 0 to 10",
        "higher",
        "score",
        "engine.metrics.cider:cider_d",
    ),
    Metric(
        "exact_match",
        "Exact match",
        "Share of answers that equal a reference after normalisation",
        "higher",
        code="engine.metrics.answers:exact_match",
    ),
    Metric(
        "token_f1",
        "Token F1",
        "Words that answer and reference share, as F-measure, mean over examples",
        "higher",
        code="engine.metrics.answers:token_f1",
    ),
    Metric(
        "accuracy",
        "Accuracy",
        "Share of examples with the right class; of several, all must be right",
        "higher",
        code="engine.metrics.classification:accuracy",
    ),
    Metric(
        "macro_f1",
        "Macro F1",
        "Precision and recall in one number (F-measure), each class counting the same",
        "higher",
        code="engine.metrics.classification:macro_f1",
    ),
    Metric(
        "micro_f1",
        "Micro F1",
        "Precision and recall in one number (F-measure), over all decisions",
        "higher",
        code="engine.metrics.classification:micro_f1",
    ),
    Metric("mean_average_precision", "mAP", "Mean over classes of the area under the precision-recall curve", "higher"),
    Metric(
        "audio_to_text_recall_at_1",
        "R@1 audio to text",
        "Share of recordings with one of their texts ranked first",
        "higher",
    ),
    Metric(
        "audio_to_text_recall_at_5",
        "R@5 audio to text",
        "Share of recordings with one of their texts among the first 5",
        "higher",
    ),
    Metric(
        "audio_to_text_recall_at_10",
        "R@10 audio to text",
        "Share of recordings with one of their texts among the first 10",
        "higher",
    ),
    Metric(
        "text_to_audio_recall_at_1", "R@1 text to audio", "Share of texts with their recording ranked first", "higher"
    ),
    Metric(
        "text_to_audio_recall_at_5",
        "R@5 text to audio",
        "Share of texts with their recording among the first 5",
        "higher",
    ),
    Metric(
        "text_to_audio_recall_at_10",
        "R@10 text to audio",
        "Share of texts with their recording among the first 10",
        "higher",
    ),
)
METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _ALL}
FOLLOWED: Final[Mapping[str, Metric]] = {
    "loss": Metric(
        "loss",
        "Loss",
        "What training makes smaller: how far predictions are from the references",
        "lower",
        "score",
    )
}
"""Figures of training and validation that are shown beside metrics, and that no evaluation reports."""
PRIMARY: Final = "primary"
"""Stands for the metric that decides, whichever it is."""


def _known(name: str) -> str:
    if name != PRIMARY and name not in METRICS:
        raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}, and {PRIMARY} for the one that decides")
    return name


MetricName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [PRIMARY, *METRICS]})]
"""Name of a metric, or `primary`."""


def metric_named(name: str) -> Metric:
    """The metric of this name; for a name from another release, one that is shown as a number."""
    return METRICS.get(name) or Metric(name, name, name, "lower", "score")


def headline_first(values: Mapping[str, float], primary: str) -> Iterable[tuple[Metric, float]]:
    """Metrics with their values, the primary one first, the others in their order."""
    for name in sorted(values, key=lambda name: name != primary):
        yield metric_named(name), values[name]
