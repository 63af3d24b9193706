"""Put gates on the adapters of a base."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import peft
import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from engine.families.contract import Base, FollowsFrames
from engine.temporal.gates import Follows, GatedLayer, Gates
from engine.temporal.timeline import Timeline

_ADAPTER = "default"


class Gated(nn.Module):
    """An adapted base and its gates: what is trained together, and saved apart."""

    def __init__(self, adapted: peft.PeftModel, gates: Gates, timeline: Timeline) -> None:
        super().__init__()
        self.adapted, self.gates = adapted, gates
        self.timeline = timeline

    @contextlib.contextmanager
    def disable_adapter(self) -> Iterator[None]:
        """Within: the base alone."""
        with self.adapted.disable_adapter(), self.timeline.without_gates():
            yield


def gateable_layers(adapted: peft.PeftModel, base: Base, *, utterances: bool) -> list[GatedLayer]:
    """The adapted layers whose place in time is known.

    Args:
        adapted: the base with its adapters.
        base: that knows which layers follow the frames of the audio.
        utterances: whether layers that follow whole utterances count.
    """
    if not isinstance(base, FollowsFrames):
        return []
    layers = []
    for name, layer in lora_layers(adapted).items():
        follows: Follows | None = base.follows(name)
        if follows == "frame" or (follows == "utterance" and utterances):
            layers.append(GatedLayer(name, ranks_of(layer).out_features, follows))
    return layers


def attach(adapted: peft.PeftModel, timeline: Timeline, gates: Gates, penalty: float = 0.0) -> Gated:
    """Gate an adapter's ranks; the gates are moved to the adapter's device."""
    layers = lora_layers(adapted)
    gates.to(next(adapted.parameters()).device)
    timeline.attach(gates, {layer.name: ranks_of(layers[layer.name]) for layer in gates.layers}, penalty)
    return Gated(adapted, gates, timeline)


@contextlib.contextmanager
def folded(adapted: peft.PeftModel, scales: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Within: adapters B diag(scale) A in place of B A.

    Args:
        adapted: the base with its adapters.
        scales: scale_r of a layer's ranks, by its name; layers without one stay.
    """
    layers = lora_layers(adapted)
    weights: dict[str, Any] = {name: layers[name].lora_B[_ADAPTER].weight for name in scales}
    kept = {name: weight.detach().clone() for name, weight in weights.items()}
    with torch.no_grad():
        for name, weight in weights.items():
            weight.mul_(scales[name].to(weight))
    try:
        yield
    finally:
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(kept[name])


def scales_of(gates: Gates, values: Mapping[Follows, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The part of each layer of values_R, by its name."""
    return {name: values[kind][place] for name, (kind, place) in gates.places.items() if kind in values}


def lora_layers(adapted: peft.PeftModel) -> dict[str, LoraLayer]:
    """The layers with an adapter, by their names in the base."""
    base = adapted.get_base_model()
    return {name: module for name, module in base.named_modules() if isinstance(module, LoraLayer)}


def ranks_of(layer: LoraLayer) -> Any:
    """The linear layer A, whose output is one value for each rank."""
    return layer.lora_A[_ADAPTER]


def names_missing(adapted: peft.PeftModel, gates: Sequence[GatedLayer]) -> list[str]:
    """Gated layers that the adapter lacks, or has with another rank."""
    layers = lora_layers(adapted)
    return [
        gate.name for gate in gates if gate.name not in layers or ranks_of(layers[gate.name]).out_features != gate.rank
    ]
