"""Store what a run leaves: the trained weights, and in the end its card, pictures and result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.adapters.settings import write_settings
from engine.config.training import TrainingConfig
from engine.data.splits import Splits
from engine.families.binding import Bound
from engine.families.contract import TargetSpace
from engine.methods.contract import Method
from engine.ranks.picture import draw_ranks
from engine.ranks.ranks import RANKS_KEY, RANKS_PICTURE, Ranks
from engine.run.card import adapter_card
from engine.run.curves import draw_curves
from engine.run.reporter import Reporter
from engine.run.store import RunStore
from engine.run.training_result import RunResult


class Publication:
    """The files that a run leaves in its store. Only the first worker publishes."""

    def __init__(self, store: RunStore, work_dir: Path, config: TrainingConfig, bound: Bound) -> None:
        """A publication of a run.

        Args:
            store: of the run's files.
            work_dir: scratch on the local disk.
            config: of the run.
            bound: its model with its task.
        """
        self._store, self._work_dir, self._config, self._bound = store, work_dir, config, bound
        self._name = config.method.output

    def save(self, method: Method, trained: Any) -> int:
        """Store the adapter (or model); return the size of its weights in bytes."""
        folder = self._work_dir / self._name
        folder.mkdir(parents=True, exist_ok=True)
        method.save(trained, self._bound.base, self._bound.learner, folder)
        if self._name == "adapter":
            space = self._bound.space if self._bound.base.has_new_head else TargetSpace()
            write_settings(folder, self._config, space)
        for name, path in self._saved():
            self._store.put(name, path)
        return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))

    def publish(
        self,
        result: RunResult,
        splits: Splits,
        *,
        left_out: Mapping[str, str],
        ranks: Ranks | None,
        made: Sequence[Path],
        reporter: Reporter,
    ) -> None:
        """Store and report everything else; the result last, whose presence marks a finished run.

        Args:
            result: of the run.
            splits: its examples.
            left_out: examples that do not fit, with the reason for each.
            ranks: of the adapters, if the method allocated them.
            made: pictures and records that are stored already.
            reporter: of the run.
        """
        card = self._work_dir / self._name / "README.md"
        card.write_text(adapter_card(result, self._config, splits, self._bound.learner.usage()), encoding="utf-8")
        self._store.put(f"{self._name}/README.md", card)
        told = json.dumps(_ids(splits) | {"left_out": dict(left_out)}, indent=1)
        self._store.put_bytes("splits.json", told.encode())
        reporter.flush()  # the curves are drawn from what was reported
        picture = self._work_dir / "curves.png"
        if draw_curves(self._store, picture):
            self._store.put("curves.png", picture)
            reporter.artifact("curves.png", "plot", picture)
        if ranks is not None:
            picture = self._work_dir / RANKS_PICTURE
            draw_ranks(ranks, picture)
            self._store.put(RANKS_PICTURE, picture)
            reporter.artifact(RANKS_PICTURE, "plot", picture)
            self._store.get(RANKS_KEY, self._work_dir / RANKS_KEY)
            reporter.artifact(RANKS_KEY, "ranks", self._work_dir / RANKS_KEY)
        for path in made:
            reporter.artifact(path.name, "plot" if path.suffix == ".png" else "report", path)
        for name, path in self._saved():
            reporter.artifact(name, self._name, path)
        self._store.put_bytes("result.json", result.model_dump_json(indent=1).encode())

    def _saved(self) -> list[tuple[str, Path]]:
        """The files of the adapter (or model), with their names in the store."""
        folder = self._work_dir / self._name
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [(f"{self._name}/{path.relative_to(folder).as_posix()}", path) for path in files]


def _ids(splits: Splits) -> dict[str, list[str]]:
    named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {name: [example.id for example in part] for name, part in named.items()}
