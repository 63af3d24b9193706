"""Bring the gates of a batch to the layers that it passes.

Layers do not know which batch they compute: a learner says so before each forward pass, and hooks on the adapters read it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from engine.audio.reading import Wave
from engine.errors import ModelError
from engine.temporal.frames import FrameBatch, Heard
from engine.temporal.gates import Gates, Values


class Timeline:
    """The frames of a base's encoder, and the gates that follow them, if any are attached.

    Args:
        model: the base's model.
        hop_samples: samples between frames.
        width: of the encoder.
        first_layer: name of the encoder's first layer, whose first argument has a row for each frame.
    """

    def __init__(self, model: nn.Module, *, hop_samples: int, width: int, first_layer: str) -> None:
        self.hop_samples, self.width = hop_samples, width
        self.gates: Gates | None = None
        self._penalty = 0.0
        self._values: Values | None = None
        self._model, self._first_layer = model, first_layer

    def attach(self, gates: Gates, ranks: dict[str, nn.Module], penalty: float = 0.0) -> None:
        """Gate the ranks of an adapter from now on.

        Args:
            gates: for each layer.
            ranks: by the name of a layer, the module whose output is one value for each rank.
            penalty: factor of the mean gate in frames without speech.
        """
        self.gates, self._penalty = gates, penalty
        for name, (kind, place) in gates.places.items():
            if gates.embedding is None:
                ranks[name].register_forward_hook(self._gating(kind, place, name))
        if gates.embedding is not None:
            self._model.get_submodule(self._first_layer).register_forward_pre_hook(self._embed)

    # ---- a learner's side --------------------------------------------------------------------------------------

    def hear(self, waves: Sequence[Wave], seeds: Sequence[Sequence[int]] | None = None) -> Heard:
        """Recordings as the model is to hear them, with the features of their frames if there are gates."""
        if self.gates is None or self.gates.is_static:
            return Heard(tuple(waves))
        return self.gates.signals.hear(waves, seeds)

    def begin(self, frames: FrameBatch | None) -> None:
        """Say which batch the model computes next. It stays until the next one: checkpointing computes layers again."""
        self._values = None
        if self.gates is not None and (frames is not None or self.gates.is_static):
            with torch.autocast(self.gates.device.type, enabled=False):
                self._values = self.gates(frames)

    def penalised(
        self, loss: torch.Tensor, frames: FrameBatch | None, targets: Sequence[int], weights_B: torch.Tensor | None
    ) -> torch.Tensor:
        """The loss of a batch with the penalty of its open gates.

        The penalty of a recording counts once for each of its targets, so that a step's loss per target does not depend
        on how the step is split.

        Args:
            loss: sum over targets.
            frames: of the batch.
            targets: number of each recording.
            weights_B: factor on each recording's loss; None: 1.
        """
        if self.gates is None or not self._penalty or frames is None:
            return loss
        penalty_B = self.gates.penalty(frames)
        factor_B = torch.tensor(list(targets), dtype=torch.float32)
        if weights_B is not None:
            factor_B = factor_B * weights_B
        return loss + self._penalty * (penalty_B * factor_B.to(penalty_B.device)).sum()

    @contextlib.contextmanager
    def rows(self, rows: Sequence[int], frames: int) -> Iterator[None]:
        """Within: the model computes some recordings of the batch, and their first frames."""
        before = self._values
        self._values = None if before is None else before.chosen(rows, frames)
        try:
            yield
        finally:
            self._values = before

    # ---- a method's side ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def without_gates(self) -> Iterator[None]:
        """Within: the base alone, which needs no features."""
        gates, self.gates, self._values = self.gates, None, None
        try:
            yield
        finally:
            self.gates = gates

    @contextlib.contextmanager
    def static(self) -> Iterator[None]:
        """Within: every gate stands at its mean over speech."""
        gates = self.gates
        assert gates is not None
        gates.is_static, self._values = True, None
        try:
            yield
        finally:
            gates.is_static, self._values = False, None

    def contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """For checkpointing (`context_fn`): layers that are computed again see the gates of their first time."""
        return contextlib.nullcontext(), self._again(self._values)

    @contextlib.contextmanager
    def _again(self, values: Values | None) -> Iterator[None]:
        before, self._values = self._values, values
        try:
            yield
        finally:
            self._values = before

    # ---- the layers' side --------------------------------------------------------------------------------------

    def _gating(self, kind: Any, place: slice, name: str) -> Any:
        def gated(_: nn.Module, __: Any, ranks_BSr: torch.Tensor) -> torch.Tensor:
            if self._values is None:
                raise ModelError(
                    f"the gates of {name} need the features of the audio, and the model was run without them; remove "
                    "gates.json and gates.safetensors from the adapter to use it without gates"
                )
            gate_BSr = self._values.gates[kind][..., place]
            rows, known = len(ranks_BSr), len(gate_BSr)
            if known > 1 and rows > known and rows % known == 0:  # several hypotheses of each recording
                gate_BSr = gate_BSr.repeat_interleave(rows // known, dim=0)
            if len(gate_BSr) not in {1, rows} or gate_BSr.shape[1] not in {1, ranks_BSr.shape[1]}:
                raise ModelError(
                    f"{name} computes {tuple(ranks_BSr.shape[:2])} recordings and frames; the features of the batch are "
                    f"of {tuple(gate_BSr.shape[:2])}"
                )
            return ranks_BSr * gate_BSr.to(ranks_BSr.dtype)

        return gated

    def _embed(self, _: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._values is None or self._values.embedding_BSD is None:
            return None
        first, *others = arguments
        return (first + self._values.embedding_BSD.to(first.dtype), *others)
