"""The schema of a selection: how recordings become segments, and how segments are chosen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engine.config.base import Config, DisagreementError
from engine.errors import Fault

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveFraction = Annotated[float, Field(gt=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0, le=3600.0)]
SegmentSeconds = Annotated[float, Field(gt=0.0, le=3600.0)]
Strata = Annotated[int, Field(ge=1, le=1000)]


# ---- segments --------------------------------------------------------------------------------------------


class SpeechActivityConfig(Config):
    """Speech detection by silero-vad, in steps of 32 ms."""

    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Speech begins at this probability."""
    end_threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.35
    """Speech continues while its probability stays above this."""
    min_speech_s: Seconds = 0.06
    """Shorter speech counts as a click, in seconds."""
    min_pause_s: Seconds = 0.1
    """Shorter pauses belong to the speech around them, in seconds."""

    @model_validator(mode="after")
    def _thresholds_agree(self) -> SpeechActivityConfig:
        if self.end_threshold > self.threshold:
            message = f"found {self.end_threshold:g}, above threshold {self.threshold:g}; speech would end as it begins"
            raise DisagreementError([Fault("end_threshold", message)])
        return self


class NoTrimConfig(Config):
    """Do not trim."""

    type: Literal["none"] = "none"


class SpeechTrimConfig(Config):
    """Cut everything before the first and after the last speech."""

    type: Literal["speech"] = "speech"
    margin_s: Seconds = 0.15
    """Margin kept before and after the speech, in seconds, for soft first and last sounds."""
    least_speech_s: Seconds = 0.2
    """Minimum total speech, in seconds; a recording with less counts as one without speech, because noise at its start
    is easily taken for speech."""
    keep_whole_s: Seconds = 2.0
    """A recording up to this length without detected speech is kept whole, because a short word is easily missed; a
    longer one with a text is excluded from training. In seconds."""


TrimConfig = Annotated[NoTrimConfig | SpeechTrimConfig, Field(discriminator="type")]


class CutConfig(Config):
    """Cut recordings longer than the model's window, at pauses."""

    longest_s: SegmentSeconds | None = None
    """Longest segment, in seconds; unset: the model's window."""
    min_share: PositiveFraction = 0.5
    """Minimum length before a cut, as a share of the longest segment; among later pauses the longest is used."""


class NoPackConfig(Config):
    """Do not join segments."""

    type: Literal["none"] = "none"


class PackConfig(Config):
    """Join consecutive short segments up to a length: less padding, fewer windows."""

    type: Literal["join"] = "join"
    target_s: SegmentSeconds = 25.0
    """Longest joined segment, in seconds; never more than the model's window."""
    within: Literal["recording", "speaker", "split"] = "speaker"
    """Segments that may be joined: of one audio file, of one known speaker, or of one split. `recording` and `speaker`
    never join two speakers; no choice joins two splits."""


SegmentPackConfig = Annotated[NoPackConfig | PackConfig, Field(discriminator="type")]


# ---- budget ----------------------------------------------------------------------------------------------


class ShareBudgetConfig(Config):
    """A share of the cost of training on everything."""

    type: Literal["share"] = "share"
    fraction: PositiveFraction = 0.5
    """Share of the seconds that the encoder runs over (padding included) in one pass over all training utterances, before
    trimming and packing."""


class SecondsBudgetConfig(Config):
    """A fixed number of seconds."""

    type: Literal["seconds"] = "seconds"
    encoder_s: Annotated[float, Field(gt=0.0, le=1e10)]
    """Seconds that the encoder runs over (padding included) in one pass over the selection."""


BudgetConfig = Annotated[ShareBudgetConfig | SecondsBudgetConfig, Field(discriminator="type")]


# ---- methods ---------------------------------------------------------------------------------------------


class SamplerFields(Config):
    """Common fields of the methods that draw segments with a probability that depends on their score."""

    tau: Annotated[float, Field(ge=0.0, le=1000.0)] | None = None
    """Sharpness of the score: the probability grows with exp(tau * score); 0 ignores the score. Unset: 1, or 0 if the
    budget is less than three eighths of the cost of training on everything (docs/adr/0018-scores-need-a-budget.md)."""
    least_inclusion: Fraction = 0.4
    """Minimum probability of a segment, as a share of the uniform probability."""
    largest_weight: Annotated[float, Field(ge=1.0, le=1e6)] = 5.0
    """Maximum loss weight (the inverse of the probability) before scaling to a mean of 1."""
    nll_strata: Strata = 4
    """Number of loss strata (per token) over which the draw is spread evenly."""
    duration_strata: Strata = 3
    """Number of duration strata over which the draw is spread evenly."""
    snr_strata: Strata = 2
    """Number of signal-to-noise strata over which the draw is spread evenly."""


class WrongTextFields(SamplerFields):
    """Common fields of the methods with a briefly trained model, which can identify wrong texts."""

    wrong_text_nats: Annotated[float, Field(gt=0.0, le=1000.0)] | None = 3.0
    """Exclude a segment if, at some token of its text, the model finds another token more likely by more than this, in
    nats (3 is a factor of 20). Unset: exclude none."""
    most_wrong_texts: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    """If more than this share of the texts would be excluded, the model is too weak to judge, and none is excluded."""


