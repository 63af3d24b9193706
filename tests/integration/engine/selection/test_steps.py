"""Steps that another process carries out give the same selection."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.data.example import Utterance
from engine.models.catalogue import reference_to
from engine.segments.rows import from_row, to_row
from engine.segments.segment import Segment
from engine.segments.segmenting import SegmentLimits, reading_batches, segment_batch
from engine.selection.scorer import Loss, Scorer, Transcribed, scoring_batches
from engine.stages.select import select

TRAINING = TrainingConfig.model_validate(
    {
        "max_steps": 40,
        "method": {"type": "qlora", "rank": 2},
        "split": {"test_groups": ["s0"], "validation_fraction": 0.0},
        "task": {"max_new_tokens": 5},
        "context": {"type": "short", "bucket_s": 0.25, "tail_s": 0.1},
    }
)


class FarSteps:
    """As a cluster would: limits and rows are sent, each worker loads its models, results come back in any order."""

    def __init__(self, data: Path, config: SelectionConfig, model: str) -> None:
        self.data, self.config, self.model = data, config, reference_to(model)
        self.asked: list[str] = []

    def segment(self, utterances: Sequence[Utterance], limits: SegmentLimits) -> Iterable[Segment]:
        limits = pickle.loads(pickle.dumps(limits))
        rows = [
            to_row(segment)
            for batch in reading_batches(utterances, 20.0)
            for segment in segment_batch(batch, self.data, self.config, limits)
        ]
        random.Random(0).shuffle(rows)
        return [from_row(row) for row in rows]

    def losses(self, utterances: Sequence[Utterance], adapter: Path | None, full_precision: bool) -> Iterable[Loss]:
        self.asked.append(f"{adapter.parent.name if adapter else 'base'}{'+full' if full_precision else ''}")
        scorer = Scorer.load(self.model, TRAINING, self.data, adapter=adapter, full_precision=full_precision)
        batches = list(scoring_batches(scorer.bound.learner, utterances, self.config.batch_audio_s))
        return [loss for batch in reversed(batches) for loss in scorer.losses(batch)]

    def transcripts(self, utterances: Sequence[Utterance], adapter: Path) -> Iterable[Transcribed]:
        scorer = Scorer.load(self.model, TRAINING, self.data, adapter=adapter, full_precision=False)
        return scorer.transcripts(utterances)


@pytest.mark.parametrize("method", ["quantization_aware", "cowerage"])
def test_they_give_the_same_bytes(method: str, tones: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    fields: dict[str, object] = {"type": method}
    if method == "quantization_aware":
        fields |= {"held_out_share": 0.4, "least_held_out": 10, "bootstrap_draws": 100}
    config = SelectionConfig.model_validate({"method": fields})
    far = FarSteps(tones, config, str(tiny_whisper))
    files = []
    makers: list[tuple[str, Callable[[object], FarSteps] | None]] = [("here", None), ("far", lambda _: far)]
    for name, steps in makers:
        select(
            tones,
            config,
            model=str(tiny_whisper),
            training=TRAINING,
            out=tmp_path / name / "selection",
            work_dir=tmp_path / name / "work",
            steps=steps,
        )
        files.append((tmp_path / name / "selection" / "segments.parquet").read_bytes())
    assert files[0] == files[1]
    if method == "quantization_aware":
        assert far.asked == ["base+full", "warm_up", "held_out"]
