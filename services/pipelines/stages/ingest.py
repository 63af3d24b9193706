"""Wait until the dataset is ready."""

from __future__ import annotations

from typing import Literal

from services.database.models import Dataset
from services.datasets.requests import newest_version_row, process_again
from services.pipelines.contract import Done, Failed, Outcome, Running, StageKind, Work
from services.pipelines.stage import StageFields
from services.pipelines.stages.data import used_dataset, used_version


class IngestStage(StageFields):
    """Waits until the dataset is ready; interrupted fetching and processing are retried."""

    type: Literal["ingest"] = "ingest"


class Ingest(StageKind[IngestStage]):
    """Waits for the dataset's processing, and restarts it if it was interrupted."""

    declaration = IngestStage

    async def begin(self, work: Work) -> Outcome:
        """Restart the processing if it was interrupted."""
        dataset = await used_dataset(work)
        if await _broke_off(work, dataset):
            await process_again(work.session, dataset)
            return Running()
        return await self.look(work)

    async def look(self, work: Work) -> Outcome:
        """Whether the dataset is ready."""
        dataset = await used_dataset(work)
        if dataset.status == "error":
            return Failed(f"The dataset is in error: {dataset.error}", again=await _broke_off(work, dataset))
        if dataset.status != "ready":
            return Running()
        version = await used_version(work)
        return Done(
            {
                "dataset_id": str(dataset.id),
                "dataset_version": version.number,
                "utterances": version.utterances,
                "audio_s": version.audio_s,
            }
        )


async def _broke_off(work: Work, dataset: Dataset) -> bool:
    """Whether fetching or processing was interrupted, so that a retry may help; faulty recordings leave a report."""
    if dataset.status != "error":
        return False
    version = await newest_version_row(work.session, dataset.id)
    await work.session.refresh(version, ["report"])
    return version.attempts > 0 and version.report is None
