"""A text task and an image task that live in the tests alone: nothing of the product knows of them.

Each is one model of two linear layers that finds the label of a short text or of a small picture. Both are a `Family` (this
module's `load` and `space`), a learner, and a task. Their data go through ingestion: a table of texts, folders of pictures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_model
from torch import nn

from engine.config.tasks.base import TaskFields
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample, ImageInput, TargetType, TextInput
from engine.data.version_files import MANIFEST_NAME
from engine.families.contract import Loaded, LoadOptions, Prediction, Seeds, Setting, TargetSpace
from engine.families.usage import Usage
from engine.media.registry import medium_named
from engine.metrics.classification import accuracy
from engine.metrics.registry import Values
from engine.run.result import Fact
from engine.stages.ingest import ingest
from engine.tasks.fitting import wrong_kind

SIZE: Final = 32
"""Features of an input: counts of hashed words, or grey values of 4 x 8 pixels."""
LABELS: Final = ("one", "two")


class ToyFields(TaskFields):
    """What both tasks have in common."""

    targets: ClassVar[tuple[TargetType, ...]] = ("label",)
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    pipeline: ClassVar[str] = "none"
    code: ClassVar[str] = "tests.contract.toys:ToyTask"


class ToyTextConfig(ToyFields):
    """Find the label of a text."""

    medium: ClassVar[str] = "text"

    type: Literal["toy_text"] = "toy_text"


class ToyImageConfig(ToyFields):
    """Find the label of a picture."""

    medium: ClassVar[str] = "image"

    type: Literal["toy_image"] = "toy_image"


class ToyTextTraining(TrainingConfig):
    """A run of the text task."""

    task: ToyTextConfig = ToyTextConfig()


class ToyImageTraining(TrainingConfig):
    """A run of the image task."""

    task: ToyImageConfig = ToyImageConfig()


TRAININGS: Final[Mapping[str, type[TrainingConfig]]] = {"text": ToyTextTraining, "image": ToyImageTraining}


class ToyModel(nn.Module):
    """Two layers and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(SIZE, SIZE)
        self.second = nn.Linear(SIZE, SIZE)
        self.head = nn.Linear(SIZE, len(LABELS))

    def forward(self, features_BF: torch.Tensor) -> torch.Tensor:
        logits_BC: torch.Tensor = self.head(torch.tanh(self.second(torch.tanh(self.first(features_BF)))))
        return logits_BC


class ToyBase:
    """The model with its parts."""

    heads: tuple[str, ...] = ("head",)
    has_new_head = True
    groups: tuple[str, ...] = ("layers",)

    def __init__(self, model: ToyModel) -> None:
        self.model: nn.Module = model

    def default_targets(self) -> list[str]:
        return ["first", "second"]

    def group_of(self, module_name: str) -> str | None:
        return "layers"

    def freeze_constants(self) -> None:
        pass

    def save_processor(self, folder: Path) -> None:
        (folder / "processor.json").write_text("{}")


@dataclass(frozen=True)
class ToyBatch:
    features_BF: torch.Tensor
    targets_B: torch.Tensor
    cost: float


