"""How a config is shown as a form: titles, groups, levels and units, added to its JSON Schema.

The schema of a config says what a field may be; this module says how people meet it. A field's title and unit follow from
its name, its group from the config that it stands in, and its level is `advanced`, unless the tables below say otherwise. An
entry of `FIELDS` is for the config that declares the field, and so for all that inherit it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

Level = Literal["basic", "advanced", "expert"]


@dataclass(frozen=True, slots=True)
class Group:
    """A part of a form."""

    name: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Shown:
    """How a config is shown."""

    group: str
    title: str | None = None
    """What the choice of this config is called; None: from the config's name."""
    level: Level = "advanced"
    """Of its fields."""


@dataclass(frozen=True, slots=True)
class About:
    """What differs from the rules for one field."""

    title: str | None = None
    level: Level | None = None
    unit: str | None = None
    group: str | None = None


TRAINING_GROUPS: Final = (
    Group("task", "Task", "What the model learns, and how it is measured."),
    Group("method", "Method", "What is trained, and how large it is."),
    Group("optimisation", "Optimisation", "How fast and how long it learns."),
    Group("data", "Data", "What is held out, and how much data a step has."),
    Group("augmentation", "Augmentation", "Random changes to the recordings, so that little data teaches more."),
    Group("evaluation", "Evaluation", "When it is measured, and what that decides."),
    Group("hardware", "Memory and speed", "Numbers, checkpoints and recomputation."),
)
SELECTION_GROUPS: Final = (
    Group("method", "Method", "How segments are chosen, and how many."),
    Group("segments", "Segments", "How recordings become segments."),
    Group("scoring", "Scoring", "The short training before segments are scored."),
)

CONFIGS: Final[Mapping[str, Shown]] = {
    # training
    "TrainingConfig": Shown("optimisation", "Training"),
    "TaskFields": Shown("task"),
    "SpeechToTextConfig": Shown("task", "Speech to text"),
    "AudioClassificationConfig": Shown("task", "Audio classification"),
    "CaptioningConfig": Shown("task", "Captioning"),
    "RetrievalConfig": Shown("task", "Retrieval"),
    "CtcDecodingConfig": Shown("task", "Decoding of CTC models", "expert"),
    "MethodFields": Shown("method"),
    "QloraConfig": Shown("method", "QLoRA"),
    "LoraConfig": Shown("method", "LoRA"),
    "TemporalConfig": Shown("method", "LoRA with gates over time", "expert"),
    "FullConfig": Shown("method", "All weights"),
    "PretrainConfig": Shown("method", "From random weights"),
    "LinearProbeConfig": Shown("method", "New head only"),
    "GradualUnfreezingConfig": Shown("method", "Layer by layer"),
    "AllocationFields": Shown("method", level="expert"),
    "UniformConfig": Shown("method", "Same rank everywhere"),
    "FixedConfig": Shown("method", "Given ranks", "expert"),
    "SketchConfig": Shown("method", "By a sketch of the gradient", "expert"),
    "ShuffledConfig": Shown("method", "Sketched, then shuffled (control)", "expert"),
    "AutoContextConfig": Shown("hardware", "As the model was trained"),
    "ShortContextConfig": Shown("hardware", "The recording's own length", "expert"),
    "FullContextConfig": Shown("hardware", "The whole window"),
    "SplitConfig": Shown("data", "Split"),
    "BatchConfig": Shown("data", "Batch"),
    "AugmentationConfig": Shown("augmentation", "Augmentation", "expert"),
    "OptimizerFields": Shown("optimisation"),
    "AdamWConfig": Shown("optimisation", "AdamW"),
    "AdamConfig": Shown("optimisation", "Adam"),
    "AdamW8BitConfig": Shown("optimisation", "AdamW, 8-bit states"),
    "PagedAdamW8BitConfig": Shown("optimisation", "AdamW, 8-bit paged states"),
    "SgdConfig": Shown("optimisation", "SGD with momentum"),
    "ScheduleFields": Shown("optimisation"),
    "CosineConfig": Shown("optimisation", "Cosine"),
    "LinearConfig": Shown("optimisation", "Linear"),
    "ConstantConfig": Shown("optimisation", "Constant"),
    "StepConfig": Shown("optimisation", "Steps"),
    "PlateauConfig": Shown("optimisation", "Drop on plateaus"),
    "EvaluationConfig": Shown("evaluation", "Evaluation"),
    "CheckpointConfig": Shown("hardware", "Checkpoints"),
    # selection
    "SelectionConfig": Shown("scoring", "Selection"),
    "SpeechActivityConfig": Shown("segments", "Speech detection", "expert"),
    "NoTrimConfig": Shown("segments", "No trimming"),
    "SpeechTrimConfig": Shown("segments", "To the speech"),
    "CutConfig": Shown("segments", "Cutting"),
    "NoPackConfig": Shown("segments", "No joining"),
    "PackConfig": Shown("segments", "Join short segments"),
    "ShareBudgetConfig": Shown("method", "Share of everything", "basic"),
    "SecondsBudgetConfig": Shown("method", "Seconds", "basic"),
    "SamplerFields": Shown("method", level="expert"),
    "AutoMethodConfig": Shown("method", "Automatic"),
    "QuantizationAwareConfig": Shown("method", "Quantisation-aware", "expert"),
    "ReducibleLossConfig": Shown("method", "Reducible loss", "expert"),
    "DisagreementConfig": Shown("method", "Disagreement", "expert"),
    "RandomConfig": Shown("method", "Random"),
    "DurationStratifiedConfig": Shown("method", "Random, spread over durations"),
    "TrimPackOnlyConfig": Shown("method", "Trimming and joining only"),
    "TopLossConfig": Shown("method", "Highest loss"),
    "El2nConfig": Shown("method", "Largest error vector (EL2N)"),
    "CowerageConfig": Shown("method", "Even over error rates (COWERAGE)"),
    "FullPoolConfig": Shown("method", "Everything"),
    "WarmUpConfig": Shown("scoring", "Warm-up", "expert"),
}
"""Configs by class; a class without an entry is shown as its nearest base."""

