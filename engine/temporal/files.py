"""The files of gates, in an adapter's folder: `gates.safetensors` and `gates.json`; plain peft ignores both."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
import peft
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.audio.features import RATE_HZ
from engine.config.methods.temporal import FeatureName, Gate
from engine.errors import ModelError
from engine.families.contract import Base, FollowsFrames
from engine.temporal.attaching import Gated, attach, names_missing
from engine.temporal.frames import FrameSample, Signals
from engine.temporal.gates import Follows, GatedLayer, Gates

SETTINGS: Final = "gates.json"
_TENSORS: Final = "gates.safetensors"
_FORMAT: Final = 1


class _Layer(BaseModel):
    name: str
    rank: Annotated[int, Field(ge=1)]
    follows: Follows


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal[1]
    gate: Gate
    features: list[FeatureName]
    hop_samples: Annotated[int, Field(ge=1)]
    rate_hz: Literal[16000]
    layers: list[_Layer]


def save(gates: Gates, folder: Path) -> None:
    """Write gates beside the adapter into which their means are folded: in the files they are multiples of these."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in gates.state_dict().items()}
    for kind, mean_R in gates.means().items():
        tensors[f"banks.{kind}.unit_R"] = mean_R.cpu()
    if gates.sample is not None:
        tensors["sample.phi_NF"] = torch.from_numpy(np.ascontiguousarray(gates.sample.phi_NF))
        tensors["sample.speech_N"] = torch.from_numpy(np.ascontiguousarray(gates.sample.speech_N))
        tensors["sample.shares"] = torch.from_numpy(np.ascontiguousarray(gates.sample.shares))
    save_file(tensors, folder / _TENSORS)
    settings = _Settings(
        format=_FORMAT,
        gate=gates.signals.gate,
        features=list(gates.signals.features),
        hop_samples=gates.signals.hop_samples,
        rate_hz=RATE_HZ,
        layers=[_Layer(name=layer.name, rank=layer.rank, follows=layer.follows) for layer in gates.layers],
    )
    (folder / SETTINGS).write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")


def has_gates(folder: Path) -> bool:
    """Whether an adapter's folder has gates."""
    return (folder / SETTINGS).is_file()


def load(base: Base, adapted: peft.PeftModel, folder: Path) -> Gated:
    """Attach the gates of a saved adapter to it.

    Raises:
        ModelError: the files are damaged, or do not fit the adapter or the base.
    """
    try:
        settings = _Settings.model_validate_json((folder / SETTINGS).read_bytes())
        tensors = load_file(folder / _TENSORS)
    except (OSError, ValidationError, SafetensorError) as error:
        raise ModelError(
            f"the gates in {folder} cannot be read: {error}; take the whole folder, or remove {SETTINGS} to use the "
            "adapter without gates"
        ) from error
    if not isinstance(base, FollowsFrames) or settings.hop_samples != base.timeline.hop_samples:
        raise ModelError(
            f"the gates in {folder} follow frames that this base does not have; take the base of its training"
        )
    layers = [GatedLayer(layer.name, layer.rank, layer.follows) for layer in settings.layers]
    if missing := names_missing(adapted, layers):
        raise ModelError(f"the gates in {folder} belong to another adapter: it lacks {', '.join(missing[:5])}")
    signals = Signals(settings.gate, tuple(settings.features), settings.hop_samples)
    gates = Gates(layers, signals, base.timeline.width)
    sampled = {name: tensors.pop(name).numpy() for name in list(tensors) if name.startswith("sample.")}
    try:
        gates.load_state_dict(tensors)
        if sampled:
            gates.sample = FrameSample(*(sampled[f"sample.{name}"] for name in ("phi_NF", "speech_N", "shares")))
    except (RuntimeError, KeyError) as error:
        raise ModelError(f"{folder / _TENSORS} does not fit {SETTINGS}: {error}; take the whole folder") from error
    gated = attach(adapted, base.timeline, gates.requires_grad_(False))
    gated.eval()
    return gated


def state_folder(folder: Path, state: int) -> Path:
    """Folder of the plain adapter of a state of the gates, counted from 0."""
    return folder / "states" / str(state)
