"""The configurations that are measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

REAL: Final = "whisper-tiny.en"
"""The real weights, whose folder the command is given."""
STEPS: Final = 3
"""Steps of each run."""
_FAMILIES: Final[Mapping[str, str]] = {
    "whisper": "whisper",
    "wav2vec2": "wav2vec2",
    "conformer": "wav2vec2_conformer",
    "ast": "spectrogram_transformer",
    "clap": "clap",
    "qwen2": "audio_llm",
}


@dataclass(frozen=True)
class Cell:
    """A configuration with data of one length."""

    model: str
    task: str
    examples: int
    """Of a micro-batch."""
    seconds: float
    letters: int
    """Of each text."""
    method: Mapping[str, Any]
    precision: str = "float32"
    checkpointing: bool = False
    optimizer: str = "adamw"
    accumulated: int = 1
    """Micro-batches of a step."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the training config."""

    @property
    def family(self) -> str:
        """The model's family."""
        return _FAMILIES[self.model.split("-")[0]]

    @property
    def key(self) -> str:
        """Name of its file."""
        told = json.dumps(asdict(self), sort_keys=True)
        return f"{self.model}-{self.task}-{hashlib.sha256(told.encode()).hexdigest()[:10]}"

    @property
    def held_out(self) -> bool:
        """Whether it takes no part in the calibration: a fifth, by its name alone."""
        return int(hashlib.sha256(self.key.encode()).hexdigest(), 16) % 5 == 0

    def config(self) -> dict[str, Any]:
        """Fields of the training config."""
        return {
            "task": {"type": self.task},
            "method": dict(self.method),
            "precision": self.precision,
            "gradient_checkpointing": self.checkpointing,
            "optimizer": {"type": self.optimizer},
            "batch": {
                "cost": self._cost * self.examples * self.accumulated,
                "micro_batch_cost": self._cost * self.examples,
                "max_examples": self.examples * self.accumulated,
            },
            "split": {"test_groups": ["test"], "validation_fraction": 0.0},
            "max_steps": STEPS,
            **self.more,
        }

    @property
    def _cost(self) -> float:
        """More than the cost of an example, padding included."""
        return 1.05 * (30.0 if self.seconds > 25 else self.seconds + 1.0)


