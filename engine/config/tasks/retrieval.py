"""The config of retrieval: finding a recording by a text, and a text by a recording."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from engine.config.tasks.base import TaskFields
from engine.data.example import TargetType

_RECALLS: Final = tuple(
    f"{a}_to_{b}_recall_at_{k}" for a, b in (("audio", "text"), ("text", "audio")) for k in (1, 5, 10)
)


class RetrievalConfig(TaskFields):
    """Learn embeddings in which a recording is close to the texts that describe it."""

    targets: ClassVar[tuple[TargetType, ...]] = ("captions",)
    metrics: ClassVar[tuple[str, ...]] = _RECALLS
    pipeline: ClassVar[str] = "feature-extraction"
    code: ClassVar[str] = "engine.tasks.retrieval:Retrieval"

    type: Literal["retrieval"] = "retrieval"
    group_size: Annotated[int, Field(ge=2, le=4096)] = 16
    """Recordings that are compared with each other's texts in a training step: each learns to find its own text among
    those of its group, and each text its recording. More are harder to tell apart and teach more; a group is computed
    in one pass, so that its audio must fit in `batch.micro_batch_cost`."""
    prompt: Annotated[str, Field(max_length=500, pattern=r"^[^{}]*\{\}[^{}]*$")] | None = None
    """Sentence around each text, where `{}` stands for the text, such as `This is a sound of {}.` for names of classes.
    Unset: texts unchanged."""
    train_temperature: bool = False
    """Train the two factors on the similarities too. Only for methods that train the whole model: an adapter has no room
    for them."""
