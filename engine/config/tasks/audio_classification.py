"""Config of audio classification."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from engine.config.base import DisagreementError
from engine.config.tasks.base import TaskFields
from engine.data.example import TargetType
from engine.errors import Fault

LabelText = Annotated[str, Field(min_length=1, max_length=500)]


class AudioClassificationConfig(TaskFields):
    """Recognise the class of a sound, or every class that it belongs to."""

    targets: ClassVar[tuple[TargetType, ...]] = ("label", "labels")
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1", "micro_f1", "mean_average_precision")
    pipeline: ClassVar[str] = "audio-classification"
    code: ClassVar[str] = "engine.tasks.audio_classification:AudioClassification"

    type: Literal["audio_classification"] = "audio_classification"
    multi_label: bool = False
    """A recording may have any number of labels, also none: each label is a yes or no of its own. Off: exactly one."""
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced`: rare labels count as much as frequent ones: an example's loss is multiplied by n / (classes x count),
    where n is the number of training examples and count that of its class. With `multi_label`, yes and no are the two
    classes of each label."""
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """Lowest probability of a predicted label; only with `multi_label`."""
    labels: Annotated[list[LabelText], Field(min_length=1, max_length=10_000)] | None = None
    """The labels, in the order of the model's outputs. Unset: all labels of the training examples, sorted."""

    @model_validator(mode="after")
    def _labels_differ(self) -> AudioClassificationConfig:
        if self.labels is None:
            return self
        if repeated := [label for label, count in Counter(self.labels).items() if count > 1]:
            raise DisagreementError([Fault("labels", f"found {repeated[0]!r} more than once; name each label once")])
        if len(self.labels) == 1 and not self.multi_label:
            message = f"found only {self.labels[0]!r}; there is nothing to choose: name another, or set multi_label"
            raise DisagreementError([Fault("labels", message)])
        return self
