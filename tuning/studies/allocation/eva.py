"""EVA as peft has it, on a base in 4 bits: a baseline of the study.

Ranks are redistributed by the explained variance of each layer's inputs, and each A begins as their first singular
vectors. It initialises weights too, which an allocation of ranks does not: so it is a method here.

Source: Paischer et al. 2024, "Parameter Efficient Fine-tuning via Explained Variance Adaptation", arXiv 2410.07170.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import peft
import torch
from pydantic import Field
from torch import nn

from engine.config.methods.lora import QloraConfig
from engine.data.example import AnyExample
from engine.families.contract import AnyLearner, Base
from engine.methods.lora import Lora
from engine.models.reference import ModelReference

_EXAMPLES: Final = 128
_BATCH: Final = 16


class EvaConfig(QloraConfig):
    """The config of EVA; only the study knows it."""

    code: ClassVar[str] = "tuning.studies.allocation.eva:Eva"

    rho: Annotated[float, Field(ge=1.0, le=100.0)] = 2.0
    """Largest rank of a layer, as a multiple of `rank`."""


class Eva(Lora):
    """Trains adapters that begin where the inputs of their layers vary most."""

    _config: EvaConfig

    def __init__(self, config: EvaConfig) -> None:
        super().__init__(config)
        self._adapted: peft.PeftModel | None = None

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        """Adapters of one rank; `look` redistributes them."""
        self._adapted = self.adapted(base, reference)
        return self._adapted

    def look(self, learner: AnyLearner, examples: Sequence[AnyExample], folder: Path) -> dict[str, Any]:
        """Measure the inputs of the layers on some training examples, augmented as in training, and start from them."""
        assert self._adapted is not None
        count = min(_EXAMPLES, len(examples))
        chosen = [place * len(examples) // count for place in range(count)]
        batches = []
        for start in range(0, count, _BATCH):
            own = chosen[start : start + _BATCH]
            seeds = [(learner.config.seed, 0, 0, index) for index in own]
            batches.append(learner.collate([examples[index] for index in own], folder, seeds))
        settings = self._adapted.peft_config["default"]
        assert isinstance(settings, peft.LoraConfig)
        settings.init_lora_weights = "eva"
        settings.eva_config = peft.EvaConfig(rho=self._config.rho)

        def forward(_: Any, inputs: Mapping[str, torch.Tensor]) -> None:
            learner.loss(batches[int(inputs["place"])])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            peft.initialize_lora_eva_weights(
                self._adapted,
                [{"place": torch.tensor(place)} for place in range(len(batches))],
                forward_fn=forward,
                prepare_model_inputs_fn=None,
                prepare_layer_inputs_fn=_rows,
                show_progress_bar=False,
            )
        for name, parameter in self._adapted.named_parameters():
            if "lora_" in name:
                parameter.data = parameter.data.float()
                parameter.requires_grad_(True)
        return {}

    def follow(self, seen: Mapping[str, Any]) -> None:
        """`look` has done it."""


def _rows(inputs: Any, _: Any, __: str) -> torch.Tensor:
    """The inputs of a layer as a matrix with a row for each position."""
    states: torch.Tensor = inputs[0] if isinstance(inputs, tuple | list) else inputs
    return states.reshape(-1, states.shape[-1])
