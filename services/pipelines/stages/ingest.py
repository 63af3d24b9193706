"""Wait until the dataset is ready."""

from __future__ import annotations

from typing import Literal

from services.database.models import Dataset, Job
from services.datasets.find import newest_version_row
from services.datasets.requests import process_again
from services.jobs.states import RESUMABLE
from services.pipelines.contract import Done, Failed, Outcome, Running, StageKind, Stopped, Work
from services.pipelines.stage import StageFields
from services.pipelines.stages.data import used_dataset, used_version


class IngestStage(StageFields):
    """Waits for the job that processes the dataset; one that was interrupted is resumed."""

    type: Literal["ingest"] = "ingest"


class Ingest(StageKind[IngestStage]):
    """Waits for the job that processes the dataset, and resumes it if it was interrupted or stopped."""

    declaration = IngestStage

    async def begin(self, work: Work) -> Outcome:
        """Resume the job if it was interrupted or stopped."""
        dataset = await used_dataset(work)
        job = await _job(work, dataset)
        if job is not None and job.status in RESUMABLE and not job.refused:
            await process_again(work.session, work.settings, dataset.id)
            return Running()
        return await self.look(work)

    async def look(self, work: Work) -> Outcome:
        """Whether the dataset is ready."""
        dataset = await used_dataset(work)
        if dataset.status == "error":
            job = await _job(work, dataset)
            if job is not None and job.status == "stopped":
                return Stopped("The processing of the dataset was stopped.")
            # What was interrupted may succeed in a retry; faulty recordings stay faulty.
            again = job is not None and not job.refused
            return Failed(f"The dataset is in error: {dataset.error}", again=again)
        if dataset.status != "ready":
            return Running()
        version = await used_version(work)
        return Done(
            {
                "dataset_id": str(dataset.id),
                "dataset_version": version.number,
                "job_id": None if version.job_id is None else str(version.job_id),
                "utterances": version.utterances,
                "audio_s": version.audio_s,
            }
        )


async def _job(work: Work, dataset: Dataset) -> Job | None:
    """The job that was to make the newest version of a dataset in an error."""
    if dataset.status != "error":
        return None
    version = await newest_version_row(work.session, dataset.id)
    await work.session.refresh(version)
    return None if version.job_id is None else await work.session.get(Job, version.job_id, populate_existing=True)
