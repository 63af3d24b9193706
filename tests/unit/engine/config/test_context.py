"""What `context: auto` and an unset tail are for a model."""

from __future__ import annotations

import pytest

from engine.config.context import (
    AutoContextConfig,
    FullContextConfig,
    ShortContextConfig,
    resolve_context,
)
from engine.config.training import TrainingConfig
from engine.data.padding import padded_s


def test_auto_is_what_the_model_was_trained_in() -> None:
    assert TrainingConfig().context == AutoContextConfig()
    assert resolve_context(AutoContextConfig(), "full") == FullContextConfig()
    assert resolve_context(AutoContextConfig(), "short") == ShortContextConfig(bucket_s=0.5, tail_s=0.1)


def test_what_was_asked_for_stays_but_for_a_tail_that_was_not() -> None:
    assert resolve_context(FullContextConfig(), "short") == FullContextConfig()
    asked = ShortContextConfig(bucket_s=0.25, tail_s=0.1, whole_window_share=0.5)
    assert resolve_context(asked, "full") == asked
    # A model that never saw speech without silence behind it gets ten seconds of it.
    assert resolve_context(ShortContextConfig(bucket_s=0.25), "full") == ShortContextConfig(bucket_s=0.25, tail_s=10.0)


def test_padding_of_a_context_that_is_not_resolved_is_refused() -> None:
    assert padded_s(3.3, resolve_context(ShortContextConfig(), "full"), 30.0) == 13.5
    for context in (AutoContextConfig(), ShortContextConfig()):
        with pytest.raises(TypeError, match="resolve_context"):
            padded_s(1.0, context, 30.0)
