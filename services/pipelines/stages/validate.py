"""Check that the dataset is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.data.report import Code, DatasetCode, WarningCode
from services.pipelines.contract import Done, Failed, Outcome, StageKind, Work
from services.pipelines.stage import StageFields
from services.pipelines.stages.data import used_dataset, used_version


class ValidateStage(StageFields):
    """Checks that the dataset is good enough."""

    type: Literal["validate"] = "validate"
    least_utterances: Annotated[int, Field(ge=1, le=2**31)] = 1
    """Minimum number of good items."""
    least_audio_s: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    """Minimum length of the good audio, in seconds."""
    most_set_aside_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Maximum share of items that were rejected."""
    refuse: Annotated[list[Code | WarningCode | DatasetCode], Field(max_length=100)] = []
    """Findings that must not be in its report."""


class Validate(StageKind[ValidateStage]):
    """Checks the dataset's report against the stage's requirements."""

    declaration = ValidateStage

    async def look(self, work: Work) -> Outcome:
        """Compare the report with the requirements."""
        asked = work.stage(ValidateStage)
        dataset = await used_dataset(work)
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
