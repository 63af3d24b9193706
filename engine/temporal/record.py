"""Record which ranks of an adapter are open over the time of some recordings, and draw it over their waves.

Legend: S frames, R ranks.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.data.example import AnyExample
from engine.data.waves import read_wave
from engine.families.contract import AnyLearner, Base, FollowsFrames, HearsFrames
from engine.temporal.features import Track
from engine.temporal.gates import Gates

PICTURE: Final = "gates_over_time.png"
VALUES: Final = "gates_over_time.json"
_MOST: Final = 4
_POINTS: Final = 4000
"""Most points of a drawn wave."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the gates do over a recording."""

    id: str
    wave_T: Wave
    hop_s: float
    speech_S: Track
    ranks_S: Track
    """Effective rank of the frame's gates, the mean over layers."""
    gate_S: Track
    """Mean gate of the frame, over layers and ranks."""


@torch.no_grad()
def effective_ranks(gates: Gates, gates_SR: torch.Tensor) -> torch.Tensor:
    """(sum g)^2 / sum g^2 over the ranks of each layer that follows frames, averaged over these layers: ranks_S.

    It is the rank if all gates of a layer are equal, 1 if only one is open, and 0 if none is.
    """
    of_layers = []
    for kind, place in gates.places.values():
        if kind == "frame":
            own_Sr = gates_SR[:, place]
            of_layers.append(own_Sr.sum(dim=1).square() / own_Sr.square().sum(dim=1).clamp(min=1e-12))
    return torch.stack(of_layers).mean(dim=0)


def frame_records(base: Base, learner: AnyLearner, examples: Sequence[AnyExample], folder: Path) -> dict[str, bytes]:
    """Files that show the gates over at most four of the examples, by name; none if the base has no gates of frames.

    Args:
        base: with its adapter.
        learner: bound to it.
        examples: that are measured.
        folder: of the dataset version.
    """
    if not isinstance(base, FollowsFrames) or not isinstance(learner, HearsFrames):
        return {}
    gates = base.timeline.gates
    if gates is None or "frame" not in gates.kinds or not examples:
        return {}
    ordered = sorted(examples, key=lambda example: example.id)
    chosen = [ordered[place * len(ordered) // _MOST] for place in range(_MOST)] if len(ordered) > _MOST else ordered
    records = [_record(gates, learner, example, folder) for example in chosen]
    rank = max(layer.rank for layer in gates.layers if layer.follows == "frame")
    values = {
        "rank": rank,
        "utterances": [
            {
                "id": record.id,
                "hop_s": record.hop_s,
                "speech": [round(float(value), 4) for value in record.speech_S],
                "r_eff": [round(float(value), 4) for value in record.ranks_S],
                "mean_gate": [round(float(value), 4) for value in record.gate_S],
            }
            for record in records
        ],
    }
    return {PICTURE: draw(records, rank), VALUES: json.dumps(values, indent=1).encode()}


def _record(gates: Gates, learner: HearsFrames, example: AnyExample, folder: Path) -> Record:
    [frames] = learner.frames_of(learner.collate([example], folder))
    count = int(frames.frames_B[0])
    with torch.no_grad():
        gates_SR = gates.followed("frame", frames)[0, :count]
    ranks_S = effective_ranks(gates, gates_SR).cpu().numpy()
    hop_s = gates.signals.hop_samples / RATE_HZ
    gate_S = gates_SR.mean(dim=1).cpu().numpy()
    return Record(example.id, read_wave(folder, example), hop_s, frames.speech_BS[0, :count].numpy(), ranks_S, gate_S)


def draw(records: Sequence[Record], rank: int) -> bytes:
    """A PNG: for each recording its wave with the effective rank over it; below, the probability of speech and the gate.

    Args:
        records: at least one.
        rank: of the adapter, the top of the scale of effective ranks.
    """
    from matplotlib.figure import Figure  # slow to import, and most processes draw nothing

    figure = Figure(figsize=(9, 3.2 * len(records)), layout="constrained")
    rows = figure.subplots(2 * len(records), 1, height_ratios=[3, 1] * len(records), squeeze=False)[:, 0]
    for record, wave_axis, speech_axis in zip(records, rows[::2], rows[1::2], strict=True):
        step = max(1, len(record.wave_T) // _POINTS)
        time_s = np.arange(0, len(record.wave_T), step) / RATE_HZ
        wave_axis.plot(time_s, record.wave_T[::step], color="0.75", linewidth=0.6)
        wave_axis.set_ylabel("wave")
        wave_axis.set_title(record.id, fontsize=9, parse_math=False)
        wave_axis.set_xticklabels([])
        middles_s = (np.arange(len(record.ranks_S)) + 0.5) * record.hop_s
        rank_axis = wave_axis.twinx()
        rank_axis.plot(middles_s, record.ranks_S, color="tab:blue")
        rank_axis.set_ylim(0, 1.05 * rank)
        rank_axis.set_ylabel("effective rank", color="tab:blue")
        speech_axis.fill_between(middles_s, record.speech_S, color="tab:orange", alpha=0.6, linewidth=0)
        speech_axis.plot(middles_s, record.gate_S, color="tab:blue", linewidth=0.9)
        speech_axis.set_ylim(0, 2)
        speech_axis.set_ylabel("speech (area),\nmean gate")
        end_s = len(record.wave_T) / RATE_HZ
        for axis in (wave_axis, speech_axis):
            axis.set_xlim(0, end_s)
    rows[-1].set_xlabel("seconds")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()
