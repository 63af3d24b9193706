"""What a type of stage is: something that begins, is looked at, and stops; and what may come of a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import Pipeline, PipelineStage
from services.pipelines.plan import Plan
from services.settings import Settings

StageT = TypeVar("StageT")


@dataclass(frozen=True, slots=True)
class Running:
    """It goes on."""


@dataclass(frozen=True, slots=True)
class Done:
    """It has succeeded; what follows may use the result."""

    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """It has failed."""

    reason: str
    again: bool = False
    """Whether another try may go better."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody stopped it, or its budget did."""

    reason: str


Outcome = Running | Done | Failed | Stopped


@dataclass(frozen=True, slots=True)
class Work:
    """A stage, and all that it may look at."""

    session: AsyncSession
    settings: Settings
    pipeline: Pipeline
    plan: Plan
    rows: Mapping[str, PipelineStage]
    """Stages by name; those before this one have succeeded."""
    row: PipelineStage
    """This one."""

    def stage(self, type: type[StageT]) -> StageT:
        """What was declared, as its own type."""
        stage = self.plan.stages[self.row.name]
        if not isinstance(stage, type):
            raise TypeError(f"{self.row.name} is a {self.row.type}, not a {type.__name__}")
        return stage


class Kind(Protocol):
    """A type of stage. Called in a transaction that holds the pipeline's row; nothing is committed here.

    May raise an `ApiError`: what it was to do is refused, and the stage has failed.
    """

    async def begin(self, work: Work) -> Outcome:
        """Start, or go on after a try that failed or was stopped."""
        ...

    async def look(self, work: Work) -> Outcome:
        """How it stands."""
        ...

    async def stop(self, work: Work) -> None:
        """Stop soon; `look` says when it has."""
        ...


class AtOnce:
    """A stage that is done when it has been looked at."""

    async def begin(self, work: Work) -> Outcome:
        """Look."""
        return await self.look(work)

    async def look(self, work: Work) -> Outcome:
        """What came of it."""
        raise NotImplementedError

    async def stop(self, work: Work) -> None:
        """There is nothing to stop."""
