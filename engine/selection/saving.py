"""A selection's savings and break-even number of epochs, predicted before it starts and computed after it ends.

Costs are counted in seconds that the encoder runs over. A training step costs three forward passes of its audio: one
forward pass, and a backward pass that costs two.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from engine.config.selection import QuantizationAwareConfig, SelectionConfig
from engine.selection.methods import METHODS

FORWARDS_PER_STEP = 3.0
FORWARDS_PER_TRANSCRIPT = 2.0
"""The encoder runs once, the decoder token by token."""
DETECTOR_AUDIO_S_PER_S = 500.0
"""Seconds of audio that speech detection processes per second, on one slow core (docs/LOG.md)."""


class Saving(BaseModel):
    """Cost of the same number of passes with and without the selection."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    epochs: float
    """Passes over the training audio."""
    encoder_s_per_s: float
    """Seconds of encoder input, padding included, trained on per second."""
    pool_encoder_s: float
    """Encoder seconds of one pass over the whole pool, before trimming and packing."""
    selected_encoder_s: float
    """Encoder seconds of one pass over the selection."""
    without_s: float
    """Training time without the selection, in seconds."""
    training_s: float
    """Training time with the selection, in seconds."""
    segmenting_s: float
    """Time to find speech, in seconds."""
    scoring_s: float
    """Time of the forward passes that score, in seconds."""
    warm_up_s: float
    """Time of the warm-up, in seconds."""
    with_s: float
    """Total time with the selection, in seconds."""
    saved_s: float
    """Time saved, in seconds; negative if the selection costs more than it saves."""
    break_even_epochs: float | None
    """Number of passes from which the selection saves time; None if it never does."""

    def sentence(self) -> str:
        """Summary for the user."""
        if self.break_even_epochs is None:
            return "the selection saves no time at any number of passes: what it leaves out costs less than finding it"
        verb = "saves" if self.saved_s >= 0 else "costs"
        return (
            f"over {self.epochs:.3g} passes the selection {verb} {abs(self.saved_s):.0f} s of {self.without_s:.0f} s "
            f"(scoring included); it pays from {self.break_even_epochs:.1f} passes on. A run with a fixed number of "
            "steps (max_steps) takes as long with it as without"
        )


def predict_saving(
    config: SelectionConfig,
    *,
    epochs: float,
    encoder_s_per_s: float,
    pool_audio_s: float,
    pool_encoder_s: float,
    scored_encoder_s: float,
    selected_encoder_s: float,
    detects_speech: bool,
    detector_audio_s_per_s: float = DETECTOR_AUDIO_S_PER_S,
) -> Saving:
    """Predict time with and without a selection at the same number of passes.

    With P the pool's encoder seconds, S the selection's, w the warm-up's share of the steps, T the throughput and F
    the fixed cost of segmenting and scoring, E passes take E P / T without the selection and F + E (w P + S) / T with
    it. They break even at E = F T / (P - S - w P).

    Args:
        config: its method determines the forward passes for scoring.
        epochs: passes over the training audio.
        encoder_s_per_s: encoder seconds trained on per second, on the machine that trains.
        pool_audio_s: audio of all training utterances, in seconds.
        pool_encoder_s: encoder seconds of one pass over them.
        scored_encoder_s: encoder seconds of the segments that are scored.
        selected_encoder_s: encoder seconds of the selection.
        detects_speech: whether speech detection runs.
        detector_audio_s_per_s: its speed.
    """
    needs = METHODS[config.method.type].needs
    forwards = float(needs.before + needs.full_precision + needs.after)
    forwards += FORWARDS_PER_TRANSCRIPT * needs.transcripts
    if needs.held_out and isinstance(config.method, QuantizationAwareConfig):
        # One epoch of training on the held-out segments, and their scores after it.
        forwards += config.method.held_out_share * (FORWARDS_PER_STEP + 1)
    segmenting_s = pool_audio_s / detector_audio_s_per_s if detects_speech else 0.0
    scoring_s = forwards * scored_encoder_s / (FORWARDS_PER_STEP * encoder_s_per_s)
    warm_up_per_epoch_s = config.warm_up.steps_share * pool_encoder_s / encoder_s_per_s if needs.warm_up else 0.0
    per_epoch_s = selected_encoder_s / encoder_s_per_s
    without_per_epoch_s = pool_encoder_s / encoder_s_per_s
    gained_per_epoch_s = without_per_epoch_s - per_epoch_s - warm_up_per_epoch_s
    fixed_s = segmenting_s + scoring_s
    with_s = fixed_s + epochs * (per_epoch_s + warm_up_per_epoch_s)
    return Saving(
        epochs=epochs,
        encoder_s_per_s=encoder_s_per_s,
        pool_encoder_s=pool_encoder_s,
        selected_encoder_s=selected_encoder_s,
        without_s=epochs * without_per_epoch_s,
        training_s=epochs * per_epoch_s,
        segmenting_s=segmenting_s,
        scoring_s=scoring_s,
        warm_up_s=epochs * warm_up_per_epoch_s,
        with_s=with_s,
        saved_s=epochs * without_per_epoch_s - with_s,
        break_even_epochs=fixed_s / gained_per_epoch_s if gained_per_epoch_s > 0 else None,
    )
