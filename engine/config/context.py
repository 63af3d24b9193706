"""How much of its window an audio encoder runs over, and what that is for a given model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.config.base import Config

TrainedContext = Literal["short", "full"]
"""What a model was trained in: its `config.json` says `"audio_context": "short"`, or it saw its whole window."""


class AutoContextConfig(Config):
    """What the model was trained in: short where its config.json says `"audio_context": "short"`, else full.

    The run resolves it when it loads the model; result, card and adapter name the one that it used.
    """

    type: Literal["auto"] = "auto"


class ShortContextConfig(Config):
    """The encoder runs over the frames that are there.

    A model that was not trained so, as those of the hub, repeats itself or breaks off until it has been adapted.
    """

    type: Literal["short"] = "short"
    bucket_s: Annotated[float, Field(ge=0.02, le=30.0)] = 0.5
    """Audio is padded with silence to the next multiple of this, in seconds; a batch holds one length only, so the
    result of an utterance never depends on its neighbours."""
    tail_s: Annotated[float, Field(ge=0.0, le=30.0)] | None = None
    """Least silence after the speech, in seconds; unset: 0.1 for a model that was trained in short context, and 10 for
    others, which loop without it (docs/adr/0024-the-base-as-published.md)."""
    whole_window_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of the training utterances that are padded to the model's whole window all the same, so that the model
    keeps working where everything is (plain transformers). Each costs as much as a window of speech."""


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
    """What `context` is for a model that was trained so."""
    if isinstance(context, AutoContextConfig):
        context = ShortContextConfig() if trained == "short" else FullContextConfig()
    if isinstance(context, ShortContextConfig) and context.tail_s is None:
        context = context.model_copy(update={"tail_s": _TAIL_S[trained]})
    return context
