"""Stages about the dataset: wait until it is ready, and check that it is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.database.models import Dataset, DatasetVersion
from services.datasets.requests import find_dataset, newest_version_row, process_again, ready_version
from services.pipelines.kind import AtOnce, Done, Failed, Outcome, Running, Work
from services.pipelines.plan import ValidateStage


class Ingest(AtOnce):
    """Waits for the dataset's processing, and restarts it if it was interrupted."""

    async def begin(self, work: Work) -> Outcome:
        """Restart the processing if it was interrupted."""
        dataset = await _dataset(work)
        if await _broke_off(work, dataset):
            await process_again(work.session, dataset)
            return Running()
        return await self.look(work)

    async def look(self, work: Work) -> Outcome:
        """Whether the dataset is ready."""
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
    """Checks the dataset's report against the stage's requirements."""

    async def look(self, work: Work) -> Outcome:
        """Compare the report with the requirements."""
        asked = work.stage(ValidateStage)
        dataset = await _dataset(work)
        if dataset.status != "ready":
            return Failed(f"The dataset is {dataset.status}, not ready; let a stage of type ingest come before.")
        version = await used_version(work)
        await work.session.refresh(version, ["report"])
        report = version.report or {}
        faults = faults_of_data(asked, version.utterances, version.audio_s, report)
        if faults:
            return Failed(
                f"The dataset is not good enough: {'; '.join(faults)}. See GET /datasets/{dataset.id}/report."
            )
        return Done(
            {
                "utterances": version.utterances,
                "audio_s": version.audio_s,
                "set_aside_share": _set_aside_share(report, version.utterances),
                "findings_by_code": findings_by_code(report),
            }
        )


def faults_of_data(asked: ValidateStage, utterances: int, audio_s: float, report: Mapping[str, Any]) -> list[str]:
    """The requirements of a stage that a dataset does not meet.

    Args:
        asked: the stage.
        utterances: number of good items of the version.
        audio_s: their total length, in seconds.
        report: what ingestion found, as JSON of an `IngestReport`; empty if there is none.
    """
    faults = []
    if utterances < asked.least_utterances:
        faults.append(f"it has {utterances} good items; at least {asked.least_utterances} are asked for")
    if audio_s < asked.least_audio_s:
        faults.append(f"it has {audio_s:.1f} s of good audio; at least {asked.least_audio_s:g} s are")
    share = _set_aside_share(report, utterances)
    if share > asked.most_set_aside_share:
        counted = f"{_set_aside(report)} of {report['items_found']} items ({share:.1%})"
        faults.append(f"{counted} were rejected; at most {asked.most_set_aside_share:.1%} is allowed")
    counts = findings_by_code(report)
    if asked.refuse and not report.get("validation"):
        faults.append(f"it has no report that says whether there is any {', '.join(asked.refuse)}; import it again")
    faults += [f"its report has {counts[code]} x {code}" for code in asked.refuse if code in counts]
    return faults


def findings_by_code(report: Mapping[str, Any]) -> dict[str, int]:
    """Number of findings of each kind in a report: on rejected items, on kept items, and on the dataset."""
    found = (report.get("validation") or {}).get("findings_by_code") or report.get("set_aside_by_code") or {}
    return {code: count for code, count in sorted(found.items()) if count}


def _set_aside(report: Mapping[str, Any]) -> int:
    """Number of rejected items; their list may be truncated."""
    return sum((report.get("set_aside_by_code") or {}).values()) or len(report.get("set_aside") or ())


def _set_aside_share(report: Mapping[str, Any], utterances: int) -> float:
    return _set_aside(report) / max(1, int(report.get("items_found") or utterances))


async def _dataset(work: Work) -> Dataset:
    return await find_dataset(work.session, work.pipeline.user_id, work.pipeline.dataset_id)


async def used_version(work: Work) -> DatasetVersion:
    """The version that all stages of a pipeline use: the newest that is ready when the first stage needs one."""
    # Locked, so that no version is deleted before this transaction commits.
    dataset = await find_dataset(work.session, work.pipeline.user_id, work.pipeline.dataset_id, lock=True)
    version = await ready_version(work.session, dataset, work.pipeline.dataset_version)
    work.pipeline.dataset_version = version.number
    return version


async def _broke_off(work: Work, dataset: Dataset) -> bool:
    """Whether fetching or processing was interrupted, so that a retry may help; faulty recordings leave a report."""
    if dataset.status != "error":
        return False
    version = await newest_version_row(work.session, dataset.id)
    await work.session.refresh(version, ["report"])
    return version.attempts > 0 and version.report is None
