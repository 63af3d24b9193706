"""The trainings of a plan: which of them a stage measures, compares or exports, and what they leave."""

from __future__ import annotations

from engine.config.training import TrainingConfig
from services.pipelines.plan import Plan
from services.pipelines.stages.evaluate import EvaluateStage
from services.pipelines.stages.train import TrainStage


def candidates(plan: Plan, name: str) -> list[str]:
    """What a comparison compares: the evaluations before it, or without any, the trainings."""
    return plan.before(name, EvaluateStage) or plan.before(name, TrainStage)


def measured_training(plan: Plan, name: str) -> str | None:
    """The stage that trains what a training or an evaluation measures; None: it is not known.

    Args:
        plan: the plan.
        name: name of a training or an evaluation.
    """
    if isinstance(plan.stages[name], TrainStage):
        return name
    trainings = plan.before(name, TrainStage)
    return trainings[0] if len(trainings) == 1 else None


def training_of(plan: Plan, name: str, config: TrainingConfig | None) -> TrainingConfig | None:
    """The config of the training that a stage is, or that it measures; None: it is not known.

    Args:
        plan: the plan.
        name: name of a training or an evaluation.
        config: the pipeline's own training config.
    """
    stage = plan.stages[measured_training(plan, name) or name]
    return (stage.config or config) if isinstance(stage, TrainStage) else None


def measures_base(plan: Plan, name: str, config: TrainingConfig | None) -> bool:
    """Whether a training or an evaluation measures the base, too; True if that is not known."""
    stage, training = plan.stages[name], training_of(plan, name, config)
    if training is None:
        return True
    asked = stage.measurement.base if isinstance(stage, EvaluateStage) else training.evaluation.base
    return asked and not training.method.from_scratch


def makes_adapter(plan: Plan, name: str, config: TrainingConfig | None) -> bool:
    """Whether a training makes an adapter; True if that is not known."""
    training = training_of(plan, name, config)
    return training is None or training.method.output == "adapter"
