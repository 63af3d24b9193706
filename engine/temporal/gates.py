"""Gates of LoRA's ranks: functions of a frame's features alone, computed for all layers before the model runs.

Legend: B recordings, S frames, F features, R ranks of all gated layers of a kind, one after another, D width of the model,
N frames of the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import nn

from engine.temporal.features import SPOKEN
from engine.temporal.frames import FrameBatch, FrameSample, Signals

Follows = Literal["frame", "utterance"]
"""What the gate of a layer follows: each frame, or the share of the utterance that is speech."""
_LEAST_UNIT: Final = 1e-6
"""Least mean gate that is folded into an adapter, because gates in a file are multiples of it."""


@dataclass(frozen=True, slots=True)
class GatedLayer:
    """A layer with an adapter whose ranks have gates."""

    name: str
    """Of the module in the base."""
    rank: int
    follows: Follows


@dataclass(frozen=True, slots=True)
class Values:
    """The gates of one batch, as multiples of what is folded into the adapter."""

    gates: dict[Follows, torch.Tensor]
    """gates_BSR of frames, gates_B1R of utterances; B and S are 1 if all are equal."""
    embedding_BSD: torch.Tensor | None = None

    def chosen(self, rows: Sequence[int], frames: int) -> Values:
        """Of some recordings, and their first frames."""
        gates = {kind: value if len(value) == 1 else value[list(rows)] for kind, value in self.gates.items()}
        embedding = self.embedding_BSD
        return Values(
            {kind: value[:, :frames] for kind, value in gates.items()},
            None if embedding is None else embedding[list(rows), :frames],
        )


class Bank(nn.Module):
    """The gates of all layers of a kind: g = 2 sigmoid(G phi + c), 1 at the start."""

    unit_R: torch.Tensor

    def __init__(self, ranks: int, features: int) -> None:
        super().__init__()
        self.weight_RF = nn.Parameter(torch.zeros(ranks, features))
        self.bias_R = nn.Parameter(torch.zeros(ranks))
        self.register_buffer("unit_R", torch.ones(ranks))

    def forward(self, phi: torch.Tensor) -> torch.Tensor:
        """Gates in (0, 2), features in the last dimension."""
        return 2.0 * torch.sigmoid(nn.functional.linear(phi, self.weight_RF, self.bias_R))


class Embedding(nn.Module):
    """The features as an addition to the input of the encoder's first layer; 0 at the start."""

    def __init__(self, features: int, width: int, inner: int) -> None:
        super().__init__()
        self.inner = nn.Linear(features, inner, bias=False)
        self.outer = nn.Linear(inner, width, bias=False)
        nn.init.zeros_(self.outer.weight)

    def forward(self, phi: torch.Tensor) -> torch.Tensor:
        """embedding_BSD of phi_BSF."""
        added: torch.Tensor = self.outer(torch.tanh(self.inner(phi)))
        return added


