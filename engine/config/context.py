"""The audio context: how much of its window an audio encoder runs over, and how `auto` resolves for a model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.config.base import Config

TrainedContext = Literal["short", "full"]
"""The context that a model was trained in: `short` if its `config.json` says `"audio_context": "short"`, else `full`."""


class AutoContextConfig(Config):
    """The context that the model was trained in: short if its config.json says `"audio_context": "short"`, else full.

    The run resolves it when it loads the model, and records the context used in the result, the card and the adapter.
    """

    type: Literal["auto"] = "auto"


class ShortContextConfig(Config):
    """The encoder runs over the audio's own frames.

    A model trained on whole windows, such as those on the hub, repeats itself or breaks off until it has adapted.
    """

    type: Literal["short"] = "short"
    bucket_s: Annotated[float, Field(ge=0.02, le=30.0)] = 0.5
    """Audio is padded with silence to the next multiple of this, in seconds. A batch holds one length only, so an
    utterance's result never depends on its neighbours."""
    tail_s: Annotated[float, Field(ge=0.0, le=30.0)] | None = None
    """Minimum silence after the speech, in seconds. Unset: 0.1 for a model trained in short context, 10 for others,
    which loop without it (docs/adr/0024-the-base-as-published.md)."""
    whole_window_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of the training utterances that are padded to the model's whole window, so that the model keeps working in
    plain transformers, which always pads. Each of these utterances costs as much as a whole window of speech."""


class FullContextConfig(Config):
    """The encoder runs over the model's whole window (30 s for Whisper), as in plain transformers."""

    type: Literal["full"] = "full"


ResolvedContext = ShortContextConfig | FullContextConfig
_TAIL_S: dict[TrainedContext, float] = {"short": 0.1, "full": 10.0}
ContextConfig = Annotated[
    AutoContextConfig | ShortContextConfig | FullContextConfig,
    Field(discriminator="type"),
]


def resolve_context(context: ContextConfig, trained: TrainedContext) -> ResolvedContext:
    """`context` resolved for a model with this trained context."""
    if isinstance(context, AutoContextConfig):
        context = ShortContextConfig() if trained == "short" else FullContextConfig()
    if isinstance(context, ShortContextConfig) and context.tail_s is None:
        context = context.model_copy(update={"tail_s": _TAIL_S[trained]})
    return context
