"""The schema of a training run, shared by YAML files, the API's body and the web form."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from engine.config.augmentation import AugmentationConfig
from engine.config.base import Config, DisagreementError
from engine.config.context import AutoContextConfig, ContextConfig
from engine.errors import Fault

TaskName = Literal["speech_to_text"]
"""Tasks that a model can be trained for."""
Normalizer = Literal["basic", "none", "english"]
"""Text normalisations before errors are counted."""
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
MOST_STEPS: Final = 10_000_000
MOST_METRIC_EVENTS: Final = 100_000
"""Maximum number of metric events of a run; each is stored, shown and sent."""
MOST_INTERRUPTIONS: Final = 10_000
"""Maximum number of evaluations during training, and of checkpoints."""
Steps = Annotated[int, Field(ge=1, le=MOST_STEPS)]
StepsOrNone = Annotated[int, Field(ge=0, le=MOST_STEPS)]
BatchSeconds = Annotated[float, Field(gt=0.0, le=86_400.0)]
"""Seconds of audio in a batch: up to a day."""
Speakers = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=10_000)]
Norm = Annotated[float, Field(ge=0.0, le=1e6)]
Decay = Annotated[float, Field(ge=0.0, le=10.0)]


# ---- task ------------------------------------------------------------------------------------------------


class SpeechToTextConfig(Config):
    """Transcribe speech with a sequence-to-sequence model."""

    type: TaskName = "speech_to_text"
    language: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Spoken language, for multilingual models: a code or a name, such as `sw` or `swahili`. Unset or `auto`: detected in
    the training audio. The run's log and card name it. Models of one language do not accept one."""
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Longest transcript, in tokens; unset: as long as the model can write."""
    fallback: bool = False
    """Retry transcripts that repeat themselves or are improbable, at rising temperatures, as OpenAI's tool does; only
    in full context. Off: greedy search, as in plain transformers and papers."""
    normalizer: Normalizer = "basic"
    """Text normalisation before WER and CER. `basic`: letters, marks and numbers of every script, without case and
    punctuation. `english`: Whisper's own for English, for comparison with papers; it also writes numbers as digits,
    expands contractions and titles, and changes British spellings if the model has its `normalizer.json`. `none`:
    texts unchanged."""


TaskConfig = SpeechToTextConfig


# ---- method: what is trained ------------------------------------------------------------------------------


Group = Literal["audio_encoder", "fusion", "text_decoder"]
"""A part of an audio-text model; fusion is cross-attention or a projector."""


class LoraFields(Config):
    """Common fields of LoRA on a full-precision base and on a 4-bit base."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 8
    """Rank of each adapter."""
    alpha: Annotated[float, Field(gt=0.0, le=10_000.0)] = 16.0
    """Scale: the update is multiplied by alpha / rank."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Dropout on the adapter's input."""
    target_modules: (
        Literal["default"] | Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=1000)]
    ) = "default"
    """Names of the linear layers that get an adapter; `default` is the family's choice."""
    groups: Literal["all"] | Annotated[list[Group], Field(min_length=1, max_length=3)] = "all"
    """Parts of the model whose layers get an adapter. Without the audio encoder a step is shorter, and the base's encoding of
    unseen speakers does not change."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank) instead of alpha / rank."""


class QloraConfig(LoraFields):
    """Small trained adapters on a 4-bit base."""

    type: Literal["qlora"] = "qlora"
    quantization: Literal["nf4", "fp4"] = "nf4"
    """4-bit data type of the base's weights."""
    double_quantization: bool = True
    """Quantise the quantisation constants too (saves about 0.4 bit per parameter)."""


class LoraConfig(LoraFields):
    """Small trained adapters on a base in full precision."""

    type: Literal["lora"] = "lora"


class FullConfig(Config):
    """Train every weight of a pre-trained model."""

    type: Literal["full"] = "full"


class PretrainConfig(Config):
    """Train every weight from random initialisation; the model provides only the architecture."""

    type: Literal["pretrain"] = "pretrain"


MethodConfig = Annotated[
    QloraConfig | LoraConfig | FullConfig | PretrainConfig,
    Field(discriminator="type"),
]


# ---- data order -------------------------------------------------------------------------------------------


