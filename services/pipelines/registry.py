"""The types of stages, by name. A type is added here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from services.pipelines.contract import StageKind
from services.pipelines.stages.compare import Compare
from services.pipelines.stages.evaluate import Evaluate
from services.pipelines.stages.export import Export
from services.pipelines.stages.ingest import Ingest
from services.pipelines.stages.select import Select
from services.pipelines.stages.sweep import SweepOfPipeline
from services.pipelines.stages.train import Train
from services.pipelines.stages.validate import Validate

STAGES: Final[Mapping[str, StageKind[Any]]] = {
    "ingest": Ingest(),
    "validate": Validate(),
    "select": Select(),
    "sweep": SweepOfPipeline(),
    "train": Train(),
    "evaluate": Evaluate(),
    "compare": Compare(),
    "export": Export(),
}


def _known(name: str) -> str:
    if name not in STAGES:
        raise ValueError(f"there is no such type of stage; there are {', '.join(STAGES)}")
    return name


StageType = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(STAGES)})]
"""Name of a type of stage."""
