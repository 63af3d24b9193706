"""Bytes of a real training step, counted tensor by tensor: what the memory model is held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.audio.features import RATE_HZ, stack_padded
from engine.config.training import TrainingConfig
from engine.families.binding import bind
from engine.methods.build import build_method
from engine.training.averaging import WeightAverage
from engine.training.optimizers import build_optimizer, state_tensors


@dataclass(frozen=True)
class Counted:
    """Bytes by part, as in `engine.memory.peak`."""

    base_weights: int
    adapter: int
    gradients: int
    optimizer_states: int
    average: int
    activations: int
    """Of what the forward pass keeps for the backward one."""
    trained: int
    """Weights."""


def count_step(model: str, config: TrainingConfig, *, seconds: float, utterances: int, tokens: int) -> Counted:
    """One optimizer step on noise and random tokens.

    Args:
        model: id in the catalogue, or a folder.
        config: of the run.
        seconds: that the encoder runs over for each utterance.
        utterances: in the micro-batch.
        tokens: of each text.
    """
    torch.manual_seed(0)
    base = bind(model, config)
    speech: Any = base.base
    trained = build_method(config.method).attach(speech, base.reference)
    if config.gradient_checkpointing:
        base.checkpoint_activations()
    trained.train()
    weights = {name: p for name, p in trained.named_parameters() if p.requires_grad}
    optimizer = build_optimizer(config.optimizer, list(weights.values()))
    average = WeightAverage(weights, 0.9)

    noise = np.random.default_rng(0).standard_normal((utterances, round(seconds * RATE_HZ)), dtype=np.float32)
    mel_BMF = speech.features(stack_padded(list(noise), noise.shape[1]))
    ids_BU = torch.randint(0, 200, (utterances, tokens))
    known = {p.untyped_storage().data_ptr() for p in trained.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits_BUV = speech.logits(speech.encode(mel_BMF), ids_BU)
        loss = nn.functional.cross_entropy(logits_BUV.float().flatten(0, 1), ids_BU.flatten())
    activations = sum(storage.nbytes() for storage in kept.values())
    loss.backward()
    optimizer.step()
    states = [value for name, value in state_tensors(optimizer)[0].items() if "qmap" not in name]  # shared by all
    adapters = [p for name, p in weights.items() if "lora_" in name]
    gradients = [p.grad for p in weights.values() if p.grad is not None]
    return Counted(
        base_weights=_bytes(trained.parameters()) - _bytes(adapters),
        adapter=_bytes(adapters),
        gradients=_bytes(gradients),
        optimizer_states=_bytes(states),
        average=_bytes(average.tensors.values()),
        activations=activations,
        trained=sum(p.numel() for p in weights.values()),
    )


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())