class SplitConfig(Config):
    """Training, validation (for choosing the best checkpoint) and test utterances."""

    test_speakers: Speakers = []
    """Test speakers, held out of training. Empty: drawn at random, if there are several speakers."""
    validation_speakers: Speakers = []
    """Validation speakers, held out of training. Empty: validation uses a share of the training utterances."""
    validation_fraction: Fraction = 0.05
    """Share of the training utterances held out for validation if no validation speakers are named."""
    max_validation_utterances: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Maximum number of utterances in the validation split."""


class BatchConfig(Config):
    """Amount of audio in an optimizer step."""

    audio_s: BatchSeconds = 24.0
    """Seconds of audio, padding included, in an optimizer step over all workers (the global batch)."""
    max_utterances: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Maximum number of utterances in an optimizer step over all workers."""
    micro_batch_audio_s: BatchSeconds = 24.0
    """Seconds of audio, padding included, in one forward pass on one worker."""
    short_first_steps: StepsOrNone = 0
    """Curriculum for training from scratch: number of first steps that use only short utterances."""
    short_first_max_s: Annotated[float, Field(gt=0.0, le=3600.0)] = 1.0
    """Longest short utterance of the curriculum, in seconds."""

    @model_validator(mode="after")
    def _micro_batch_fits(self) -> BatchConfig:
        if self.micro_batch_audio_s > self.audio_s:
            message = f"found {self.micro_batch_audio_s:g}, more than audio_s {self.audio_s:g}; a micro-batch is a part"
            raise DisagreementError([Fault("micro_batch_audio_s", f"{message} of the batch")])
        return self


# ---- optimisation -----------------------------------------------------------------------------------------


PAGING_NEEDS_A_GPU: Final = (
    "found paged_adamw_8bit, which moves states from the GPU's memory to the host's; without a GPU there is nothing to "
    "move them out of: adamw_8bit keeps the same states"
)


class AdamWConfig(Config):
    """AdamW with its two moments in 32 bits, in 8 bits (in blocks of 256 values), or in 8 bits and paged.

    Paged states of tensors of at least 100,000 weights move to the host's memory when the GPU's runs out.
    """

    type: Literal["adamw", "adamw_8bit", "paged_adamw_8bit"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 2e-3
    """Peak learning rate."""
    weight_decay: Decay = 0.0
    """Decoupled weight decay."""
    betas: tuple[Annotated[float, Field(ge=0.0, lt=1.0)], Annotated[float, Field(ge=0.0, lt=1.0)]] = (0.9, 0.98)
    """Decay of the first and second moments."""
    eps: Annotated[float, Field(gt=0.0, le=1.0)] = 1e-8
    """Added to the denominator."""


class SgdConfig(Config):
    """Stochastic gradient descent with momentum."""

    type: Literal["sgd"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0.0, le=100.0)] = 0.05
    """Peak learning rate."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Momentum."""
    weight_decay: Decay = 0.0
    """Weight decay."""


OptimizerConfig = Annotated[AdamWConfig | SgdConfig, Field(discriminator="type")]


class ScheduleFields(Config):
    """Common fields of all schedules."""

    warmup_steps: StepsOrNone = 0
    """Steps over which the learning rate rises linearly from zero to its peak."""


class CosineConfig(ScheduleFields):
    """Half a cosine from the peak to `final_fraction` of it at the last step."""

    type: Literal["cosine"] = "cosine"
    final_fraction: Fraction = 0.0
    """Learning rate at the last step, as a share of the peak."""


class LinearConfig(ScheduleFields):
    """A straight line from the peak to `final_fraction` of it at the last step."""

    type: Literal["linear"] = "linear"
    final_fraction: Fraction = 0.0
    """Learning rate at the last step, as a share of the peak."""


class ConstantConfig(ScheduleFields):
    """Constant learning rate."""

    type: Literal["constant"] = "constant"


class StepConfig(ScheduleFields):
    """Learning rate multiplied by `factor` every `every_steps` steps."""

    type: Literal["step"] = "step"
    every_steps: Steps = 1000
    """Steps between drops."""
    factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Factor on the learning rate at a drop."""


class PlateauConfig(ScheduleFields):
    """Learning rate multiplied by `factor` when the validation metric has not improved for `patience` evaluations."""

    type: Literal["plateau"] = "plateau"
    patience: StepsOrNone = 2
    """Evaluations without improvement before a drop."""
    factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Factor on the learning rate at a drop."""


ScheduleConfig = Annotated[
    CosineConfig | LinearConfig | ConstantConfig | StepConfig | PlateauConfig,
    Field(discriminator="type"),
]


# ---- evaluation and checkpoints ---------------------------------------------------------------------------


