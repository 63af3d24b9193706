"""How recordings become segments, and which of them are trained on: the schema of a selection."""

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
    """Where somebody speaks, by silero-vad, in steps of 32 ms."""

    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Speech begins at this probability."""
    end_threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.35
    """Speech goes on as long as its probability does not fall below this."""
    min_speech_s: Seconds = 0.06
    """Shorter speech is taken for a click, in seconds."""
    min_pause_s: Seconds = 0.1
    """Shorter pauses are part of the speech around them, in seconds."""

    @model_validator(mode="after")
    def _thresholds_agree(self) -> SpeechActivityConfig:
        if self.end_threshold > self.threshold:
            message = f"found {self.end_threshold:g}, above threshold {self.threshold:g}; speech would end as it begins"
            raise DisagreementError([Fault("end_threshold", message)])
        return self


class NoTrimConfig(Config):
    """Leave recordings as long as they are."""

    type: Literal["none"] = "none"


class SpeechTrimConfig(Config):
    """Take off what lies before the first and after the last speech."""

    type: Literal["speech"] = "speech"
    margin_s: Seconds = 0.15
    """What is left before and after the speech, in seconds: soft first and last sounds are in it."""
    least_speech_s: Seconds = 0.2
    """With less speech than this in all, a recording counts as one in which none was found: the noise that a recording
    begins with is easily taken for a sound of speech, in seconds."""
    keep_whole_s: Seconds = 2.0
    """A recording up to this long in which no speech is found is kept whole, since a short word is easily missed; a
    longer one that has a text is left out of training, in seconds."""


TrimConfig = Annotated[NoTrimConfig | SpeechTrimConfig, Field(discriminator="type")]


class CutConfig(Config):
    """Cutting recordings that are longer than the model's window, at pauses."""

    longest_s: SegmentSeconds | None = None
    """Longest segment, in seconds; unset: the model's window."""
    min_share: PositiveFraction = 0.5
    """A cut is looked for from this part of the longest segment on; the longest pause there wins."""


class NoPackConfig(Config):
    """Every segment by itself."""

    type: Literal["none"] = "none"


class PackConfig(Config):
    """Join short segments, one after the other, up to a length: less padding, fewer windows."""

    type: Literal["join"] = "join"
    target_s: SegmentSeconds = 25.0
    """Longest joined segment, in seconds; never more than the model's window."""
    within: Literal["recording", "speaker", "split"] = "speaker"
    """What is joined: segments of one audio file, of one known speaker, or any of one split. The first two never join
    two speakers, and nothing ever joins two splits."""


SegmentPackConfig = Annotated[NoPackConfig | PackConfig, Field(discriminator="type")]


# ---- budget ----------------------------------------------------------------------------------------------


class ShareBudgetConfig(Config):
    """A part of what training on everything would cost."""

    type: Literal["share"] = "share"
    fraction: PositiveFraction = 0.5
    """Part of the seconds that the encoder runs over (padding included) in one pass over all training utterances, as
    they are before they are trimmed and packed."""


class SecondsBudgetConfig(Config):
    """So many seconds."""

    type: Literal["seconds"] = "seconds"
    encoder_s: Annotated[float, Field(gt=0.0, le=1e10)]
    """Seconds that the encoder runs over (padding included) in one pass over the selection."""


BudgetConfig = Annotated[ShareBudgetConfig | SecondsBudgetConfig, Field(discriminator="type")]


# ---- methods ---------------------------------------------------------------------------------------------


class SamplerFields(Config):
    """Fields of the methods that draw segments with a probability by their score."""

    tau: Annotated[float, Field(ge=0.0, le=1000.0)] | None = None
    """How sharply the score decides: the probability grows with exp(tau * score); 0: it does not decide. Unset: 1, and 0
    where the budget is less than three eighths of what training on everything costs (docs/studies/selection.md)."""
    least_inclusion: Fraction = 0.4
    """Least probability of a segment to be drawn, as a part of what it would be if all were alike."""
    largest_weight: Annotated[float, Field(ge=1.0, le=1e6)] = 5.0
    """Loss weights are the inverse of the probability, up to this, before they are brought to a mean of 1."""
    nll_strata: Strata = 4
    """Classes of the loss per token over which the draw is spread evenly."""
    duration_strata: Strata = 3
    """Classes of duration over which the draw is spread evenly."""
    snr_strata: Strata = 2
    """Classes of the signal-to-noise ratio over which the draw is spread evenly."""


