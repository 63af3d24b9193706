"""The configs of LoRA, on a base in full precision and on one in 4 bits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from engine.config.adapters import Adapters
from engine.config.allocations.given import UniformConfig
from engine.config.allocations.registry import AllocationConfig
from engine.config.base import DisagreementError
from engine.config.methods.base import MethodFields, Output, Trains
from engine.config.quantization import Quantization
from engine.errors import Fault
from engine.families.registry import PartName


class LoraFields(MethodFields):
    """Common fields of LoRA on a full-precision base and on a 4-bit base."""

    code: ClassVar[str] = "engine.methods.lora:Lora"
    output: ClassVar[Output] = "adapter"
    trains: ClassVar[Trains] = "adapters"

    rank: Annotated[int, Field(ge=1, le=1024)] = 8
    """Rank of each adapter, unless `allocation` gives others."""
    allocation: AllocationConfig = UniformConfig()
    """How ranks are distributed over the layers: the same for all, or more where they are worth more. `uniform` is the
    default because no study has shown that another is better: docs/studies/allocation.md."""
    alpha: Annotated[float, Field(gt=0.0, le=10_000.0)] = 16.0
    """Scale: the update is multiplied by alpha / rank, in every layer, also where the allocation gives another rank."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Dropout on the adapter's input."""
    target_modules: (
        Literal["default"] | Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=1000)]
    ) = "default"
    """Names of the linear layers that get an adapter; `default` is the family's choice."""
    groups: Literal["all"] | Annotated[list[PartName], Field(min_length=1, max_length=20)] = "all"
    """Parts of the model whose layers get an adapter, of those that its family has: `fusion` is cross-attention or a
    projector between the encoder and the rest. Without the audio encoder a step is shorter, and the base's encoding of
    unseen speakers does not change."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank) instead of alpha / rank."""

    @model_validator(mode="after")
    def _allocation_agrees(self) -> LoraFields:
        faults = [Fault(f"allocation.{fault.path}", fault.message) for fault in self.allocation.faults(self.rank)]
        if faults:
            raise DisagreementError(faults)
        return self

    @property
    def adapters(self) -> Adapters:
        """The layers that get an adapter."""
        return Adapters(
            self.rank,
            targets=None if self.target_modules == "default" else frozenset(self.target_modules),
            groups=None if self.groups == "all" else frozenset(self.groups),
            has_dropout=self.dropout > 0.0,
        )


class FourBitFields(LoraFields):
    """Common fields of adapters on a 4-bit base."""

    quantization: Literal["nf4", "fp4"] = "nf4"
    """4-bit data type of the base's weights."""
    double_quantization: bool = True
    """Quantise the quantisation constants too (saves about 0.4 bit per parameter)."""

    @property
    def four_bit(self) -> Quantization | None:
        """The type of the base's weights."""
        return Quantization(self.quantization, self.double_quantization)


class QloraConfig(FourBitFields):
    """Small trained adapters on a 4-bit base."""

    type: Literal["qlora"] = "qlora"


class LoraConfig(LoraFields):
    """Small trained adapters on a base in full precision."""

    type: Literal["lora"] = "lora"