FIELDS: Final[Mapping[str, About]] = {
    # training
    "TrainingConfig.task": About(level="basic", group="task"),
    "TrainingConfig.method": About(level="basic", group="method"),
    "TrainingConfig.context": About("Audio context", "expert", group="hardware"),
    "TrainingConfig.split": About(level="advanced", group="data"),
    "TrainingConfig.batch": About(level="basic", group="data"),
    "TrainingConfig.augmentation": About(group="augmentation"),
    "TrainingConfig.optimizer": About(level="basic"),
    "TrainingConfig.max_steps": About("Steps", "basic", "steps"),
    "TrainingConfig.epochs": About(level="basic", unit="passes"),
    "TrainingConfig.max_grad_norm": About("Gradient clipping"),
    "TrainingConfig.ema_decay": About("Averaging of weights (EMA)", "expert"),
    "TrainingConfig.gradient_checkpointing": About(group="hardware"),
    "TrainingConfig.precision": About(group="hardware"),
    "TrainingConfig.evaluation": About(level="basic", group="evaluation"),
    "TrainingConfig.checkpoint": About("Checkpoints", group="hardware"),
    "TrainingConfig.log_every_steps": About("Steps between points of the curves", "expert", "steps", "evaluation"),
    "TaskFields.type": About("Task", "basic"),
    "SpeechToTextConfig.language": About(level="basic"),
    "SpeechToTextConfig.max_new_tokens": About("Longest transcript", unit="tokens"),
    "SpeechToTextConfig.fallback": About("Retry doubtful transcripts"),
    "SpeechToTextConfig.normalizer": About("Text normalisation"),
    "SpeechToTextConfig.decoding": About("Decoding of CTC models", "expert"),
    "AudioClassificationConfig.multi_label": About("Several labels per recording", "basic"),
    "CaptioningConfig.prompt": About("Question to the model", "basic"),
    "CaptioningConfig.max_new_tokens": About("Longest caption", unit="tokens"),
    "RetrievalConfig.group_size": About("Recordings compared at a time", unit="examples"),
    "RetrievalConfig.prompt": About("Sentence around each text"),
    "RetrievalConfig.train_temperature": About("Train the temperature", "expert"),
    "CtcDecodingConfig.language_model": About("Language model file"),
    "CtcDecodingConfig.least_log_probability": About("Least log-probability of a character", unit="nats"),
    "MethodFields.type": About("Method", "basic"),
    "LoraFields.rank": About(level="basic"),
    "LoraFields.alpha": About("Alpha (scale)", "basic"),
    "LoraFields.dropout": About(level="basic"),
    "LoraFields.allocation": About("Ranks over the layers", "expert"),
    "LoraFields.target_modules": About(level="basic"),
    "LoraFields.groups": About("Parts of the model"),
    "LoraFields.rslora": About("Rank-stabilised scale (rsLoRA)", "expert"),
    "FourBitFields.quantization": About("4-bit type", "expert"),
    "FourBitFields.double_quantization": About("Double quantisation", "expert"),
    "TemporalConfig.four_bit_base": About("Base in 4 bits", "advanced"),
    "TemporalConfig.gate": About("What gates follow", "advanced"),
    "TemporalConfig.features": About("Features of a frame"),
    "TemporalConfig.gate_learning_rate": About("Learning rate of the gates (factor)"),
    "TemporalConfig.gate_states": About("States saved as plain adapters"),
    "GradualUnfreezingConfig.every_steps": About("Steps per layer", unit="steps"),
    "GradualUnfreezingConfig.layers": About("Most layers"),
    "AllocationFields.type": About("Ranks over the layers"),
    "SketchFields.unit": About("Unit of the budget"),
    "SketchFields.weights": About("Weights of the parts"),
    "SketchFields.power": About("Exponent of the singular values"),
    "SketchFields.floor": About("Least rank"),
    "SketchFields.cap": About("Largest rank"),
    "SketchFields.examples": About("Examples that are measured", unit="examples"),
    "SketchFields.probe_rank": About("Rank of the sketch"),
    "ShuffledConfig.shuffle_seed": About("Seed of the shuffle"),
    "AutoContextConfig.type": About("Audio context", "expert"),
    "ShortContextConfig.type": About("Audio context", "expert"),
    "FullContextConfig.type": About("Audio context", "expert"),
    "ShortContextConfig.bucket_s": About("Lengths in multiples of"),
    "ShortContextConfig.tail_s": About("Silence after the speech"),
    "ShortContextConfig.whole_window_share": About("Share padded to the whole window"),
    "SplitConfig.test_groups": About("Test groups"),
    "SplitConfig.validation_groups": About("Validation groups"),
    "SplitConfig.validation_fraction": About("Validation share"),
    "SplitConfig.max_validation_examples": About("Most validation examples"),
    "BatchConfig.cost": About("Batch size", "basic", "cost"),
    "BatchConfig.max_examples": About("Most examples in a batch"),
    "BatchConfig.micro_batch_cost": About("Micro-batch size", unit="cost"),
    "BatchConfig.short_first_steps": About("Steps on short examples first", "expert"),
    "BatchConfig.short_first_max_cost": About("Longest of the short examples", "expert", "cost"),
    "OptimizerFields.type": About("Optimizer"),
    "OptimizerFields.learning_rate": About(level="basic"),
    "AdamFields.learning_rate": About(level="basic"),
    "SgdConfig.learning_rate": About(level="basic"),
    "AdamFields.betas": About("Decay of the moments (betas)", "expert"),
    "AdamFields.eps": About("Epsilon", "expert"),
    "CosineConfig.type": About("Schedule"),
    "LinearConfig.type": About("Schedule"),
    "ConstantConfig.type": About("Schedule"),
    "StepConfig.type": About("Schedule"),
    "PlateauConfig.type": About("Schedule"),
    "CosineConfig.final_fraction": About("Final share of the learning rate"),
    "LinearConfig.final_fraction": About("Final share of the learning rate"),
    "StepConfig.every_steps": About("Steps between drops", unit="steps"),
    "StepConfig.factor": About("Factor of a drop"),
    "PlateauConfig.patience": About(unit="evaluations"),
    "PlateauConfig.factor": About("Factor of a drop"),
    "EvaluationConfig.every_steps": About("Steps between evaluations", "basic", "steps"),
    "EvaluationConfig.early_stopping_patience": About("Early stopping", "basic", "evaluations"),
    "EvaluationConfig.keep": About("Weights to keep", "basic"),
    "EvaluationConfig.base": About("Measure the base too"),
    "EvaluationConfig.batch_cost": About("Size of a batch of predictions", "expert", "cost"),
    "CheckpointConfig.every_steps": About("Steps between checkpoints", unit="steps"),
    "CheckpointConfig.keep": About("Checkpoints to keep", unit="checkpoints"),
    "AugmentationConfig.mask_frequencies": About("Frequency masks (SpecAugment)", "advanced", "masks"),
    "AugmentationConfig.mask_times": About("Time masks (SpecAugment)", "advanced", "masks"),
    "AugmentationConfig.mask_frequency_share": About("Widest frequency mask"),
    "AugmentationConfig.mask_time_s": About("Longest time mask"),
    "AugmentationConfig.noise_snr_db": About("Signal-to-noise ratio"),
    "AugmentationConfig.noise_kinds": About("Kinds of noise", "advanced"),
    # selection
    "SelectionConfig.activity": About("Speech detection", "expert", group="segments"),
    "SelectionConfig.trim": About("Trimming", "basic", group="segments"),
    "SelectionConfig.cut": About("Cutting", group="segments"),
    "SelectionConfig.pack": About("Joining", "basic", group="segments"),
    "SelectionConfig.budget": About(level="basic", group="method"),
    "SelectionConfig.method": About(level="basic", group="method"),
    "SelectionConfig.warm_up": About("Warm-up", "expert"),
    "SelectionConfig.batch_audio_s": About("Audio per batch", "expert"),
    "NoTrimConfig.type": About("Trimming", "basic"),
    "SpeechTrimConfig.type": About("Trimming", "basic"),
    "SpeechTrimConfig.keep_whole_s": About("Keep whole up to"),
    "NoPackConfig.type": About("Joining", "basic"),
    "PackConfig.type": About("Joining", "basic"),
    "PackConfig.target_s": About("Length of joined segments"),
    "PackConfig.within": About("Join within"),
    "CutConfig.longest_s": About("Longest segment"),
    "CutConfig.min_share": About("Least share before a cut", "expert"),
    "ShareBudgetConfig.type": About("Budget"),
    "SecondsBudgetConfig.type": About("Budget"),
    "SecondsBudgetConfig.encoder_s": About("Seconds of encoding"),
    "SamplerFields.tau": About("Sharpness (tau)"),
    "WrongTextFields.wrong_text_nats": About("Doubt of wrong texts"),
    "QuantizationAwareConfig.lambda_q": About("Weight of the disagreement"),
    "QuantizationAwareConfig.least_held_out": About("Least held-out segments", unit="segments"),
}
"""What differs from the rules, by the class that declares the field and its name."""