class EvaluationConfig(Config):
    """When to evaluate, and what the result decides."""

    every_steps: StepsOrNone = 0
    """Steps between evaluations on the validation split; 0: none. The test split is measured at the end in any case."""
    early_stopping_patience: StepsOrNone = 0
    """Stop after this many evaluations without improvement; 0: never."""
    keep: Literal["best", "last"] = "last"
    """Final weights of the run: those with the best validation metric, or the last ones."""
    base: bool = True
    """Measure the base model on the test split too."""
    batch_audio_s: BatchSeconds = 60.0
    """Seconds of audio per transcription batch, padding included."""


class CheckpointConfig(Config):
    """Checkpoints, from which a run resumes after a crash."""

    every_steps: Steps = 200
    """Optimizer steps between checkpoints."""
    keep: Annotated[int, Field(ge=2, le=20)] = 2
    """Number of newest checkpoints to keep; at least two, because a crash may leave the newest incomplete."""


class TrainingConfig(Config):
    """A training run: task, method, data order, optimisation, evaluation."""

    task: TaskConfig = SpeechToTextConfig()
    """Task of the model."""
    method: MethodConfig = QloraConfig()
    """What to train: adapters on a 4-bit or full-precision base, every weight, or a new model."""
    context: ContextConfig = AutoContextConfig()
    """How much of its window the audio encoder runs over; by default, as in the model's own training."""
    split: SplitConfig = SplitConfig()
    """Train, validation and test utterances."""
    batch: BatchConfig = BatchConfig()
    """Size and order of batches."""
    augmentation: AugmentationConfig = AugmentationConfig()
    """Random changes to the training audio; off by default."""
    optimizer: OptimizerConfig = AdamWConfig()
    """The optimizer."""
    schedule: ScheduleConfig = CosineConfig(warmup_steps=20)
    """Learning rate over the course of the run."""
    max_steps: Steps | None = None
    """Optimizer steps; give this or `epochs`. With neither, the run has 10 epochs."""
    epochs: Annotated[float, Field(gt=0.0, le=100_000.0)] | None = None
    """Passes over the training audio; give this or `max_steps`."""
    max_grad_norm: Norm = 1.0
    """Gradients are clipped to this norm; 0: no clipping."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Probability mass moved from the correct token to all tokens."""
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Evaluate and save an exponential moving average of the trained weights with this decay per step; 0: no average.
    It stabilises short runs on few speakers; the learning rate may then be constant."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about 40 % slower."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Data type of computation; `auto` chooses the fastest one that the processor has instructions for."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """When to evaluate, and what the result decides."""
    checkpoint: CheckpointConfig = CheckpointConfig()
    """When to save."""
    log_every_steps: Steps = 10
    """Steps between metric events."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of every random choice."""

    @model_validator(mode="after")
    def _fields_agree(self) -> TrainingConfig:
        faults = []
        if self.max_steps is not None and self.epochs is not None:
            faults.append(Fault("epochs", f"found {self.epochs:g} and max_steps {self.max_steps}; give one of them"))
        if self.evaluation.every_steps == 0:
            faults += [
                Fault(path, "needs evaluations while training: set evaluation.every_steps greater than 0")
                for path in self.decided_by_evaluations()
            ]
        if self.max_steps is not None:
            faults += self.cadence_faults(self.max_steps)
        if faults:
            raise DisagreementError(faults)
        return self

    def cadence_faults(self, steps: int) -> list[Fault]:
        """Faults for intervals that are too short for the number of steps; each names the shortest allowed interval."""
        intervals = {
            "log_every_steps": (self.log_every_steps, MOST_METRIC_EVENTS, "metric events"),
            "evaluation.every_steps": (self.evaluation.every_steps, MOST_INTERRUPTIONS, "evaluations"),
            "checkpoint.every_steps": (self.checkpoint.every_steps, MOST_INTERRUPTIONS, "checkpoints"),
        }
        faults = [
            Fault(
                path,
                f"found {every}: {steps // every} {what} in {steps} steps; a run makes at most {most}: "
                f"set it to at least {-(-steps // most)}",
            )
            for path, (every, most, what) in intervals.items()
            if every and steps // every > most
        ]
        if steps > MOST_STEPS:
            faults.append(Fault("epochs", f"come to {steps} steps; a run takes at most {MOST_STEPS}: give fewer"))
        return faults

    def decided_by_evaluations(self) -> list[str]:
        """Paths of the fields whose effect depends on validation during training."""
        evaluation = self.evaluation
        wanted = {
            "evaluation.early_stopping_patience": evaluation.early_stopping_patience > 0,
            "evaluation.keep": evaluation.keep == "best",
            "schedule.type": isinstance(self.schedule, PlateauConfig),
        }
        return [path for path, is_wanted in wanted.items() if is_wanted]
