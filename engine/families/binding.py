"""Load a run's base model, and bind its task to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from engine.config.context import AutoContextConfig
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.families.contract import AnyLearner, Base, FollowsFrames, Loaded, LoadOptions, Setting, TargetSpace
from engine.families.lookup import family_for
from engine.models.catalogue import reference_to
from engine.models.precision import best_device, choose_dtype
from engine.models.reference import NEWEST, ModelReference
from engine.models.width import read_width
from engine.process.heap import keep_few_kernels, return_large_blocks
from engine.tasks.build import build_task
from engine.tasks.contract import Task

keep_few_kernels()  # must run before any model computes
return_large_blocks()


@dataclass(frozen=True, slots=True)
class Bound:
    """A loaded base with the learner and the judge of a task."""

    reference: ModelReference
    loaded: Loaded
    learner: AnyLearner
    task: Task
    device: torch.device
    dtype: torch.dtype
    space: TargetSpace
    """What the head was made for."""
    training: tuple[AnyExample, ...]
    """The training examples that the learner was told."""

    @property
    def base(self) -> Base:
        """The model."""
        return self.loaded.base

    @property
    def config(self) -> TrainingConfig:
        """The run's config, with everything resolved that the model decides."""
        return self.learner.config

    def with_config(self, config: TrainingConfig, dtype: torch.dtype | None = None) -> Bound:
        """The same model, bound for another config."""
        dtype = dtype or self.dtype
        learner = self.loaded.learner(Setting(config, self.device, dtype, self.training))
        return replace(self, learner=learner, dtype=dtype)

    def as_published(self) -> Bound:
        """The same model in its own context, computed in float32."""
        return self.with_config(self.config.model_copy(update={"context": AutoContextConfig()}), torch.float32)

    @property
    def can_checkpoint_activations(self) -> bool:
        """Whether the model can recompute activations in the backward pass."""
        return bool(getattr(self.base.model, "supports_gradient_checkpointing", False))

    def checkpoint_activations(self) -> None:
        """Recompute activations in the backward pass: less memory, more time."""
        model: Any = self.base.model
        options: dict[str, Any] = {"use_reentrant": False}
        if isinstance(self.base, FollowsFrames):
            options["context_fn"] = self.base.timeline.contexts
        model.activation_checkpointing_enable(options)
        # transformers (5.23) asks some models' embeddings for a gradient, which only reentrant checkpoints need; a frozen
        # encoder would keep its activations for it.
        model.disable_input_require_grads()


def bind(
    model: str | ModelReference,
    config: TrainingConfig,
    *,
    training: Sequence[AnyExample] = (),
    space: TargetSpace | None = None,
    full_precision: bool = False,
    published: bool = False,
) -> Bound:
    """Load a base model, and bind the config's task to it.

    Args:
        model: reference, or a name that `find_model` knows.
        config: of the run; its method decides whether the base is kept in 4 bits.
        training: the run's training examples; they decide what a new head gives.
        space: what a head gives that was trained before; None: what the training examples decide.
        full_precision: do not load in 4 bits, regardless of the method.
        published: load the model as published, overriding the config: not in 4 bits, computed in float32, in the
            context that it was trained in.

    Raises:
        ModelError: the model does not exist, cannot be loaded, cannot do the task, or does not know the language.
        ConfigError: the config does not suit the model.
    """
    reference = reference_to(model)
    family = family_for(reference.family, config.task.type)
    device = best_device()
    revision = reference.revision or NEWEST
    dtype = choose_dtype("float32" if published else config.precision, device, read_width(reference))
    if published:
        config = config.model_copy(update={"context": AutoContextConfig()})
    if space is None:
        space = family.space(training, config)
    options = LoadOptions(
        device=device,
        compute_dtype=dtype,
        quantization=None if full_precision or published else config.method.four_bit,
        from_scratch=config.method.from_scratch,
        space=space,
        revision=revision,
    )
    loaded = family.load(reference.location(), config.task.type, options)
    learner = loaded.learner(Setting(config, device, dtype, tuple(training)))
    task = build_task(learner.config.task, loaded.base)
    return Bound(reference, loaded, learner, task, device, dtype, space, tuple(training))