_UNITS: Final[Mapping[str, str]] = {
    "_db_per_octave": "dB per octave",
    "_s": "s",
    "_hz": "Hz",
    "_db": "dB",
    "_steps": "steps",
    "_examples": "examples",
    "_tokens": "tokens",
    "_nats": "nats",
    "_bits": "bits",
    "_bytes": "bytes",
}
"""Units by the end of a field's name, the longest first."""
_UNSPOKEN: Final = ("_db_per_octave", "_s", "_hz", "_db", "_nats")
_ADVANCED_ENDS: Final = ("_probability",)


def form_schema(config: type[BaseModel], groups: tuple[Group, ...] = ()) -> dict[str, Any]:
    """The JSON Schema of a config, with `title`, `x-level`, `x-group` and `x-unit` on every field, and `x-groups` in order."""
    schema = config.model_json_schema(schema_generator=_FormSchema)
    if groups:
        schema["x-groups"] = [
            {"name": group.name, "title": group.title, "description": group.description} for group in groups
        ]
    return schema


class _FormSchema(GenerateJsonSchema):
    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """The schema of one config, with what a form needs."""
        made = super().model_schema(schema)
        target = made if "properties" in made else self.resolve_ref_schema(made)
        shown = _shown(schema["cls"])
        target["title"] = shown.title or _spaced(schema["cls"].__name__)
        for name, field in target.get("properties", {}).items():
            field.update(_described(schema["cls"], name, shown))
        return made