def cells() -> Iterator[Cell]:
    """All configurations, the quick ones first."""
    short = {"context": {"type": "short"}}
    lora, qlora, full = {"type": "lora"}, {"type": "qlora"}, {"type": "full"}
    speech, sounds = "speech_to_text", "audio_classification"
    pico = "whisper-pico"
    # Bundled: batch, rank, method, optimizer.
    yield Cell(pico, speech, 8, 4.0, 40, qlora)
    yield Cell(pico, speech, 32, 4.0, 40, qlora)
    yield Cell(pico, speech, 16, 8.0, 90, {**lora, "rank": 64})
    yield Cell(pico, speech, 4, 30.0, 100, full, more={"evaluation": {"keep": "last"}, "context": {"type": "full"}})
    yield Cell(pico, speech, 32, 6.0, 60, full, accumulated=2)
    yield Cell(pico, speech, 24, 6.0, 60, qlora, checkpointing=True)
    # Real weights: whole windows and short ones, precision, rank, optimizer.
    for precision in ("float32", "bfloat16"):
        yield Cell(REAL, speech, 1, 30.0, 200, qlora, precision)
        yield Cell(REAL, speech, 3, 30.0, 200, lora, precision)
        yield Cell(REAL, speech, 6, 6.0, 60, qlora, precision, more=short)
        yield Cell(REAL, speech, 12, 4.0, 40, lora, precision, more=short)
        yield Cell(REAL, speech, 2, 30.0, 200, full, precision)
    yield Cell(REAL, speech, 2, 30.0, 200, {**qlora, "rank": 64}, checkpointing=True)
    yield Cell(REAL, speech, 4, 30.0, 200, lora, checkpointing=True)
    yield Cell(REAL, speech, 2, 30.0, 400, {**lora, "groups": ["text_decoder", "fusion"]})
    yield Cell(REAL, speech, 8, 8.0, 80, {**lora, "groups": ["audio_encoder"], "dropout": 0.1}, more=short)
    yield Cell(REAL, speech, 4, 8.0, 80, full, optimizer="adamw_8bit", more=short)
    yield Cell(REAL, speech, 4, 8.0, 80, full, optimizer="adamw", accumulated=3, more=short)
    yield Cell(REAL, speech, 4, 8.0, 80, full, more={**short, "ema_decay": 0.99})
    yield Cell(REAL, speech, 6, 8.0, 80, qlora, accumulated=3, more=short)
    yield Cell(REAL, speech, 6, 8.0, 80, qlora, more={**short, "evaluation": {"base": False}})
    yield Cell(REAL, sounds, 3, 30.0, 10, lora)
    yield Cell(REAL, sounds, 12, 6.0, 10, {"type": "linear_probe"}, more=short)
    yield Cell(REAL, sounds, 8, 6.0, 10, full, more=short)
    yield Cell(REAL, sounds, 8, 6.0, 10, qlora, "bfloat16", more=short)
    # A larger Whisper.
    for method, examples, seconds in ((qlora, 2, 30.0), (lora, 1, 30.0), (full, 1, 30.0)):
        yield Cell("whisper-base", speech, examples, seconds, 100, method)
    yield Cell("whisper-base", speech, 8, 6.0, 60, qlora, "bfloat16", more=short)
    yield Cell("whisper-base", speech, 4, 10.0, 100, lora, more=short)
    yield Cell("whisper-base", speech, 4, 10.0, 100, full, checkpointing=True, more=short)
    yield Cell("whisper-small", speech, 1, 30.0, 100, qlora)
    yield Cell("whisper-small", speech, 1, 30.0, 100, qlora, "bfloat16")
    yield Cell("whisper-small", speech, 4, 6.0, 60, lora, more=short)
    yield Cell("whisper-small", speech, 2, 6.0, 60, full, more=short)
    # CTC.
    for model, method, examples, seconds, precision in (
        ("wav2vec2-base", lora, 4, 8.0, "float32"),
        ("wav2vec2-base", qlora, 8, 4.0, "bfloat16"),
        ("wav2vec2-base", qlora, 2, 15.0, "float32"),
        ("wav2vec2-base", full, 2, 6.0, "float32"),
        ("wav2vec2-stable", lora, 4, 6.0, "bfloat16"),
        ("wav2vec2-stable", qlora, 6, 6.0, "float32"),
        ("wav2vec2-stable", full, 2, 6.0, "float32"),
        ("conformer", lora, 4, 8.0, "float32"),
        ("conformer", qlora, 6, 5.0, "float32"),
        ("conformer", full, 2, 8.0, "bfloat16"),
    ):
        yield Cell(model, speech, examples, seconds, round(10 * seconds), method, precision)
    yield Cell("wav2vec2-base", speech, 4, 10.0, 100, lora, checkpointing=True)
    yield Cell("wav2vec2-base", sounds, 6, 5.0, 10, lora)
    yield Cell("wav2vec2-base", sounds, 8, 5.0, 10, {"type": "linear_probe"})
    # Spectrograms, retrieval, audio-LLMs.
    yield Cell("ast", sounds, 2, 10.0, 10, lora)
    yield Cell("ast", sounds, 4, 10.0, 10, qlora, "bfloat16")
    yield Cell("ast", sounds, 1, 10.0, 10, full)
    yield Cell("ast", sounds, 4, 10.0, 10, lora, checkpointing=True)
    group = {"task": {"type": "retrieval", "group_size": 4}}
    yield Cell("clap", "retrieval", 4, 10.0, 40, lora, more=group)
    yield Cell("clap", "retrieval", 8, 10.0, 40, qlora, more=group)
    yield Cell("clap", "retrieval", 4, 10.0, 40, full, more=group)
    yield Cell("qwen2-audio", speech, 1, 30.0, 60, lora)
    yield Cell("qwen2-audio", speech, 2, 10.0, 60, qlora)
    yield Cell("qwen2-audio", speech, 1, 10.0, 60, full)
    yield Cell("qwen2-audio", "captioning", 2, 30.0, 40, qlora, "bfloat16")
    yield Cell("qwen2-audio", "captioning", 1, 30.0, 40, lora, checkpointing=True)
