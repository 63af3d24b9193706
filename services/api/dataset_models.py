"""Request and response models of datasets."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import JSONB

from cluster.public_network import url_fault
from engine.config.division import DivisionConfig
from engine.config.processing import ItemLimits, Language, ProcessingConfig
from engine.config.tasks.registry import TaskName
from engine.data.manifest import is_inside
from engine.data.validation.config import ValidationConfig
from services.api.body import Body
from services.api.rendered import as_json
from services.database.models import Dataset, DatasetVersion

DatasetStatus = Literal["pending", "processing", "ready", "error"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=10_000)]


MOST_FILES: Final = 1000
"""Maximum number of files in an upload; more must come as an archive."""


def _file_name(name: str) -> str:
    if not is_inside(name) or not name.isprintable():
        raise ValueError("must be a relative path with '/', inside its folder")
    return name


def _url(url: str) -> str:
    fault = url_fault(url)
    if fault is not None:
        raise ValueError(fault)
    return url


class FileBody(Body):
    """A file to upload."""

    name: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_file_name)]
    """Its name, or its path inside the dataset."""
    size: Annotated[int, Field(ge=0, lt=2**63)]
    """Size in bytes."""


class UploadSourceBody(Body):
    """Files that the client uploads.

    One archive (zip, tar, tar.gz, ...), Parquet files, or metadata and recordings, which may be in archives themselves.
    """

    type: Literal["upload"]
    files: Annotated[list[FileBody], Field(min_length=1, max_length=MOST_FILES)]
    """Files; each gets an upload address."""

    @field_validator("files")
    @classmethod
    def _names_differ(cls, files: list[FileBody]) -> list[FileBody]:
        repeated = [name for name, count in Counter(file.name for file in files).items() if count > 1]
        if repeated:
            raise ValueError(f"each file needs a name of its own; repeated: {', '.join(repeated[:10])}")
        names = {file.name for file in files}
        folders = {parent for name in names for parent in _parents(name)} & names
        if folders:
            raise ValueError(f"a file cannot also be a folder: {', '.join(sorted(folders)[:10])}")
        return files


class UrlSourceBody(Body):
    """A public file: an archive, a Parquet file or a recording. It is fetched once, at the beginning."""

    type: Literal["url"]
    url: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_url)]
    """http or https, without user name and password; private networks are not reached."""


class S3SourceBody(Body):
    """An object, or all objects below a prefix, in a bucket that the platform's operator allows."""

    type: Literal["s3"]
    uri: Annotated[str, Field(max_length=1200, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$")]
    """`s3://bucket/key`."""


SourceBody = Annotated[UploadSourceBody | UrlSourceBody | S3SourceBody, Field(discriminator="type")]


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


class DatasetBody(Body):
    """A new dataset."""

    name: Name
    description: Description = ""
    task: TaskName = "speech_to_text"
    """The task that models will learn from it."""
    source: SourceBody
    """Source of its recordings."""
    split: DivisionConfig | None = None
    """Test and validation parts, drawn once, evenly over texts or lengths, and used by every run. Unset: each run splits as
    its config says."""
    validation: ValidationConfig = ValidationConfig()
    """Thresholds between good, doubtful and bad."""
    limits: ItemLimits = ItemLimits()
    """Limits of usable recordings."""
    language: Language = None
    """Spoken language, as a code (`de`) or an English name. Selects among texts in several languages, and the words for
    digits in file names."""
    project_id: uuid.UUID | None = None
    """A project of the caller."""

    def options(self) -> ProcessingConfig:
        """Its processing options."""
        return ProcessingConfig(
            validation=self.validation, limits=self.limits, split=self.split, language=self.language
        )


class DatasetPatch(Body):
    """Changes; missing fields stay."""

    name: Name | None = None
    description: Description | None = None
    project_id: uuid.UUID | None = None
    """Another project; null: none."""


class DatasetOut(BaseModel):
    """A dataset."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: uuid.UUID
    name: str
    description: str
    project_id: uuid.UUID | None
    task: str
    source: dict[str, Any]
    split: dict[str, Any] | None
    """Requested test and validation parts of the newest version."""
    status: DatasetStatus
    error: str | None
    """Why it cannot be used."""
    job_id: uuid.UUID | None
    """The job that processes its newest version; unset as for a version."""
    version: int | None
    """Number of its newest version that is ready."""
    statistics: dict[str, Any] | None
    """Counts of that version: `utterances`, `audio_s`, `size`, `speakers`, `set_aside`, ..."""
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, dataset: Dataset, version: DatasetVersion | None, newest: DatasetVersion) -> DatasetOut:
        """Build from the rows of a dataset, of its newest ready version, and of its newest version."""
        return cls(
            id=dataset.id,
            name=dataset.name,
            description=dataset.description,
            project_id=dataset.project_id,
            task=dataset.task,
            source=dataset.source,
            split=newest.options.get("split"),
            status=status_of(dataset),
            error=dataset.error,
            job_id=newest.job_id,
            version=version.number if version else None,
            statistics=statistics_of(version) if version else None,
            created_at=dataset.created_at,
            updated_at=dataset.updated_at,
        )


def statistics_of(version: DatasetVersion) -> dict[str, Any]:
    """Counts of a version."""
    counts = {"utterances": version.utterances, "audio_s": version.audio_s, "size": version.size}
    return {**counts, **version.statistics}


def of_newest(column: Any, *, ready: bool = True) -> Any:
    """A column of a dataset's newest version, by default the newest that is ready; NULL if there is none."""
    versions = select(column).where(DatasetVersion.dataset_id == Dataset.id, DatasetVersion.deleted_at.is_(None))
    if ready:
        versions = versions.where(DatasetVersion.status == "ready")
    return versions.order_by(DatasetVersion.number.desc()).limit(1).correlate(Dataset).scalar_subquery()


_OF_VERSIONS: Final = frozenset({"split", "job_id", "version", "statistics"})
_COUNTS: Final = ("utterances", "audio_s", "size")
_STATISTICS: Final = func.jsonb_build_object(
    *(part for name in _COUNTS for part in (name, getattr(DatasetVersion, name))), type_=JSONB
)
RENDERED_DATASET: Final = as_json(
    {name: getattr(Dataset, name) for name in DatasetOut.model_fields if name not in _OF_VERSIONS}
    | {
        "split": of_newest(DatasetVersion.options["split"], ready=False),
        "job_id": of_newest(DatasetVersion.job_id, ready=False),
        "version": of_newest(DatasetVersion.number),
        "statistics": of_newest(_STATISTICS.concat(DatasetVersion.statistics)),
    }
)
"""A dataset as the JSON of `DatasetOut`."""


def status_of(dataset: Dataset) -> DatasetStatus:
    """A row's status; the table's check constraint guarantees the type."""
    return cast(DatasetStatus, dataset.status)


class PartOut(BaseModel):
    """Upload address of a part of a file."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: int
    """Counts from 1."""
    start: int
    """Offset of its first byte in the file."""
    size: int
    """Size in bytes."""
    url: str
    uploaded: bool = False
    """Whether it has arrived; only `POST /datasets/{id}/uploads` looks."""


class UploadOut(BaseModel):
    """Upload address of a file, as a whole or in parts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    size: int
    """Size in bytes."""
    uploaded_bytes: int = 0
    """Bytes that have arrived; only `POST /datasets/{id}/uploads` looks."""
    method: str
    url: str | None
    """Unset for a large file, whose `parts` each have an address."""
    headers: dict[str, str]
    parts: list[PartOut] = []
    """Parts of a large file: PUT each separately, in any order, several in parallel; retry a part that breaks off."""
    expires_at: datetime


class NewDatasetOut(BaseModel):
    """A new dataset and the upload addresses of its files."""

    dataset: DatasetOut
    uploads: list[UploadOut]


class UploadsOut(BaseModel):
    """The files of a dataset that is being uploaded, with new upload addresses, and what has arrived."""

    dataset_id: uuid.UUID
    uploads: list[UploadOut]


class DrawnOut(BaseModel):
    """A file for human readers."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: str
    """Pre-signed; valid until `expires_at`."""
    expires_at: datetime


class ReportOut(BaseModel):
    """Result of processing a dataset."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    dataset_id: uuid.UUID
    version: int
    """Number of the version."""
    status: DatasetStatus
    error: str | None
    """Why the version cannot be used."""
    items_found: int = 0
    """Recordings, rows without a recording, and other files."""
    items_good: int = 0
    """Utterances in the dataset."""
    set_aside: list[dict[str, Any]] = []
    """Every rejected item: `path`, `code`, `reason`, `action`."""
    page: DrawnOut | None = None
    """The whole report for human readers, one HTML file; only if the dataset is ready."""
    drawing: DrawnOut | None = None
    """Histograms of duration, level, signal-to-noise ratio and words per second (PNG); only for ten or more items."""


class ItemOut(BaseModel):
    """An item of a dataset."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    text: str
    """Its target as a text: the transcript, the class, `dog; rain`, captions on a line each."""
    target: dict[str, Any] = {}
    """Its target as in the manifest: `{"type": "label", "label": "dog"}`; empty if an earlier release made the version."""
    speaker: str | None
    """Its speaker or another group that is never divided, if known."""
    split: str | None
    duration_s: float
    audio_url: str
    """Path of its audio under the API's address, which a player can open without a header for at least an hour."""


class PreviewOut(BaseModel):
    """Some items of a dataset, spread over it."""

    items: list[ItemOut]
    total: int
