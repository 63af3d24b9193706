"""The transcription stage: audio files and an adapter in, text out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.adapters import lora
from engine.audio.features import RATE_HZ
from engine.audio.reading import read_audio
from engine.config.training import (
    ContextConfig,
    FullContextConfig,
    ShortContextConfig,
    SpeechToTextConfig,
    TrainingConfig,
)
from engine.data.batching import evaluation_batches
from engine.data.padding import padded_s
from engine.errors import ModelError
from engine.models.catalogue import find_model
from engine.models.family import Quantization, load_model, read_width
from engine.models.precision import best_device, choose_dtype
from engine.tasks.task import build_task

_BATCH_AUDIO_S = 60.0
_SETTINGS = "training_config.json"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a file."""

    path: Path
    text: str
    audio_s: float


def transcribe(
    paths: Sequence[Path],
    *,
    model: str | None = None,
    adapter: Path | None = None,
    context: Literal["short", "full"] | None = None,
    language: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> list[Transcript]:
    """Transcribe audio files, each as one utterance; longer ones than the model's window in pieces of a window.

    Args:
        paths: audio files.
        model: base model; None takes the one that the adapter was trained on.
        adapter: folder of an adapter; None transcribes with the base alone.
        context: `short` or `full`; None takes what the adapter was trained with.
        language: for multilingual models.
        on_progress: told how many files are done.

    Raises:
        ModelError: no model named, or model and adapter do not go together.
        AudioError: a file that cannot be read.
    """
    settings = read_settings(adapter) if adapter is not None else TrainingConfig(max_steps=1)
    if model is None:
        model = base_of(adapter) if adapter is not None else "whisper-pico"
    chosen: ContextConfig = settings.context
    if context is not None and context != chosen.type:
        chosen = ShortContextConfig() if context == "short" else FullContextConfig()
    task_config = settings.task
    if language is not None:
        task_config = SpeechToTextConfig(**{**task_config.model_dump(), "language": language})
    config = settings.model_copy(update={"context": chosen, "task": task_config})

    device = best_device()
    card = find_model(model)
    dtype = choose_dtype(config.precision, device, read_width(card.family, card.location()))
    method = config.method
    four_bit = Quantization(method.quantization, method.double_quantization) if method.type == "qlora" else None
    speech = load_model(
        card.family,
        card.location(),
        quantization=four_bit,
        compute_dtype=dtype,
        device=device,
        language=config.task.language,
    )
    if adapter is not None:
        lora.load(speech, adapter)
    task = build_task(config, speech, device, dtype)

    waves = [read_audio(path, RATE_HZ) for path in paths]
    window = round(speech.window_s * RATE_HZ)
    pieces = [(row, wave[i : i + window]) for row, wave in enumerate(waves) for i in range(0, len(wave), window)]
    texts: list[list[str]] = [[""] * (max(0, len(wave) - 1) // window + 1) for wave in waves]
    place = [sum(1 for other, _ in pieces[:i] if other == row) for i, (row, _) in enumerate(pieces)]
    lengths_s = [padded_s(len(piece) / RATE_HZ, chosen, speech.window_s) for _, piece in pieces]
    for rows in evaluation_batches(lengths_s, max(_BATCH_AUDIO_S, speech.window_s)):
        for row, text in zip(rows, task.transcribe([pieces[r][1] for r in rows]), strict=True):
            texts[pieces[row][0]][place[row]] = text
        if on_progress is not None:
            on_progress(len({pieces[r][0] for r in rows}))
    return [
        Transcript(path, " ".join(part for part in parts if part), len(wave) / RATE_HZ)
        for path, parts, wave in zip(paths, texts, waves, strict=True)
    ]


def read_settings(adapter: Path) -> TrainingConfig:
    """The config that an adapter was trained with; defaults for an adapter that was made elsewhere."""
    path = adapter / _SETTINGS
    if not path.is_file():
        return TrainingConfig(max_steps=1)
    return TrainingConfig.model_validate_json(path.read_text(encoding="utf-8"))


def write_settings(adapter: Path, config: TrainingConfig) -> None:
    """Keep a training config beside its adapter, where plain peft does not look."""
    (adapter / _SETTINGS).write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")


def base_of(adapter: Path) -> str:
    """The base model that an adapter names.

    Raises:
        ModelError: no adapter there, or one that names none.
    """
    try:
        name = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"no readable adapter_config.json in {adapter}; give the folder of an adapter") from error
    if not isinstance(name, str) or not re.fullmatch(r"\S+", name):
        raise ModelError(f"the adapter in {adapter} names no base model; give one with --model")
    return name