class ToyLearner:
    """The task bound to the model."""

    notes: tuple[str, ...] = ()
    medium: ClassVar[str]

    def __init__(self, base: ToyBase, setting: Setting) -> None:
        self._base, self.config = base, setting.config
        self.cost_unit = medium_named(setting.config.task.medium).cost_unit

    def facts(self) -> Mapping[str, Fact]:
        return {"labels": len(LABELS)}

    def save(self, folder: Path) -> None:
        save_model(self._base.model, str(folder / "model.safetensors"))

    def usage(self) -> Usage:
        return Usage("ToyModel", "ToyProcessor", ("print(model)",))

    def costs(self, examples: Sequence[AnyExample]) -> list[float]:
        return [float(len(e.input.text.split())) if isinstance(e.input, TextInput) else float(SIZE) for e in examples]

    def padded_costs(self, examples: Sequence[AnyExample]) -> list[float]:
        return self.costs(examples)

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        return {e.id: "a label that the model lacks" for e in examples if e.target.label not in LABELS}

    def collate(self, examples: Sequence[AnyExample], folder: Path, seeds: Seeds | None = None) -> ToyBatch:
        features = np.stack([_features(example, folder) for example in examples])
        targets = [LABELS.index(example.target.label) for example in examples]
        return ToyBatch(torch.from_numpy(features), torch.tensor(targets), sum(self.costs(examples)))

    def loss(self, batch: ToyBatch) -> tuple[torch.Tensor, int]:
        logits_BC = self._base.model(batch.features_BF)
        return nn.functional.cross_entropy(logits_BC, batch.targets_B, reduction="sum"), len(batch.targets_B)

    def target_count(self, examples: Sequence[AnyExample]) -> int:
        return len(examples)

    def predict(
        self, examples: Sequence[AnyExample], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        if not examples:
            return []
        with torch.inference_mode():
            chosen = self._base.model(self.collate(examples, folder).features_BF).argmax(dim=-1)
        return [LABELS[index] for index in chosen.tolist()]


class ToyTask:
    """Judges labels."""

    def __init__(self, config: TaskFields, base: object = None) -> None:
        self._medium = config.medium

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        return wrong_kind(examples, self._medium, ("label",))

    def primary(self, examples: Sequence[AnyExample]) -> str:
        return "accuracy"

    def score(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> Values:
        if not examples:
            return {}
        return {"accuracy": accuracy([example.target.label for example in examples], [str(p) for p in predictions])}

    def rows(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        pairs = zip(examples, predictions, strict=True)
        return [{"id": e.id, "reference": e.target.label, "hypothesis": found} for e, found in pairs]

    def warnings(self, train: Sequence[AnyExample], test: Sequence[AnyExample]) -> Iterator[str]:
        yield from ()


def load(source: str, task: str, options: LoadOptions) -> Loaded:
    """The model with weights from the global generator."""
    base = ToyBase(ToyModel().eval())
    return Loaded(base, lambda setting: ToyLearner(base, setting))


def space(training: Sequence[AnyExample], config: TrainingConfig) -> TargetSpace:
    """The labels."""
    return TargetSpace(labels=LABELS)


def write_model(folder: Path, medium: str) -> Path:
    """A folder that names its kind."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": f"toy_{medium}", "hidden_size": SIZE}))
    return folder


def write_data(folder: Path, medium: str) -> Path:
    """A version of texts of different words, or of pictures that are bright on one side, of four groups."""
    if (folder / MANIFEST_NAME).exists():
        return folder
    source = folder.with_name(f"{folder.name}-source")
    source.mkdir(parents=True)
    {"text": _write_table, "image": _write_pictures}[medium](source)
    ingest(source, folder, target_types=("label",), medium=TRAININGS[medium]().task.medium, threads=2)
    return folder


def _write_table(source: Path) -> None:
    """A table with a text, its label and its group in each row."""
    generator = np.random.default_rng(0)
    rows = []
    for number, label, group in _numbered():
        words = [f"{label}{generator.integers(4)}" for _ in range(int(generator.integers(3, 9)))]
        rows.append(",".join((" ".join([*words, f"n{number}"]), label, group)))
    (source / "texts.csv").write_text("\n".join(["text,label,group", *rows, ""]))


def _write_pictures(source: Path) -> None:
    """Folders of the labels, and a table of the groups."""
    generator = np.random.default_rng(0)
    rows = []
    for number, label, group in _numbered():
        pixels = generator.integers(0, 80, (4, 8), dtype=np.uint8)
        pixels[:, :4] += np.uint8(150) * np.uint8(label == "one")
        (source / label).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(source / label / f"{number}.png")
        rows.append(f"{label}/{number}.png,{group}")
    (source / "metadata.csv").write_text("\n".join(["file_name,group", *rows, ""]))


def _numbered() -> list[tuple[int, str, str]]:
    return [(number, LABELS[number % 2], f"g{number // 2 % 4}") for number in range(48)]


def _features(example: AnyExample, folder: Path) -> np.ndarray:
    if isinstance(example.input, ImageInput):
        return np.asarray(Image.open(folder / example.input.image), dtype=np.float32).ravel() / 128 - 1
    counts = np.zeros(SIZE, dtype=np.float32)
    for word in example.input.text.split():
        counts[sum(word.encode()) % SIZE] += 1.0
    return counts
