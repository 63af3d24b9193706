"""The schema of a training run, shared by YAML files, the API's body and the web form."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, model_validator

from engine.config.augmentation import AugmentationConfig
from engine.config.base import Config, DisagreementError
from engine.config.context import AutoContextConfig, ContextConfig
from engine.config.earlier import EARLIER_BATCH, EARLIER_EVALUATION, EARLIER_SPLIT, todays_names
from engine.config.methods.lora import QloraConfig
from engine.config.methods.registry import MethodConfig
from engine.config.optimizers.adam import AdamWConfig
from engine.config.optimizers.registry import OptimizerConfig
from engine.config.tasks.base import TaskFields
from engine.config.tasks.registry import TaskConfig
from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.errors import Fault

TaskT = TypeVar("TaskT", bound=TaskFields)
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
MOST_STEPS: Final = 10_000_000
MOST_METRIC_EVENTS: Final = 100_000
"""Maximum number of metric events of a run; each is stored, shown and sent."""
MOST_INTERRUPTIONS: Final = 10_000
"""Maximum number of evaluations during training, and of checkpoints."""
Steps = Annotated[int, Field(ge=1, le=MOST_STEPS)]
StepsOrNone = Annotated[int, Field(ge=0, le=MOST_STEPS)]
MOST_COST: Final = 1e9
BatchCost = Annotated[float, Field(gt=0.0, le=MOST_COST)]
"""Cost of a batch, in the task's unit."""
Groups = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=10_000)]
Norm = Annotated[float, Field(ge=0.0, le=1e6)]


# ---- data order -------------------------------------------------------------------------------------------


class SplitConfig(Config):
    """Training, validation (for choosing the best checkpoint) and test examples.

    A group is what must not be on both sides: the speaker of speech, else the recording or the site.
    """

    test_groups: Groups = []
    """Groups to test on, held out of training. Empty: drawn at random, if there are several groups."""
    validation_groups: Groups = []
    """Groups to validate on, held out of training. Empty: validation uses a share of the training examples."""
    validation_fraction: Fraction = 0.05
    """Share of the training examples held out for validation if no validation groups are named."""
    max_validation_examples: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Maximum number of examples in the validation split."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_release(cls, values: Any) -> Any:
        return todays_names(values, EARLIER_SPLIT)


class BatchConfig(Config):
    """Amount of data in an optimizer step, counted in the task's unit of cost: seconds of audio, tokens, pixels."""

    cost: BatchCost = 24.0
    """Cost of an optimizer step over all workers (the global batch), padding included."""
    max_examples: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Maximum number of examples in an optimizer step over all workers."""
    micro_batch_cost: BatchCost = 24.0
    """Cost of one forward pass on one worker, padding included."""
    short_first_steps: StepsOrNone = 0
    """Curriculum for training from scratch: number of first steps that use only short examples."""
    short_first_max_cost: Annotated[float, Field(gt=0.0, le=MOST_COST)] = 1.0
    """Largest cost of a short example of the curriculum."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_release(cls, values: Any) -> Any:
        return todays_names(values, EARLIER_BATCH)

    @model_validator(mode="after")
    def _micro_batch_fits(self) -> BatchConfig:
        if self.micro_batch_cost > self.cost:
            message = (
                f"found {self.micro_batch_cost:g}, more than cost {self.cost:g}; a micro-batch is a part of the batch"
            )
            raise DisagreementError([Fault("micro_batch_cost", message)])
        return self


# ---- optimisation -----------------------------------------------------------------------------------------


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
    batch_cost: BatchCost = 60.0
    """Cost of a batch of predictions, padding included, in the task's unit."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_release(cls, values: Any) -> Any:
        return todays_names(values, EARLIER_EVALUATION)


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

    def task_as(self, kind: type[TaskT]) -> TaskT:
        """The task's config, for code that does only this task."""
        if not isinstance(self.task, kind):
            raise TypeError(f"a config of {kind.__name__} is needed, not of {self.task.type}")
        return self.task

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
