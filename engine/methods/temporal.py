"""Temporal LoRA: adapters whose ranks are gated by what the audio says at each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from engine.adapters import lora
from engine.config.methods.temporal import TemporalConfig
from engine.data.example import AnyExample
from engine.errors import ConfigError, Fault
from engine.families.contract import AnyLearner, Base, FollowsFrames, HearsFrames
from engine.families.registry import gateable
from engine.methods.lora import Lora
from engine.models.reference import ModelReference
from engine.temporal import files
from engine.temporal.attaching import Gated, attach, folded, gateable_layers, scales_of
from engine.temporal.frames import FrameBatch, FrameSample, Signals
from engine.temporal.gates import Gates
from engine.temporal.states import gate_states

_GATES: Final = "gates."
"""Begins the names of the gates' parameters in what is trained."""
_SAMPLED_EXAMPLES: Final = 64
_SAMPLED_FRAMES: Final = 4096


class Temporal(Lora):
    """Trains adapters and their gates, and the heads that are new for the task.

    It leaves an adapter in plain peft format into which the mean gates are folded, B diag(mean g), and the gates beside it
    as multiples of these means.
    """

    _config: TemporalConfig

    def __init__(self, config: TemporalConfig) -> None:
        super().__init__(config)
        self._gates: Gates | None = None

    def attach(self, base: Base, reference: ModelReference) -> Gated:
        """Attach adapters as `lora` does, and gates to those whose layers follow the audio.

        Raises:
            ConfigError: the model has no layers that follow the audio frame by frame, or none of them has an adapter.
        """
        config = self._config
        if not isinstance(base, FollowsFrames):
            message = (
                f"found temporal, which needs a model whose layers follow the audio frame by frame; {reference.id} has none "
                f"for this task: take qlora or lora, or one of {', '.join(gateable())}"
            )
            raise ConfigError([Fault("training.method.type", message)])
        adapted = self.adapted(base, reference)
        layers = gateable_layers(adapted, base, utterances=config.decoder_gate)
        if not layers:
            message = "of the layers that get an adapter, none follows the audio: add layers or groups, or take lora"
            raise ConfigError([Fault("training.method.target_modules", message)])
        timeline = base.timeline
        chosen = tuple(sorted(set(config.features), key=config.features.index))
        signals = Signals(config.gate, chosen, timeline.hop_samples, config.gate_dropout)
        self._gates = Gates(layers, signals, timeline.width)
        return attach(adapted, timeline, self._gates, config.gate_penalty)

    def save(self, trained: Gated, base: Base, learner: AnyLearner, folder: Path) -> None:
        """Write the adapter with its mean gates, the gates, the adapters of their states, and what a new head means."""
        gates = trained.gates
        with folded(trained.adapted, scales_of(gates, gates.means())):
            lora.save(trained.adapted, folder)
        files.save(gates, folder)
        for number, state in enumerate(self._states(gates)):
            with folded(trained.adapted, scales_of(gates, state)):
                lora.save(trained.adapted, files.state_folder(folder, number))
        if base.has_new_head:
            base.save_processor(folder)

    def _states(self, gates: Gates) -> list[dict[Any, torch.Tensor]]:
        sampled_NR = gates.sampled("frame") if self._config.gate_states and "frame" in gates.kinds else None
        if sampled_NR is None:
            return []
        return [{**gates.means(), "frame": each_R} for each_R in gate_states(sampled_NR, self._config.gate_states)]

    # ---- optional protocols of methods -------------------------------------------------------------------------

    def look(self, learner: AnyLearner, examples: Sequence[AnyExample], folder: Path) -> dict[str, Any]:
        """Features of frames of some training examples, augmented as in training: the sample for mean gates."""
        if not isinstance(learner, HearsFrames):
            return {}
        count = min(_SAMPLED_EXAMPLES, len(examples))
        batches: list[FrameBatch] = []
        for place in range(count):
            index = place * len(examples) // count
            batch = learner.collate([examples[index]], folder, [(learner.config.seed, 0, 0, index)])
            batches += learner.frames_of(batch)
        if not batches:
            return {}
        sample = FrameSample.of(batches, _SAMPLED_FRAMES)
        return {"phi": sample.phi_NF.tolist(), "speech": sample.speech_N.tolist(), "shares": sample.shares.tolist()}

    def follow(self, seen: Mapping[str, Any]) -> None:
        """Take the sample."""
        assert self._gates is not None
        if seen:
            phi_NF, speech_N, shares = (np.array(seen[name], np.float32) for name in ("phi", "speech", "shares"))
            self._gates.sample = FrameSample(phi_NF.reshape(len(speech_N), -1), speech_N, shares)

    def rate_factor(self, name: str) -> float:
        """That of the gates; 1 for the adapter."""
        return self._config.gate_learning_rate if name.startswith(_GATES) else 1.0

    def forms(self, trained: Gated) -> Mapping[str, AbstractContextManager[None]]:
        """The adapter alone, as plain peft loads it."""
        return {"static": trained.timeline.static()}