def _described(config: type[BaseModel], name: str, shown: Shown) -> Iterator[tuple[str, str]]:
    about = next(
        (found for base in config.__mro__ if (found := FIELDS.get(f"{base.__name__}.{name}")) is not None), About()
    )
    end = next((end for end in _UNITS if name.endswith(end)), None)
    level = about.level or ("advanced" if name.endswith(_ADVANCED_ENDS) else shown.level)
    yield "title", about.title or ("Kind" if name == "type" else _spoken(name))
    yield "x-level", level
    yield "x-group", about.group or shown.group
    if (unit := about.unit or (_UNITS[end] if end else None)) is not None:
        yield "x-unit", unit


def _shown(config: type[BaseModel]) -> Shown:
    for base in config.__mro__:
        if (found := CONFIGS.get(base.__name__)) is not None:
            return found if base is config else Shown(found.group, None, found.level)
    return Shown("other")


def _spoken(name: str) -> str:
    """`reverb_wet_db` -> `Reverb wet`."""
    for end in _UNSPOKEN:
        if name.endswith(end):
            name = name.removesuffix(end)
            break
    return name.replace("_", " ").capitalize()


def _spaced(name: str) -> str:
    """`MyOwnConfig` -> `My own`."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name.removesuffix("Config"))
    return words.strip().capitalize()
