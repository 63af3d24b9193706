"""Every config that is shipped is read by the model that it is for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cluster.config import EvaluationRunConfig, RunConfig
from cluster.devices import DeviceClass
from cluster.ingestion.config import IngestionRunConfig
from cluster.selection.config import SelectionRunConfig
from engine.config.base import Config, parse, read_yaml
from engine.config.presets import Preset
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.models.catalogue import ModelCard
from engine.recipes.whisper_pico.pretrain import PretrainRecipe
from services.pipelines.declaration import Declaration
from tuning.sweep.config import SweepRunConfig

ROOT: Final = Path(__file__).resolve().parents[2]


def _of(schema: type[Config]) -> Callable[[Path], Any]:
    return lambda path: parse(schema, read_yaml(path))


READERS: Final[dict[str, Callable[[Path], Any]]] = {
    "devices": _of(DeviceClass),
    "evaluations": _of(EvaluationRunConfig),
    "grafana": lambda path: json.loads(path.read_text(encoding="utf-8"))["panels"],
    "ingestions": _of(IngestionRunConfig),
    "models": _of(ModelCard),
    "pipelines": lambda path: Declaration.model_validate(read_yaml(path)),
    "presets": _of(Preset),
    "pretrain": _of(PretrainRecipe),
    "runs": _of(RunConfig),
    "selection": _of(SelectionConfig),
    "selection-runs": _of(SelectionRunConfig),
    "sweeps": _of(SweepRunConfig),
    "training": _of(TrainingConfig),
}
FILES: Final = sorted(path for path in (ROOT / "configs").rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_shipped_config_is_valid(path: Path) -> None:
    assert READERS[path.parent.name](path)


def test_the_cluster_file_names_both_kinds_of_nodes() -> None:
    config = yaml.safe_load((ROOT / "ray-cluster.yaml").read_text(encoding="utf-8"))
    assert {"head_start_ray_commands", "worker_start_ray_commands"} <= config.keys()
