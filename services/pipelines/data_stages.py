"""Stages about the dataset: wait until it is there, and see whether it is good enough."""

from __future__ import annotations

from services.database.models import Dataset, DatasetVersion
from services.datasets.requests import find_dataset, newest_version_row, process_again, ready_version
from services.pipelines.kind import AtOnce, Done, Failed, Outcome, Running, Work
from services.pipelines.plan import ValidateStage


class Ingest(AtOnce):
    """The dataset's own processing, waited for; begun again where it broke off."""

    async def begin(self, work: Work) -> Outcome:
        """Fetch again what could not be fetched."""
        dataset = await _dataset(work)
        if await _broke_off(work, dataset):
            await process_again(work.session, dataset)
            return Running()
        return await self.look(work)

    async def look(self, work: Work) -> Outcome:
        """Whether it is there."""
        dataset = await _dataset(work)
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


class Validate(AtOnce):
    """The dataset's report against what the stage asks for."""

    async def look(self, work: Work) -> Outcome:
        """Compare the report with what is asked for."""
        asked = work.stage(ValidateStage)
        dataset = await _dataset(work)
        if dataset.status != "ready":
            return Failed(f"The dataset is {dataset.status}, not ready; let a stage of type ingest come before.")
        version = await used_version(work)
        await work.session.refresh(version, ["report"])
        report = version.report or {}
        found = int(report.get("items_found") or version.utterances)
        aside = len(report.get("set_aside") or ())
        counts: dict[str, int] = {**(report.get("findings_by_code") or {}), **(report.get("set_aside_by_code") or {})}
        share = aside / max(1, found)
        faults = []
        if version.utterances < asked.least_utterances:
            faults.append(f"it has {version.utterances} good items; at least {asked.least_utterances} are asked for")
        if version.audio_s < asked.least_audio_s:
            faults.append(f"it has {version.audio_s:.1f} s of good audio; at least {asked.least_audio_s:g} s are")
        if share > asked.most_set_aside_share:
            faults.append(
                f"{aside} of {found} items ({share:.1%}) were set aside; at most {asked.most_set_aside_share:.1%} may be"
            )
        faults += [f"its report has {counts[code]} x {code}" for code in asked.refuse if counts.get(code)]
        if faults:
            return Failed(
                f"The dataset is not good enough: {'; '.join(faults)}. See GET /datasets/{dataset.id}/report."
            )
        return Done(
            {
                "utterances": version.utterances,
                "audio_s": version.audio_s,
                "set_aside_share": share,
                "findings_by_code": {code: count for code, count in sorted(counts.items()) if count},
            }
        )


async def _dataset(work: Work) -> Dataset:
    return await find_dataset(work.session, work.pipeline.user_id, work.pipeline.dataset_id)


async def used_version(work: Work) -> DatasetVersion:
    """The version that all stages of a pipeline use: the newest that is ready when the first stage needs one."""
    # Locked, so that no version is deleted before this is committed.
    dataset = await find_dataset(work.session, work.pipeline.user_id, work.pipeline.dataset_id, lock=True)
    version = await ready_version(work.session, dataset, work.pipeline.dataset_version)
    work.pipeline.dataset_version = version.number
    return version


async def _broke_off(work: Work, dataset: Dataset) -> bool:
    """Whether fetching or processing broke off, which may go better; the recordings at fault would have a report."""
    if dataset.status != "error":
        return False
    version = await newest_version_row(work.session, dataset.id)
    await work.session.refresh(version, ["report"])
    return version.attempts > 0 and version.report is None
