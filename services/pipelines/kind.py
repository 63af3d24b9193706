"""The interface of a type of stage (begin, look, stop), and the possible outcomes of a look."""

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


class Kind(Protocol):
    """A type of stage. Its methods run in a transaction that locks the pipeline's row, and do not commit.

    They may raise an `ApiError`: the stage then fails, or waits if the error passes by itself (`runner.WAITS`).
    """

    async def begin(self, work: Work) -> Outcome:
        """Start, or continue after an attempt that failed or was stopped."""
        ...

    async def look(self, work: Work) -> Outcome:
        """The state of the stage."""
        ...

    async def stop(self, work: Work) -> None:
        """Request a stop; `look` reports when the stage has stopped."""
        ...


class AtOnce:
    """A stage that does all its work in `look`."""

    async def begin(self, work: Work) -> Outcome:
        """The same as `look`."""
        return await self.look(work)

    async def look(self, work: Work) -> Outcome:
        """The outcome of the stage."""
        raise NotImplementedError

    async def stop(self, work: Work) -> None:
        """There is nothing to stop."""