class Gates(nn.Module):
    """The gates of an adapter.

    Args:
        layers: that have gates, in the model's order.
        signals: what the gates follow.
        width: of the encoder, for an embedding of the features.
    """

    def __init__(self, layers: Sequence[GatedLayer], signals: Signals, width: int) -> None:
        super().__init__()
        self.signals = signals
        self.layers = tuple(layers)
        self.is_static = False
        """Whether all gates stand at their means over speech, as in the adapter that plain peft loads."""
        self.places: dict[str, tuple[Follows, slice]] = {}
        """Kind and ranks of each layer, by its name."""
        ranks: dict[Follows, int] = {"frame": 0, "utterance": 0}
        for layer in self.layers:
            start = ranks[layer.follows]
            ranks[layer.follows] = start + layer.rank
            self.places[layer.name] = (layer.follows, slice(start, start + layer.rank))
        features: dict[Follows, int] = {"frame": len(signals.features), "utterance": 1}
        self.banks = nn.ModuleDict()
        self.embedding: Embedding | None = None
        if signals.gate == "embedding":
            count = sum(ranks[kind] * (features[kind] + 1) for kind in ranks)
            inner = max(1, round(count / (len(signals.features) + width)))
            self.embedding = Embedding(len(signals.features), width, inner)
        else:
            for kind, total in ranks.items():
                if total:
                    self.banks[kind] = Bank(total, features[kind])
        self.sample: FrameSample | None = None

    # ---- the gates of a batch ----------------------------------------------------------------------------------

    def forward(self, batch: FrameBatch | None) -> Values:
        """The gates of a batch; static gates need none.

        Raises:
            ValueError: no batch for gates that are not static.
        """
        if self.is_static:
            return Values({kind: mean_R[None, None] / self.bank(kind).unit_R for kind, mean_R in self.means().items()})
        if batch is None:
            raise ValueError("gates that follow the audio need the features of a batch")
        gates = {kind: self.followed(kind, batch) for kind in self.kinds}
        if bool(batch.is_dropped_B.any()):
            dropped_B11, means = batch.is_dropped_B.to(self.device)[:, None, None], self.means()
            gates = {kind: torch.where(dropped_B11, means[kind], value) for kind, value in gates.items()}
        gates = {kind: value / self.bank(kind).unit_R for kind, value in gates.items()}
        return Values(gates, None if self.embedding is None else self.embedding(batch.phi_BSF.to(self.device)))

    def followed(self, kind: Follows, batch: FrameBatch) -> torch.Tensor:
        """Gates of a batch in (0, 2), whether dropped or not: gates_BSR of frames, or gates_B1R of utterances."""
        if kind == "frame":
            return self._gates(kind, batch.phi_BSF.to(self.device), batch.speech_BS.to(self.device))
        return self._of_shares(batch.share_B1.to(self.device))[:, None]

    def _of_shares(self, share_B1: torch.Tensor) -> torch.Tensor:
        seen_B1 = (
            share_B1
            if self.signals.gate in {"learned", "utterance_mean", "shuffled"}
            else share_B1.new_ones(share_B1.shape)
        )
        return self._gates("utterance", seen_B1, share_B1[:, 0])

    def _gates(self, kind: Follows, phi: torch.Tensor, speech: torch.Tensor) -> torch.Tensor:
        gates: torch.Tensor = self.banks[kind](phi)
        return gates * speech[..., None] if self.signals.gate == "speech" else gates

    def penalty(self, batch: FrameBatch) -> torch.Tensor:
        """For each recording, the mean of its gates over its frames without speech, ranks and layers: penalty_B."""
        if "frame" not in self.kinds:
            return torch.zeros(len(batch.frames_B), device=self.device)
        of_frames = [layer for layer in self.layers if layer.follows == "frame"]
        share_R = torch.cat([torch.full((layer.rank,), 1.0 / (layer.rank * len(of_frames))) for layer in of_frames])
        quiet_BS = (batch.own_BS & (batch.speech_BS < SPOKEN)).float().to(self.device)
        mean_BS = self.followed("frame", batch).abs() @ share_R.to(self.device)
        return (mean_BS * quiet_BS).sum(dim=1) / quiet_BS.sum(dim=1).clamp(min=1.0)

    @property
    def kinds(self) -> list[Follows]:
        """The kinds of gates that there are."""
        kinds: tuple[Follows, ...] = ("frame", "utterance")
        return [kind for kind in kinds if kind in self.banks]

    def bank(self, kind: Follows) -> Bank:
        """The gates of a kind."""
        found = self.banks[kind]
        assert isinstance(found, Bank)
        return found

    @property
    def device(self) -> torch.device:
        """Device of the gates."""
        return next(self.parameters()).device

    # ---- the gates of the sample -------------------------------------------------------------------------------

    @torch.no_grad()
    def means(self) -> dict[Follows, torch.Tensor]:
        """Mean gates over the sample's frames of speech, and over its utterances; without a sample, 1: mean_R."""
        found: dict[Follows, torch.Tensor] = {}
        for kind in self.kinds:
            sampled = self.sampled(kind)
            if sampled is None:
                found[kind] = torch.ones_like(self.bank(kind).bias_R)
                continue
            if kind == "frame" and self.sample is not None:
                spoken_N = torch.from_numpy(self.sample.speech_N >= SPOKEN).to(self.device)
                sampled = sampled[spoken_N] if bool(spoken_N.any()) else sampled
            found[kind] = sampled.mean(dim=0).clamp(min=_LEAST_UNIT)
        return found

    @torch.no_grad()
    def sampled(self, kind: Follows) -> torch.Tensor | None:
        """Gates of the sample's frames, gates_NR, or of its utterances; None without a sample."""
        if self.sample is None or not len(self.sample.shares):
            return None
        if kind == "utterance":
            return self._of_shares(torch.from_numpy(self.sample.shares).to(self.device)[:, None])
        phi_NF, speech_N = (
            torch.from_numpy(each).to(self.device) for each in (self.sample.phi_NF, self.sample.speech_N)
        )
        return self._gates("frame", phi_NF, speech_N)
