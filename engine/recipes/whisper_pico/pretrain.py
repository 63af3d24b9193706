"""Make the bundled base model: `python -m engine.recipes.whisper_pico.pretrain --config configs/pretrain/whisper-pico.yaml`.

Steps, each skipped if its output exists: synthesise the corpora, train every stage of the recipe with the one training
loop, write the weights.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from engine.config.base import Config, apply_overrides, parse, read_yaml
from engine.config.training import TrainingConfig
from engine.data.manifest import read_manifest, write_manifest
from engine.data.version_files import MANIFEST_NAME
from engine.errors import EngineError
from engine.metrics.registry import headline_first
from engine.process.threads import wait_passively
from engine.recipes.whisper_pico.synthesis.corpus import CorpusRecipe, generate
from engine.run.events import Event
from engine.run.store import LocalRunStore

CorpusName = Annotated[str, Field(max_length=100, pattern=r"^[a-z][a-z0-9_]*$")]


class PretrainStage(Config):
    """One run of the training loop; it starts from the previous stage's weights."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Name of the stage."""
    corpora: Annotated[list[CorpusName], Field(min_length=1, max_length=100)]
    """Its training data: names of the recipe's corpora."""
    training: TrainingConfig
    """Its training config."""


class PretrainRecipe(Config):
    """The recipe of the bundled model."""

    corpora: Annotated[dict[CorpusName, CorpusRecipe], Field(max_length=100)]
    """Corpora to synthesise, by name."""
    out: Path
    """Folder for the finished model."""
    work: Path
    """Folder for corpora, checkpoints and logs."""
    stages: Annotated[list[PretrainStage], Field(max_length=100)]
    """Runs, in order."""

    @model_validator(mode="after")
    def _corpora_are_there(self) -> PretrainRecipe:
        for stage in self.stages:
            unknown = ", ".join(name for name in stage.corpora if name not in self.corpora)
            if unknown:
                raise ValueError(f"stage {stage.name}: no corpus {unknown}; there are {', '.join(self.corpora)}")
        return self


class LineSink:
    """Prints one line per event and keeps all events in the run's store."""

    def __init__(self, store: LocalRunStore) -> None:
        self._store = store
        self._lines: list[str] = []
        self._part = len(store.list("events"))

    def emit(self, event: Event) -> None:
        """Print and store the event."""
        self._lines.append(json.dumps(event.to_json()))
        data = event.data
        if event.kind == "metric" and "loss" in data:
            minutes = data["eta_s"] / 60
            line = f"step {data['step']:>6}  loss {data['loss']:.4f}  {data['cost_per_s']:.1f} audio-s/s"
            line += f"  norm {data['grad_norm']:.2f}  {minutes:.0f} min left"
        elif event.kind == "metric":
            shown = headline_first(data["metrics"], data["primary"])
            line = f"{data['split']}: " + "  ".join(
                f"{metric.title} {metric.shown(value, 2)}" for metric, value in shown
            )
        else:
            line = json.dumps(dict(data))
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def flush(self) -> None:
        """Write the buffered events to the store as one object."""
        if self._lines:
            self._store.put_bytes(f"events/{self._part:08d}.jsonl", ("\n".join(self._lines) + "\n").encode())
            self._part += 1
            self._lines = []


def run_recipe(recipe: PretrainRecipe, threads: int) -> Path:
    """Train every stage of a recipe; return the folder of the finished model."""
    from engine.recipes.whisper_pico import architecture
    from engine.stages.finetune import finetune

    corpora = recipe.work / "corpora"
    for name, synthesis in recipe.corpora.items():
        if not (corpora / name / MANIFEST_NAME).is_file():
            sys.stdout.write(f"synthesising {synthesis.train:,} utterances into {corpora / name}\n")
            generate(synthesis, corpora / name)
    model = recipe.work / "architecture"
    architecture.write(model)
    for stage in recipe.stages:
        store = LocalRunStore(recipe.work / stage.name)
        sink = LineSink(store)
        finetune(
            model=str(model),
            data=together(corpora, stage.corpora),
            config=stage.training,
            store=store,
            events=sink,
            work_dir=recipe.work / f"{stage.name}-scratch",
            threads=threads,
        )
        sink.flush()
        model = recipe.work / stage.name / "model"
    # The README of the last stage describes only that stage; the model's own card is written by hand.
    shutil.copytree(model, recipe.out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("README.md"))
    return recipe.out


def together(corpora: Path, names: Sequence[str]) -> Path:
    """Combine corpora into one dataset version and return its folder; a single corpus keeps its own folder.

    Args:
        corpora: folder of the corpora, each under its name.
        names: of the corpora to combine.
    """
    if len(names) == 1:
        return corpora / names[0]
    folder = corpora / "+".join(names)
    folder.mkdir(exist_ok=True)
    utterances = []
    for name in names:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(Path("..") / name, target_is_directory=True)
        for u in read_manifest(corpora / name / MANIFEST_NAME):
            placed = replace(u.input, audio=f"{name}/{u.input.audio}")
            utterances.append(replace(u, id=f"{name}-{u.id}", input=placed))
    write_manifest(folder / MANIFEST_NAME, utterances)
    return folder


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description="Pre-train the bundled model from scratch on synthesised speech.",
        epilog="example: python -m engine.recipes.whisper_pico.pretrain --config configs/pretrain/whisper-pico.yaml --threads 2",
    )
    parser.add_argument("--config", type=Path, required=True, help="recipe (YAML)")
    parser.add_argument("--threads", type=int, default=2, help="compute threads")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="override a field")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    wait_passively()
    try:
        recipe = parse(PretrainRecipe, apply_overrides(read_yaml(arguments.config), arguments.set))
        run_recipe(recipe, arguments.threads)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
