"""What both sides of the training benchmark share: their settings, their clock, what each reports."""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch.optim.optimizer import register_optimizer_step_post_hook

from engine.metrics.text import normalize_basic
from engine.metrics.word_errors import count_errors
from engine.process.peak_memory import peak_bytes

TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
WARM_UP_STEPS = 1
"""Steps left out of the clock: the first one allocates, and waits for the first batch."""


class SideSettings(BaseModel):
    """What one side is told; but for the learning rate both are told the same."""

    model_config = ConfigDict(extra="forbid")

    model: str
    """Id in the catalogue."""
    data: Path
    """Dataset version whose manifest says `train` or `test` of each utterance."""
    work: Path
    """Scratch folder of this side."""
    steps: int
    batch: int
    """Utterances per optimizer step."""
    rank: int
    alpha: int
    learning_rate: float
    warmup_steps: int
    language: str | None = None
    """Of a multilingual model."""
    seed: int
    threads: int
    context: Literal["auto", "short", "full"] = "auto"
    """Of our side; the peer's is the whole window."""
    random_changes: bool = False
    """Whether ours changes the audio at random; the peer's features are extracted once."""


class SideResult(BaseModel):
    """What one side measured."""

    audio_s_per_s: float
    """Seconds of speech, without padding, trained on per second between the end of the first and the last step."""
    peak_bytes: int
    """Most resident memory of the process, from its start to its end (VmHWM)."""
    wer: float
    base_wer: float
    word_errors: dict[str, tuple[int, int]]
    """Wrong words after training and words of each test utterance, by its id; compared in pairs."""
    audio_s: float
    """Seconds of speech in the steps on the clock."""
    training_s: float
    """Wall seconds on the clock: all that happens between two ends of a step, waiting for data included."""
    median_step_s: float
    """Less moved by other load on the machine than the mean is."""
    training_peak_bytes: int
    """The same as `peak_bytes`, but only up to the last optimizer step."""
    trainable_parameters: int
    utterances: int
    """Utterances in the steps, the first step's included."""
    wall_s: float
    """Loading, features, evaluation and training together."""


class StepClock:
    """Marks the end of every optimizer step, whoever's loop takes it, through torch's own hook."""

    def __init__(self, name: str, total_steps: int, every: int = 5) -> None:
        self._name, self._total, self._every = name, total_steps, every
        self._ends_s: list[float] = []
        self.peak_bytes = 0

    def __enter__(self) -> StepClock:
        self._handle = register_optimizer_step_post_hook(self._mark)
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    def training_s(self) -> float:
        """Seconds from the end of the warm-up to the end of the last step."""
        return self._ends_s[-1] - self._ends_s[WARM_UP_STEPS - 1]

    def median_step_s(self) -> float:
        """Median length of a step after the warm-up."""
        ends_s = self._ends_s[WARM_UP_STEPS - 1 :]
        return statistics.median(after - before for before, after in itertools.pairwise(ends_s))

    def _mark(self, *_: Any) -> None:
        self._ends_s.append(time.perf_counter())
        done = len(self._ends_s)
        if done == self._total:
            self.peak_bytes = peak_bytes(torch.device("cpu"))
        if done > WARM_UP_STEPS and (done % self._every == 0 or done == self._total):
            say(self._name, f"step {done}/{self._total}, {self.median_step_s():.2f} s a step")


def measured(
    clock: StepClock,
    step_audio_s: Sequence[float],
    *,
    wer: float,
    base_wer: float,
    word_errors: dict[str, tuple[int, int]],
    trainable_parameters: int,
    utterances: int,
    started_s: float,
) -> SideResult:
    """The result of a side whose steps trained on `step_audio_s` seconds of speech each."""
    audio_s = sum(step_audio_s[WARM_UP_STEPS:])
    return SideResult(
        audio_s_per_s=audio_s / clock.training_s(),
        peak_bytes=peak_bytes(torch.device("cpu")),
        wer=wer,
        base_wer=base_wer,
        word_errors=word_errors,
        audio_s=audio_s,
        training_s=clock.training_s(),
        median_step_s=clock.median_step_s(),
        training_peak_bytes=clock.peak_bytes,
        trainable_parameters=trainable_parameters,
        utterances=utterances,
        wall_s=time.perf_counter() - started_s,
    )


def errors_by_utterance(
    ids: Sequence[str], references: Sequence[str], hypotheses: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Wrong words and words of each utterance, normalised as for WER."""
    found = {}
    for key, reference, hypothesis in zip(ids, references, hypotheses, strict=True):
        counts = count_errors([normalize_basic(reference)], [normalize_basic(hypothesis)])
        found[key] = (counts.word_errors, counts.words)
    return found


def say(name: str, message: str) -> None:
    """A line of progress."""
    print(f"{name:>5}: {message}", flush=True)


def run_side(train: Callable[[SideSettings], SideResult]) -> None:
    """The command line of a side: settings in a JSON file, result out in another."""
    parser = argparse.ArgumentParser(description="One side of `python -m tests.benchmarks.train`, which starts it.")
    parser.add_argument("--settings", type=Path, required=True, help="JSON file with the settings")
    parser.add_argument("--result", type=Path, required=True, help="JSON file for the result")
    arguments = parser.parse_args()
    settings = SideSettings.model_validate_json(arguments.settings.read_text())
    torch.set_num_threads(settings.threads)
    # The lead process sets it before Python starts, because OpenMP reads it when torch is loaded.
    assert os.environ.get("OMP_NUM_THREADS") == str(settings.threads)
    arguments.result.write_text(train(settings).model_dump_json(indent=1))