class QuantizationAwareConfig(WrongTextFields):
    """Reducible loss of the quantised model, plus its disagreement with full precision if a test shows that it helps."""

    type: Literal["quantization_aware"] = "quantization_aware"
    lambda_q: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0
    """Weight of the disagreement relative to the reducible loss, both as z-scores, unless the test disables it."""
    held_out_share: PositiveFraction = 0.1
    """Share of the utterances held out to test whether the disagreement improves on the reducible loss."""
    least_held_out: Annotated[int, Field(ge=10, le=1_000_000)] = 40
    """With fewer held-out segments the disagreement is disabled without a test."""
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    """Confidence level of the test's interval, which must lie above zero."""
    bootstrap_draws: Annotated[int, Field(ge=100, le=100_000)] = 2000
    """Bootstrap draws for the interval."""


class ReducibleLossConfig(WrongTextFields):
    """Reducible loss of the quantised model alone (lambda_q = 0)."""

    type: Literal["reducible_loss"] = "reducible_loss"


class DisagreementConfig(SamplerFields):
    """Only the disagreement between the quantised model and the model in full precision."""

    type: Literal["disagreement"] = "disagreement"
    residual: bool = True
    """Regress loss and duration out of the disagreement; raw disagreement ranks wrong labels highest."""


class RandomConfig(Config):
    """Draw every segment with the same probability."""

    type: Literal["random"] = "random"


class DurationStratifiedConfig(Config):
    """Draw every segment with the same probability, spread evenly over durations."""

    type: Literal["duration_stratified"] = "duration_stratified"
    duration_strata: Strata = 8
    """Number of duration strata."""


class TrimPackOnlyConfig(Config):
    """Everything left after trimming and packing; above the budget, draw every segment with the same probability."""

    type: Literal["trim_pack_only"] = "trim_pack_only"


class TopLossConfig(Config):
    """The segments with the highest loss per token before training."""

    type: Literal["top_loss"] = "top_loss"


class El2nConfig(Config):
    """The segments with the largest error vector after the warm-up (EL2N, per token)."""

    type: Literal["el2n"] = "el2n"


class CowerageConfig(Config):
    """Draw evenly over the range of word error rates after the warm-up (COWERAGE)."""

    type: Literal["cowerage"] = "cowerage"
    wer_strata: Strata = 10
    """Number of word-error-rate strata over which the draw is spread evenly."""


class FullPoolConfig(Config):
    """Every segment; the budget does not apply."""

    type: Literal["full"] = "full"


class AutoMethodConfig(Config):
    """The method that suits the training: quantization_aware for qlora, reducible_loss for lora, else duration_stratified."""

    type: Literal["auto"] = "auto"


SelectionMethodConfig = Annotated[
    AutoMethodConfig
    | QuantizationAwareConfig
    | ReducibleLossConfig
    | DisagreementConfig
    | RandomConfig
    | DurationStratifiedConfig
    | TrimPackOnlyConfig
    | TopLossConfig
    | El2nConfig
    | CowerageConfig
    | FullPoolConfig,
    Field(discriminator="type"),
]


class WarmUpConfig(Config):
    """The short training before segments are scored again."""

    steps_share: PositiveFraction = 0.05
    """Optimizer steps, as a share of the steps of a run on everything."""
    data_share: PositiveFraction = 0.1
    """Share of the segments that it trains on, drawn at random."""


class SelectionConfig(Config):
    """How to choose the segments of a dataset that a run trains on."""

    activity: SpeechActivityConfig = SpeechActivityConfig()
    """Speech detection."""
    trim: TrimConfig = SpeechTrimConfig()
    """Trimming of both ends."""
    cut: CutConfig = CutConfig()
    """Cutting of long recordings."""
    pack: SegmentPackConfig = NoPackConfig()
    """Joining of short segments."""
    budget: BudgetConfig = ShareBudgetConfig()
    """Budget of the selection."""
    method: SelectionMethodConfig = AutoMethodConfig()
    """Selection method."""
    warm_up: WarmUpConfig = WarmUpConfig()
    """The short training that the scores need."""
    batch_audio_s: Annotated[float, Field(gt=0.0, le=86_400.0)] = 60.0
    """Seconds of audio per batch, padding included, for segmenting and scoring."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of every random choice."""

    @model_validator(mode="after")
    def _fields_agree(self) -> SelectionConfig:
        faults = []
        if isinstance(self.method, TrimPackOnlyConfig) and self.trim.type == "none" and self.pack.type == "none":
            faults.append(Fault("method.type", "trim_pack_only with neither trim nor pack is random; set one of them"))
        if isinstance(self.method, QuantizationAwareConfig):
            taken = self.warm_up.data_share + self.method.held_out_share
            if taken > 1.0:
                message = f"found {self.method.held_out_share:g}, with warm_up.data_share more than everything"
                faults.append(Fault("method.held_out_share", f"{message}; the two share no utterance"))
        limit_s = self.cut.longest_s
        if isinstance(self.pack, PackConfig) and limit_s is not None and self.pack.target_s > limit_s:
            message = f"found {self.pack.target_s:g}, above cut.longest_s {limit_s:g}; no segment is longer"
            faults.append(Fault("pack.target_s", message))
        if faults:
            raise DisagreementError(faults)
        return self
