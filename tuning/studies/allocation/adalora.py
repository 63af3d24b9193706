"""AdaLoRA as peft has it, on a base in 4 bits: a baseline of the study.

The update is P diag(lambda) Q. Training begins with more ranks than it ends with: the least important triplets are masked
while it goes on. Importance is not in checkpoints, so a run does not resume exactly: only the study uses it.

Source: Zhang et al. 2023, "AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning", arXiv 2303.10512.
"""

from __future__ import annotations

import warnings
from typing import Annotated, Any, ClassVar, Final

import peft
import torch
from peft.tuners.adalora import AdaLoraModel
from pydantic import Field
from torch import nn

from engine.adapters.lora import quiet
from engine.adapters.targets import target_names
from engine.config.methods.lora import QloraConfig
from engine.config.training import Steps
from engine.families.contract import Base
from engine.methods.lora import Lora
from engine.models.reference import ModelReference

_FIRST: Final = 0.1
"""Share of the steps before ranks are taken away."""
_LAST: Final = 0.3
"""Share of the steps after the last was taken away."""


class AdaLoraConfig(QloraConfig):
    """The config of AdaLoRA, which only the study knows; `rank` is that of every layer at the start."""

    code: ClassVar[str] = "tuning.studies.allocation.adalora:AdaLora"

    target_rank: Annotated[int, Field(ge=1, le=1024)]
    """Mean rank of the layers at the end."""
    steps: Steps
    """Of the training."""
    orthogonality: Annotated[float, Field(ge=0.0, le=100.0)] = 0.5
    """Factor of the penalty that keeps P and Q orthogonal."""


class AdaLora(Lora):
    """Trains adapters whose ranks are taken away while they train."""

    _config: AdaLoraConfig

    def __init__(self, config: AdaLoraConfig) -> None:
        super().__init__(config)
        self._model: AdaLoraModel | None = None
        self._gradients: dict[nn.Parameter, torch.Tensor] = {}
        self._step = -1

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        """Adapters of the first rank."""
        config = self._config
        settings = peft.AdaLoraConfig(
            init_r=config.rank,
            target_r=config.target_rank,
            lora_alpha=config.alpha,  # type: ignore[arg-type]  # any number works
            lora_dropout=config.dropout,
            target_modules=target_names(base, config),
            total_step=config.steps,
            tinit=round(_FIRST * config.steps),
            tfinal=round(_LAST * config.steps),
            orth_reg_weight=config.orthogonality,
            bias="none",
        )
        base.model.requires_grad_(False)
        with quiet():
            adapted = peft.get_peft_model(base.model, settings)
        assert isinstance(adapted.base_model, AdaLoraModel)
        self._model = adapted.base_model
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                assert "lora_" in name
                parameter.data = parameter.data.float()
                parameter.register_post_accumulate_grad_hook(self._keep)
        return adapted

    def before_step(self, step: int) -> None:
        """Take ranks away by the gradients of the step before, and add the gradient of the penalty to those of this one."""
        assert self._model is not None
        # A step is also asked for when its memory is tried out, and again when it is repeated.
        is_next = step == self._step + 1
        if is_next:
            self._step = step
        if is_next and step:
            for parameter, gradient in self._gradients.items():
                parameter.grad = gradient
            self._model.update_and_allocate(step)
            for parameter in self._gradients:
                parameter.grad = None
        if self._config.orthogonality:
            self._penalty().backward()

    def ranks(self) -> dict[str, int]:
        """The rank of each layer now: of its triplets, those that are not masked."""
        assert self._model is not None
        return {
            name.partition(".lora_E")[0]: int((parameter != 0).sum())
            for name, parameter in self._model.model.named_parameters()
            if ".lora_E." in name
        }

    def save(self, trained: Any, base: Base, learner: Any, folder: Any) -> None:
        """Mask the ranks that the last step has touched again, and write the adapter in peft's format of AdaLoRA."""
        assert self._model is not None
        self._model.update_and_allocate(self._config.steps)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            super().save(trained, base, learner, folder)

    def _keep(self, parameter: torch.Tensor) -> None:
        """Keep a gradient, which is scaled and clipped in place, beyond the end of its step."""
        assert isinstance(parameter, nn.Parameter) and parameter.grad is not None
        self._gradients[parameter] = parameter.grad

    def _penalty(self) -> torch.Tensor:
        """Mean distance of the products P^T P and Q Q^T from the identity; as `AdaLoraModel.forward` adds it to a loss."""
        assert self._model is not None
        found = []
        for name, parameter in self._model.model.named_parameters():
            if ".lora_A." in name or ".lora_B." in name:
                product = parameter @ parameter.T if ".lora_A." in name else parameter.T @ parameter
                found.append(torch.linalg.norm(product - torch.eye(len(product), device=product.device)))
        return self._config.orthogonality * torch.stack(found).mean()
