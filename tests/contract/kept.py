"""What torch really keeps for the backward pass of a batch, and the batch's shape for the memory model."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from engine.families.audio_encoder.classification import ClassificationBatch
from engine.families.audio_llm.answering import AnswerBatch
from engine.families.binding import Bound
from engine.families.clap.retrieval import RetrievalBatch
from engine.families.ctc.learner import CtcBatch
from engine.memory.shape import BatchShape

_RATE_HZ = 16_000
_FRAMES_PER_S = 100


class _Saved:
    """What an operation saves; it is gone when the operation's result is."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def kept_bytes(bound: Bound, model: torch.nn.Module, batch: Any) -> int:
    """Bytes that are held between the forward and the backward pass, apart from weights and buffers."""
    saved: weakref.WeakSet[_Saved] = weakref.WeakSet()
    told: list[torch.Tensor] = []

    def pack(tensor: torch.Tensor) -> _Saved:
        made = _Saved(tensor)
        saved.add(made)
        return made

    def remember(layer: Any, args: Any, options: dict[str, Any], result: Any) -> None:
        """A layer that will be recomputed holds its named arguments too, which are not saved as tensors."""
        if layer.gradient_checkpointing and any(each.requires_grad for each in _tensors(result)):
            told.extend(_tensors(options))

    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    hooks = [layer.register_forward_hook(remember, with_kwargs=True) for layer in layers]
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda each: each.tensor):
            loss, _ = bound.learner.loss(batch)
        assert loss.requires_grad
        constant = {each.untyped_storage()._cdata for each in (*model.parameters(), *model.buffers())}
        storages = [tensor.untyped_storage() for tensor in (*(each.tensor for each in saved), *told)]
        return sum({each._cdata: each.nbytes() for each in storages if each._cdata not in constant}.values())
    finally:
        for hook in hooks:
            hook.remove()


def _tensors(found: Any) -> Iterator[torch.Tensor]:
    if isinstance(found, torch.Tensor):
        yield found
    elif isinstance(found, dict):
        yield from _tensors(list(found.values()))
    elif isinstance(found, tuple | list):
        for each in found:
            yield from _tensors(each)


def shape_of(bound: Bound, batch: Any) -> BatchShape:
    """The sizes of a batch of any learner."""
    model: Any = bound.base.model
    config = model.config
    match batch:
        case ClassificationBatch(parts=(part,)):
            classes = len(config.id2label)
            if config.model_type == "whisper":
                seconds = part.values.shape[2] / _FRAMES_PER_S
                filled_s = int(part.filled_B.max()) * 2 / _FRAMES_PER_S
            elif config.model_type == "audio-spectrogram-transformer":
                seconds, filled_s = config.max_length / _FRAMES_PER_S, None
            else:
                seconds, filled_s = part.values.shape[1] / _RATE_HZ, int(part.filled_B.max()) / _RATE_HZ
            differ = len(set(part.filled_B.tolist())) > 1
            return BatchShape(len(part.rows), seconds, filled_s=filled_s, lengths_differ=differ, classes=classes)
        case CtcBatch(wave_BT=wave_BT, samples=samples, labels=labels):
            return BatchShape(
                len(labels),
                wave_BT.shape[1] / _RATE_HZ,
                max(map(len, labels)),
                lengths_differ=len({bound.base.frames_of(count) for count in samples}) > 1,  # type: ignore[attr-defined]
                classes=config.vocab_size,
            )
        case RetrievalBatch():
            seconds = bound.base.features.window_s  # type: ignore[attr-defined]
            return BatchShape(len(batch.ids_BU), seconds, batch.ids_BU.shape[1])
        case AnswerBatch(ids_BU=ids_BU, mask_BU=mask_BU):
            hearing: Any = bound.base.hearing  # type: ignore[attr-defined]
            heard = [batch.heard[recording] for recording in batch.recording_B]
            windows = {len(each.mel_WMF) for each in heard}
            frames = max(each.frames for each in heard)
            positions = bound.base.architecture.positions(frames, max(windows))  # type: ignore[attr-defined]
            return BatchShape(
                len(ids_BU),
                max(windows) * hearing.window_s,
                ids_BU.shape[1] - positions,
                targets=batch.target_count / len(ids_BU),
                filled_s=frames / _FRAMES_PER_S,
                lengths_differ=not bool(mask_BU.all()),
            )
        case _:
            return BatchShape(len(batch.mel_BMF), batch.mel_BMF.shape[2] / _FRAMES_PER_S, batch.ids_BU.shape[1])
