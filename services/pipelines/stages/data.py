"""The dataset of a pipeline, and the version that all its stages use."""

from __future__ import annotations

from services.database.models import Dataset, DatasetVersion
from services.datasets.find import find_dataset, ready_version
from services.pipelines.contract import Work


async def used_dataset(work: Work) -> Dataset:
    """The dataset of a pipeline."""
    return await find_dataset(work.session, work.pipeline.user_id, work.pipeline.dataset_id)


async def used_version(work: Work) -> DatasetVersion:
    """The version that all stages of a pipeline use: the newest that is ready when the first stage needs one."""
    # Locked, so that no version is deleted before this transaction commits.
    dataset = await find_dataset(work.session, work.pipeline.user_id, work.pipeline.dataset_id, lock=True)
    version = await ready_version(work.session, dataset, work.pipeline.dataset_version)
    work.pipeline.dataset_version = version.number
    return version
