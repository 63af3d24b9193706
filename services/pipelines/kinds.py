"""The types of stages. A type is added here, to the plan's schema and to the table's check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.pipelines.data_stages import Ingest, Validate
from services.pipelines.job_stages import Evaluate, Select, Train
from services.pipelines.kind import Kind
from services.pipelines.result_stages import Compare, Export

KINDS: Final[Mapping[str, Kind]] = {
    "ingest": Ingest(),
    "validate": Validate(),
    "select": Select(),
    "train": Train(),
    "evaluate": Evaluate(),
    "compare": Compare(),
    "export": Export(),
}
