"""The two runs of the study: each is a call of the training stage, measured on recordings that it held out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.config.measurement import MeasurementConfig
from engine.config.tasks.decoding import CtcDecodingConfig
from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.data.manifest import read_examples
from engine.data.version_files import MANIFEST_NAME
from engine.metrics.retrieval import retrieval_recalls
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.evaluate import PREDICTIONS, evaluate
from engine.stages.finetune import finetune, never
from tuning.studies.from_scratch.small_models import write_small_clap, write_small_ctc

_BEAMS: Final = 20


def digits(data: Path, speaker: str, *, epochs: float, seed: int, threads: int) -> dict[str, Any]:
    """A small CTC encoder on spoken digits; WER on a speaker that it never heard, greedy and by beam search.

    Args:
        data: dataset version of spoken digits.
        speaker: the group that is held out.
        epochs: passes over the other speakers.
        seed: of weights, order, dropout and augmentation.
        threads: of PyTorch.
    """
    config = TrainingConfig.model_validate(
        {
            "task": {"type": "speech_to_text"},
            "method": {"type": "pretrain"},
            "split": {"test_groups": [speaker], "validation_fraction": 0.0},
            "batch": {"cost": 24.0, "micro_batch_cost": 24.0, "max_examples": 32},
            "optimizer": {"type": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01},
            "schedule": {"type": "cosine", "warmup_steps": 100, "final_fraction": 0.01},
            "augmentation": {
                "speed_probability": 0.5,
                "speed_factor": [0.85, 1.18],
                "pitch_probability": 0.5,
                "pitch_factor": [0.8, 1.25],
                "noise_probability": 0.5,
                "noise_snr_db": [10.0, 40.0],
            },
            "evaluation": {"base": False},
            "epochs": epochs,
            "seed": seed,
        }
    )
    with _trained(data, config, write_small_ctc, threads) as (result, store, folder):
        return {
            "run": "digits",
            "held_out": speaker,
            "seed": seed,
            "test_examples": result.test_examples,
            "trained_weights": result.trainable_parameters,
            "tuned": result.tuned,
            "beam": _beam_search(data, config, folder, threads),
            "training_s": result.training_s,
            "peak_bytes": result.peak_bytes,
            "answers": _answers(store),
        }


def sounds(data: Path, fold: str, texts: str, *, epochs: float, seed: int, threads: int) -> dict[str, Any]:
    """A small CLAP on sounds and texts about them; Recall@K on recordings of a fold that it never heard.

    Args:
        data: dataset version of sounds with captions.
        fold: the group that is held out.
        texts: what the captions are, for the table.
        epochs: passes over the other folds.
        seed: of weights, order, dropout and augmentation.
        threads: of PyTorch.
    """
    group_size = 32
    config = TrainingConfig.model_validate(
        {
            "task": {"type": "retrieval", "group_size": group_size, "train_temperature": True},
            "method": {"type": "pretrain"},
            "split": {"test_groups": [fold], "validation_fraction": 0.0},
            "batch": {
                "cost": 5.0 * group_size,
                "micro_batch_cost": 5.0 * group_size,
                "max_examples": group_size,
            },
            "optimizer": {"type": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01},
            "schedule": {"type": "cosine", "warmup_steps": 30, "final_fraction": 0.01},
            "evaluation": {"base": False},
            "epochs": epochs,
            "seed": seed,
        }
    )
    examples = read_examples(data / MANIFEST_NAME)
    captions = [text for example in examples for text in example.target.captions]
    with _trained(data, config, lambda folder: write_small_clap(folder, captions), threads) as (result, store, _):
        answers = _answers(store)
        return {
            "run": f"sounds, {texts}",
            "held_out": fold,
            "seed": seed,
            "test_examples": result.test_examples,
            "trained_weights": result.trainable_parameters,
            "tuned": result.tuned,
            "chance": _chance([answer["reference"] for answer in answers]),
            "first_text_right": sum(a["hypothesis"][0] in a["reference"] for a in answers) / len(answers),
            "first_text_chance": 1 / len({text for answer in answers for text in answer["reference"]}),
            "training_s": result.training_s,
            "peak_bytes": result.peak_bytes,
            "answers": answers,
        }


@contextmanager
def _trained(
    data: Path, config: TrainingConfig, write_model: Callable[[Path], Path], threads: int
) -> Iterator[tuple[RunResult, LocalRunStore, Path]]:
    """The result of a training from random weights, its store, and a folder for further work."""
    with tempfile.TemporaryDirectory(prefix="lim-study-") as made:
        folder = Path(made)
        (folder / "model").mkdir()
        store = LocalRunStore(folder / "store")
        result = finetune(
            model=str(write_model(folder / "model")),
            data=data,
            config=config,
            store=store,
            events=MemorySink(),
            work_dir=folder / "scratch",
            threads=threads,
        )
        yield result, store, folder


def _beam_search(data: Path, config: TrainingConfig, folder: Path, threads: int) -> Mapping[str, float] | None:
    """Metrics of the trained model with a beam search instead of the best character of each frame."""
    task = config.task_as(SpeechToTextConfig).model_copy(update={"decoding": CtcDecodingConfig(beams=_BEAMS)})
    return evaluate(
        model=str(folder / "store" / "model"),
        adapter=None,
        data=data,
        training=config.model_copy(update={"task": task}),
        measurement=MeasurementConfig(base=False),
        store=LocalRunStore(folder / "beam"),
        events=MemorySink(),
        should_stop=never,
        threads=threads,
    ).tuned


def _answers(store: LocalRunStore) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.get_bytes(PREDICTIONS).splitlines()]


def _chance(references: Sequence[Sequence[str]], draws: int = 200) -> dict[str, float]:
    """Mean recalls of embeddings that know nothing: every recording and every different text is similar at random."""
    generator = np.random.default_rng(0)
    owners = [f"{owner}" for owner, texts in enumerate(references) for _ in texts]
    texts = [text for own in references for text in own]
    different = sorted(set(texts))
    column = [different.index(text) for text in texts]
    found = []
    for _ in range(draws):
        similarity_AT = generator.standard_normal((len(references), len(different)))[:, column]
        found.append(retrieval_recalls(similarity_AT, [f"{owner}" for owner in range(len(references))], owners))
    return {name: float(np.mean([recalls[name] for recalls in found])) for name in found[0]}
