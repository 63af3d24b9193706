"""Every registered pair of a family and a task, each with a tiny model and a tiny dataset."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from engine.data.example import AnyExample, Labels
from engine.data.manifest import read_manifest, write_manifest
from tests.tiny import write_tiny_whisper, write_tones
from tests.unit.engine.families.audio_encoder import tiny_encoders
from tests.unit.engine.families.audio_llm import tiny as tiny_llm
from tests.unit.engine.families.clap import tiny as tiny_clap
from tests.unit.engine.families.ctc import models as tiny_ctc

Writer = Callable[[Path], object]
_GROUPS: Final = ("ada", "bob", "eve", "joe")


@dataclass(frozen=True)
class Pair:
    """A family's model for a task, and data for it."""

    family: str
    task: str
    model: Writer
    """Writes the base."""
    examples: Callable[[Path], Sequence[AnyExample]]
    """Writes recordings."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the training config that the pair needs."""

    card_methods: tuple[str, ...] = ("qlora", "full")
    """Methods whose cards are tried."""
    variant: str = ""
    """Tells pairs of the same family and task apart."""

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.family, self.task, self.variant)))

    def write_model(self, folder: Path) -> Path:
        """The base's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model(folder)
        return folder

    def write_data(self, folder: Path) -> Path:
        """A dataset version in which every target is said by several groups, of which one is tested on."""
        folder.mkdir(parents=True, exist_ok=True)
        examples = list(self.examples(folder))
        if not all(example.group for example in examples):
            groups: dict[str, Any] = {}
            named = []
            for example in examples:
                turn = groups.setdefault(example.target.key(), itertools.cycle(_GROUPS))
                named.append(replace(example, group=next(turn)))
            examples = named
        write_manifest(folder / "manifest.jsonl", examples)
        return folder


def _tones(folder: Path) -> Sequence[AnyExample]:
    return read_manifest(write_tones(folder) / "manifest.jsonl")


def _letters(folder: Path) -> Sequence[AnyExample]:
    return tiny_ctc.write_letters(folder, ["a", "b", "c", "ab", "ba", "ca"] * 4)


def _sounds(folder: Path) -> Sequence[AnyExample]:
    folder.mkdir(parents=True, exist_ok=True)
    return [
        tiny_encoders.example(folder, label, 0.4 + 0.1 * seed, seed)
        for seed in range(8)
        for label in tiny_encoders.LABELS
    ]


def _labelled(folder: Path) -> Sequence[AnyExample]:
    """Sounds with one, two or no labels: noise is none, and what is high is also loud."""
    targets = {"high": ("high", "loud"), "low": ("low",), "noise": ()}
    return [replace(each, target=Labels(targets[each.target.key()])) for each in _sounds(folder)]


def _spoken(folder: Path) -> Sequence[AnyExample]:
    return tiny_llm.recordings(folder, takes=4)


def _captioned(folder: Path) -> Sequence[AnyExample]:
    return tiny_llm.captioned(tiny_llm.recordings(folder, takes=4))


def _clap(folder: Path) -> None:
    """As published models of its kind, which see one crop of a recording."""
    tiny_clap.write_tiny_clap(folder)
    path = folder / "processor_config.json"
    config = json.loads(path.read_text())
    config["feature_extractor"]["truncation"] = "rand_trunc"
    path.write_text(json.dumps(config))


_LONG: Final = {"batch": {"cost": 16.0, "micro_batch_cost": 8.0}}
# Some layers of these tiny models are too narrow for the 4-bit kernel of plain bitsandbytes.
_WIDE: Final = ("lora", "full")
PAIRS: Final = (
    Pair("whisper", "speech_to_text", write_tiny_whisper, _tones, {"split": {"test_groups": ["s2"]}}),
    Pair("whisper", "audio_classification", tiny_encoders.whisper, _sounds),
    Pair("wav2vec2", "speech_to_text", lambda folder: tiny_ctc.write_model(folder, "wav2vec2", head=False), _letters),
    Pair(
        "whisper",
        "audio_classification",
        tiny_encoders.whisper,
        _labelled,
        # With weighted classes, the rate of the other pairs makes its loss jump from step to step.
        {
            "task": {"type": "audio_classification", "multi_label": True},
            "optimizer": {"type": "adamw", "learning_rate": 3e-3},
        },
        variant="several_labels",
    ),
    Pair("wav2vec2", "audio_classification", tiny_encoders.wav2vec2, _sounds),
    Pair(
        "wav2vec2_conformer",
        "speech_to_text",
        lambda folder: tiny_ctc.write_model(folder, "conformer-relative", head=False),
        _letters,
    ),
    Pair("spectrogram_transformer", "audio_classification", tiny_encoders.spectrogram, _sounds),
    Pair(
        "clap",
        "retrieval",
        _clap,
        lambda folder: tiny_clap.recordings(folder, takes=4),
        {"task": {"type": "retrieval", "group_size": 4}, **_LONG},
        _WIDE,
    ),
    Pair(
        "audio_llm", "speech_to_text", lambda folder: tiny_llm.write_tiny(folder, "qwen2_audio"), _spoken, _LONG, _WIDE
    ),
    Pair("audio_llm", "captioning", lambda folder: tiny_llm.write_tiny(folder, "voxtral"), _captioned, _LONG, _WIDE),
)
