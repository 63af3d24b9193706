"""What the platform needs to know of a type of stage, and the possible outcomes of a look at one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.database.models import Pipeline, PipelineStage
from services.pipelines.plan import Plan
from services.pipelines.stage import StageFields
from services.settings import Settings

StageT = TypeVar("StageT", bound=StageFields)


@dataclass(frozen=True, slots=True)
class Running:
    """The stage is still running."""


@dataclass(frozen=True, slots=True)
class Done:
    """The stage has succeeded; later stages may use the result."""

    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """The stage has failed."""

    reason: str
    again: bool = False
    """Whether a retry may succeed."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The stage was stopped, by a user or because its budget is used up."""

    reason: str


Outcome = Running | Done | Failed | Stopped


@dataclass(frozen=True, slots=True)
class Work:
    """A stage, and its context."""

    session: AsyncSession
    settings: Settings
    pipeline: Pipeline
    plan: Plan
    rows: Mapping[str, PipelineStage]
    """Rows of all stages by name; those before this one have succeeded."""
    row: PipelineStage
    """Row of this stage."""

    def stage(self, type: type[StageT]) -> StageT:
        """The declaration of this stage, as its own type."""
        stage = self.plan.stages[self.row.name]
        if not isinstance(stage, type):
            raise TypeError(f"{self.row.name} is a {self.row.type}, not a {type.__name__}")
        return stage


class StageKind(ABC, Generic[StageT]):
    """A type of stage.

    `begin`, `look` and `stop` run in a transaction that locks the pipeline's row, and do not commit. They may raise an
    `ApiError`: the stage then fails, or waits if the error passes by itself (`runner.WAITS`).
    """

    declaration: type[StageT]
    """What a stage of this type declares."""

    def faults(self, plan: Plan, stage: StageT, config: TrainingConfig | None) -> Iterator[Fault]:
        """What does not go together in a declared plan, with paths relative to the stage.

        Args:
            plan: the plan, whose names and dependencies have been checked.
            stage: the stage.
            config: the pipeline's own training config.
        """
        yield from ()

    async def begin(self, work: Work) -> Outcome:
        """Start, or continue after an attempt that failed or was stopped. By default all work is done in `look`."""
        return await self.look(work)

    @abstractmethod
    async def look(self, work: Work) -> Outcome:
        """The state of the stage."""

    async def stop(self, work: Work) -> None:
        """Request a stop; `look` reports when the stage has stopped. By default there is nothing to stop."""
