"""The result of a selection, saved as `selection.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.segments.segment import FAULTS, Segment
from engine.selection.candidate import Choice
from engine.selection.manifest import FORMAT
from engine.selection.pool import Pool
from engine.selection.saving import Saving
from engine.selection.self_disable import Decision


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Figures(_Record):
    """How much audio went in and came out."""

    utterances: int
    """Training utterances of the dataset."""
    utterances_audio_s: float
    """Their length, in seconds."""
    utterances_encoder_s: float
    """Seconds that the encoder runs over in one pass over them, padding included."""
    segments: int
    """Segments after cutting, trimming and packing."""
    segments_audio_s: float
    """Their length, in seconds."""
    left_out_by_fault: dict[str, int]
    """Segments that cannot be trained on, by reason."""
    candidates: int
    """Segments that could be selected."""
    candidates_encoder_s: float
    """Seconds that the encoder runs over in one pass over them."""
    budget_encoder_s: float
    """The budget, in the same seconds."""
    selected: int
    """Segments selected."""
    selected_audio_s: float
    """Their length, in seconds."""
    selected_encoder_s: float
    """Seconds that the encoder runs over in one pass over them."""
    largest_weight: float
    """Largest loss weight among them."""


class Measured(_Record):
    """Durations, which differ from run to run."""

    segmenting_s: float
    """Reading and finding speech, in seconds."""
    before_s: float
    """Scoring the base, in seconds."""
    warm_up_s: float
    """The warm-up, in seconds."""
    warm_up_steps: int
    """Its optimizer steps."""
    after_s: float
    """Scoring after the warm-up, in seconds."""
    held_out_s: float
    """The test of the disagreement, in seconds."""
    wall_s: float
    """Total, in seconds."""


class SelectionResult(_Record):
    """A finished selection."""

    format: int = FORMAT
    """Version of the files."""
    fingerprint: str
    """Digest of all inputs."""
    dataset_sha256: str
    """Digest of the dataset's manifest."""
    model: str
    """The base model."""
    config: SelectionConfig
    """The requested config."""
    training: TrainingConfig
    """The run that it is for."""
    decision: Decision | None
    """The decision about the disagreement; None for a method without that test."""
    tau: float | None = None
    """Sharpness of the score in the draw; None for a method that does not draw by a score."""
    figures: Figures
    """How much audio went in and came out."""
    saving: Saving | None
    """Predicted savings; None if the speed of training is unknown."""
    measured: Measured
    """Durations."""
    warnings: list[str]
    """Warnings."""
    finished_at: str | None = None
    """End time, in UTC."""
    code_version: str | None = None
    """Version of the package, with a digest of the engine's sources; unset in older selections."""


def fault_warnings(left_out: Sequence[Segment]) -> list[str]:
    """One warning for each kind of fault, with the first few segments."""
    by_fault: dict[str, list[str]] = {}
    for segment in sorted(left_out, key=lambda s: s.id):
        by_fault.setdefault(str(segment.fault), []).append(segment.id)
    told = {str(fault): message for fault, message in FAULTS.items()}
    return [
        f"{fault}: {len(ids)} segments left out, {told[fault]} ({', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''})"
        for fault, ids in sorted(by_fault.items())
    ]


def figures_of(
    pool: Pool, segments: Sequence[Segment], left_out: Sequence[Segment], choices: Sequence[Choice], limit_s: float
) -> Figures:
    """Count input and output; `limit_s` is the budget in encoder seconds."""
    selected = [c for c in choices if c.selected]
    return Figures(
        utterances=len(pool.utterances),
        utterances_audio_s=pool.audio_s,
        utterances_encoder_s=pool.encoder_s,
        segments=len(segments),
        segments_audio_s=sum(s.duration_s for s in segments),
        left_out_by_fault=dict(sorted(Counter(str(s.fault) for s in left_out).items())),
        candidates=len(choices),
        candidates_encoder_s=sum(c.candidate.encoder_s for c in choices),
        budget_encoder_s=limit_s,
        selected=len(selected),
        selected_audio_s=sum(c.candidate.segment.duration_s for c in selected),
        selected_encoder_s=sum(c.candidate.encoder_s for c in selected),
        largest_weight=max((c.weight for c in selected), default=0.0),
    )
