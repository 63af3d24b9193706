"""What the platform needs to know of a kind of job. All other code works for every kind.

A kind has a spec: everything that its jobs are asked, beyond the model, the data and the resources that all jobs have. A
job's row holds it as JSON with all defaults.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import ResourcesConfig
from engine.config.base import Config, parse
from engine.config.training import TrainingConfig
from engine.errors import ConfigError, Fault
from engine.memory.sizes import Sizes
from services.database.engine import Sessions
from services.database.models import Job
from services.errors import InvalidRequestError
from services.jobs.places import Runs
from services.notifications.tell import job_ended
from services.settings import Settings

SpecT = TypeVar("SpecT", bound=Config)
AskedT = TypeVar("AskedT", bound=Config)

BESIDE_BYTES: Final = 20_000_000
"""Storage of a job in addition to checkpoints and weights: figures, curves, predictions, events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A request for a job of any kind."""

    kind: str
    """Name of the kind."""
    asked: Config
    """What the kind is asked: its spec, not resolved yet, or what the kind itself makes a spec of."""
    model_id: str | None = None
    """Base model in the catalogue; None: that of the job whose outcome this one works on."""
    dataset_id: uuid.UUID | None = None
    """Dataset to work on; None: that of the job whose outcome this one works on."""
    dataset_version: int | None = None
    """Number of the version; None: the kind decides, in general for the newest that is ready."""
    resources: ResourcesConfig
    """Where it runs."""
    name: str | None = None
    """Display name; None: the kind's."""
    priority: int = 0
    """Among the user's own queued jobs, higher starts first."""
    project_id: uuid.UUID | None = None
    """Project of the user; None: that of the job whose outcome this one works on, if there is one."""
    budget: Mapping[str, float] | None = None
    """Limits at which the job is stopped: `wall_s`, `cost`."""

    def asked_as(self, schema: type[AskedT]) -> AskedT:
        """What the kind is asked, as its own type."""
        if not isinstance(self.asked, schema):
            raise TypeError(f"a {self.kind} is asked a {schema.__name__}, not a {type(self.asked).__name__}")
        return self.asked

    def model_and_dataset(self) -> tuple[str, uuid.UUID]:
        """Ids of the model and the dataset, for a kind that works on no other job's outcome.

        Raises:
            InvalidRequestError: one of them is missing.
        """
        if self.model_id is None or self.dataset_id is None:
            missing = [name for name in ("model_id", "dataset_id") if getattr(self, name) is None]
            raise InvalidRequestError.of([Fault(name, f"is not given; a {self.kind} needs it") for name in missing])
        return self.model_id, self.dataset_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(Generic[SpecT]):
    """What a request comes to. The rows that it names stay locked until the transaction ends."""

    spec: SpecT
    name: str
    """Name of the job if the request has none."""
    model_id: str | None = None
    model: dict[str, Any] | None = None
    """Reference to the model, as a job's row holds it; None: the kind works on data alone."""
    dataset_id: uuid.UUID
    dataset_version: int
    needs_id: uuid.UUID | None = None
    """The job whose outcome this one works on; it cannot be deleted before this one."""
    project_id: uuid.UUID | None = None
    """Project of the job if the request has none."""
    lane: str | None = None
    """Lane in which it begins, of those of its kind; None: it runs on the cluster."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What a driver's config may depend on beyond its job."""

    session: AsyncSession
    """For what is too large for a spec."""
    settings: Settings
    bucket: str
    """The platform's bucket."""


class UnreadableSpecError(InvalidRequestError):
    """A job's row holds a kind or a spec that this release does not know, as after a downgrade."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        told = list(faults)
        listed = "; ".join(str(fault) for fault in told)
        super().__init__(
            f"This release cannot run what the job was asked: {listed}", code="not_allowed_any_more", faults=told
        )


class JobKind(ABC, Generic[SpecT]):
    """A kind of job."""

    name: ClassVar[str]
    """Its name in requests and rows."""
    spec: type[SpecT]
    """Schema of the spec. POST /jobs takes its fields, unless the kind has a route of its own."""
    own_route: ClassVar[bool] = False
    """Whether a route of its own launches it."""
    figures: ClassVar[tuple[str, ...]] = ()
    """Fields of `result.json` that a pipeline keeps as the result of a stage."""
    folders: ClassVar[tuple[str, ...]] = ()
    """Folders of a run in which every file is an artifact; the folder's name is the artifact's kind."""
    need: ClassVar[str] = "works on its outcome"
    """What its jobs do with the job that they need, for the message that this one cannot be deleted."""
    lanes: ClassVar[tuple[str, ...]] = ()
    """Lanes that its jobs pass, each with a driver of its own in a box (services.jobs.boxes); empty: one driver on the
    cluster."""
    interrupted: ClassVar[str] = "The driver ended {times} without a result"
    """Why a job failed whose driver died too often."""
    retried: ClassVar[str] = "The driver died ({reason}). It is submitted again and goes on from its newest checkpoint"
    """What a job's log says when its driver died and is submitted again."""

    @abstractmethod
    async def resolve(self, session: AsyncSession, user_id: uuid.UUID, request: JobRequest) -> Resolved[SpecT]:
        """Check a request, and decide what it leaves open.

        Raises:
            ApiError: something that it names does not exist, belongs to another user, or does not go with the rest.
        """

    def read(self, job: Job) -> SpecT:
        """The spec in a job's row.

        Raises:
            UnreadableSpecError: this release has another form of it; names every fault, with its path in the job.
        """
        try:
            return parse(self.spec, job.spec)
        except ConfigError as error:
            faults = [Fault(f"spec.{each.path}".rstrip("."), each.message) for each in error.faults]
            raise UnreadableSpecError(faults) from None

    @abstractmethod
    async def driver(self, job: Job, spec: SpecT, platform: Platform) -> tuple[str, Config]:
        """The module and the config that a person would give to `ray job submit`.

        Args:
            job: the job, with its model, data and resources.
            spec: its spec.
            platform: what else it may depend on.
        """

    def training(self, spec: SpecT) -> TrainingConfig | None:
        """The training by whose size a worker's memory is estimated; None: memory is not estimated."""
        return None

    def kept_bytes(self, spec: SpecT, model: Sizes | None) -> int:
        """Bytes that a job is expected to keep in object storage.

        Args:
            spec: its spec.
            model: sizes of its base model; None: unknown.
        """
        return BESIDE_BYTES

    async def collect(self, sessions: Sessions, runs: Runs, job: Job) -> None:
        """Write what a run left to tables of the kind, before the transaction that ends the job. Idempotent.

        Nobody must see it before `ended` says so. By default there is nothing to write.
        """

    async def ended(self, session: AsyncSession, job: Job, detail: str | None = None) -> None:
        """Say that a job has reached a final status, in the transaction that ends it; by default to its user.

        Args:
            session: database session; the job's row is locked.
            job: the job.
            detail: the reason, if there is more to say than the status does.
        """
        await job_ended(session, job, detail)

    async def resumed(self, session: AsyncSession, settings: Settings, job: Job) -> None:
        """Prepare rows of the kind for a job that is queued again by its user, in the same transaction.

        Raises:
            ApiError: it cannot go on.
        """