class WrongTextFields(SamplerFields):
    """Fields of the methods whose model, briefly trained on the pool, may tell which texts are wrong."""

    wrong_text_nats: Annotated[float, Field(gt=0.0, le=1000.0)] | None = 3.0
    """A segment is left out when the model is surer of another token than of the text's by more than this, in nats (3:
    20 times as sure), somewhere in the text; unset: none is."""
    most_wrong_texts: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    """Where more texts than this part would be left out, the model is too poor to judge, and none is."""


class QuantizationAwareConfig(WrongTextFields):
    """Reducible loss of the quantised model, plus disagreement with full precision where that is shown to help."""

    type: Literal["quantization_aware"] = "quantization_aware"
    lambda_q: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0
    """Weight of the disagreement against the reducible loss, both as z-scores, when it is not disabled."""
    held_out_share: PositiveFraction = 0.1
    """Part of the utterances on which the disagreement must show that it tells more than the reducible loss."""
    least_held_out: Annotated[int, Field(ge=10, le=1_000_000)] = 40
    """With fewer segments held out the disagreement is disabled untested."""
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    """Confidence of the interval that must lie above zero."""
    bootstrap_draws: Annotated[int, Field(ge=100, le=100_000)] = 2000
    """Draws for the interval."""


class ReducibleLossConfig(WrongTextFields):
    """Reducible loss of the quantised model alone (lambda_q = 0)."""

    type: Literal["reducible_loss"] = "reducible_loss"


class DisagreementConfig(SamplerFields):
    """Disagreement between the quantised model and the model in full precision, alone."""

    type: Literal["disagreement"] = "disagreement"
    residual: bool = True
    """Take out of the disagreement what loss and duration explain; raw, it ranks wrong labels highest."""


class RandomConfig(Config):
    """Every segment alike."""

    type: Literal["random"] = "random"


class DurationStratifiedConfig(Config):
    """Every segment alike, with the draw spread evenly over durations."""

    type: Literal["duration_stratified"] = "duration_stratified"
    duration_strata: Strata = 8
    """Classes of duration."""


class TrimPackOnlyConfig(Config):
    """All that trimming and packing leave; every segment alike where that is more than the budget."""

    type: Literal["trim_pack_only"] = "trim_pack_only"


class TopLossConfig(Config):
    """The segments with the highest loss per token before training."""

    type: Literal["top_loss"] = "top_loss"


class El2nConfig(Config):
    """The segments with the largest error vector after the warm-up (EL2N, per token)."""

    type: Literal["el2n"] = "el2n"


class CowerageConfig(Config):
    """Every range of word error rates after the warm-up alike (COWERAGE)."""

    type: Literal["cowerage"] = "cowerage"
    wer_strata: Strata = 10
    """Classes of the word error rate over which the draw is spread evenly."""


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
    """The short training after which segments are scored again."""

    steps_share: PositiveFraction = 0.05
    """Optimizer steps, as a part of those of a run over everything."""
    data_share: PositiveFraction = 0.1
    """Part of the segments that it trains on, drawn at random."""


class SelectionConfig(Config):
    """Which segments of a dataset a run trains on."""

    activity: SpeechActivityConfig = SpeechActivityConfig()
    """What counts as speech."""
    trim: TrimConfig = SpeechTrimConfig()
    """What is taken off both ends."""
    cut: CutConfig = CutConfig()
    """How long recordings are cut."""
    pack: SegmentPackConfig = NoPackConfig()
    """Whether short segments are joined."""
    budget: BudgetConfig = ShareBudgetConfig()
    """How much may be trained on."""
    method: SelectionMethodConfig = AutoMethodConfig()
    """How it is chosen."""
    warm_up: WarmUpConfig = WarmUpConfig()
    """The short training that the scores need."""
    batch_audio_s: Annotated[float, Field(gt=0.0, le=86_400.0)] = 60.0
    """Seconds of audio, padding included, that are segmented and scored at once."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Start of every random choice."""

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
