"""What a user who has worked with the platform for a while has in its database."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, text

from engine.config.training import TrainingConfig
from services.database.engine import Sessions
from services.database.models import Artifact, Dataset, DatasetVersion, Job, JobEvent
from tuning.sweep.config import SearchConfig
from tuning.sweep.front import fronts
from tuning.sweep.trials import TrialResult, best_of

_ENDED: Final = ("succeeded", "succeeded", "succeeded", "succeeded", "failed", "stopped")
_METRIC_EVENTS: Final = 100
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_NO_NODE_HOLDS: Final = {"num_workers": 256, "cpus_per_worker": 64.0}


@dataclass(frozen=True)
class Rows:
    """What was put there."""

    datasets: list[uuid.UUID]
    jobs: list[uuid.UUID]


async def fill(sessions: Sessions, user_id: uuid.UUID, *, datasets: int, jobs: int, seed: int, offset: int = 0) -> Rows:
    """Datasets that are ready, and jobs of each outcome with the metrics, results and artifacts of real ones."""
    draws = random.Random(seed)
    made = Rows([_id(draws) for _ in range(datasets)], [_id(draws) for _ in range(jobs)])
    async with sessions() as session:
        await session.execute(insert(Dataset), [_dataset(made, n, user_id) for n in range(datasets)])
        await session.execute(insert(DatasetVersion), [_version(made, n, draws) for n in range(datasets)])
        await session.execute(insert(Job), [_job(made, n, user_id, draws, offset) for n in range(jobs)])
        for job_id in made.jobs:
            await session.execute(insert(JobEvent), list(_events(job_id)))
        await session.execute(insert(Artifact), [row for job_id in made.jobs for row in _artifacts(job_id)])
        await session.execute(text("ANALYZE"))
        await session.commit()
    return made


async def queue(
    sessions: Sessions, user_id: uuid.UUID, dataset_id: uuid.UUID, count: int, seed: int
) -> list[uuid.UUID]:
    """Jobs that wait for nodes which this cluster does not have: the hub looks at them, and submits none."""
    draws = random.Random(seed)
    ids = [_id(draws) for _ in range(count)]
    now = datetime.now(UTC)
    async with sessions() as session:
        await session.execute(
            insert(Job),
            [
                {
                    **_asked(user_id, dataset_id, f"sweep trial {n}", draws),
                    "id": job_id,
                    "status": "queued",
                    "resources": _NO_NODE_HOLDS,
                    "created_at": now + timedelta(milliseconds=n),
                }
                for n, job_id in enumerate(ids)
            ],
        )
        await session.execute(text("ANALYZE jobs"))
        await session.commit()
    return ids


async def ended_sweep(
    sessions: Sessions, user_id: uuid.UUID, dataset_id: uuid.UUID, *, trials: int, seed: int
) -> uuid.UUID:
    """A sweep that has succeeded, with what its driver told of its trials."""
    draws = random.Random(seed)
    sweep_id, config = _id(draws), TrainingConfig.model_validate({"max_steps": 60, "evaluation": {"every_steps": 10}})
    search = SearchConfig.model_validate(
        {
            "dimensions": {"optimizer.learning_rate": {"type": "loguniform", "low": 1e-4, "high": 1e-2}},
            "algorithm": {"type": "random", "trials": trials},
        }
    )
    told = [_trial(number, point, draws) for number, point in enumerate(search.known_points() or ())]
    best = best_of(told)
    result = {
        "status": "succeeded",
        "primary": "wer",
        "best": best.model_dump(mode="json") if best is not None else None,
        "best_config": config.model_dump(mode="json"),
        "front": fronts(told),
        "trials_by_state": {"finished": trials},
    }
    async with sessions() as session:
        asked = _asked(user_id, dataset_id, "learning rates", draws)
        spec = {"config": config.model_dump(mode="json"), "search": search.model_dump(mode="json"), "selection": None}
        more = {"type": "sweep", "spec": spec, "status": "succeeded", "result": result, "progress": 1.0}
        row = {**asked, **more, "id": sweep_id, "resources": {"num_workers": 1}, "last_seq": trials}
        await session.execute(insert(Job), [row])
        events = [
            {
                "job_id": sweep_id,
                "seq": number + 1,
                "kind": "metric",
                "key": f"trial/{number}/finished/6",
                "time": _START + timedelta(seconds=number),
                "data": {"trial": trial.model_dump(mode="json"), "trials": trials, "trials_ended": number + 1},
            }
            for number, trial in enumerate(told)
        ]
        await session.execute(insert(JobEvent), events)
        await session.commit()
    return sweep_id


def _trial(number: int, point: Mapping[str, Any], draws: random.Random) -> TrialResult:
    value = draws.random() / 2
    return TrialResult(
        number=number,
        values=dict(point),
        seed=0,
        state="finished",
        primary="wer",
        value=value,
        metrics={"wer": value, "cer": value / 2},
        validation_loss=draws.random(),
        validations=6,
        step=60,
        total_steps=60,
        seconds=90.0,
        peak_bytes=draws.randrange(700, 1100) * 2**20,
        trainable_parameters=draws.choice((80_000, 160_000)),
    )


def metric_event(step: int, steps: int, draws: random.Random) -> Mapping[str, Any]:
    """What a training says after a step."""
    data = {
        "step": step,
        "epoch": step / 100,
        "progress": step / steps,
        "loss": 4 * math.exp(-step / 400) + draws.random() / 10,
        "learning_rate": 1e-3 * (1 - step / steps),
        "gradient_norm": draws.random(),
        "cost_per_s": 50 + draws.random(),
        "cost_unit": "audio_s",
        "peak_bytes": 985 * 2**20,
    }
    return {"kind": "metric", "key": f"train/{step}", "time": datetime.now(UTC).isoformat(), "data": data}


def _id(draws: random.Random) -> uuid.UUID:
    return uuid.UUID(int=draws.getrandbits(128), version=4)


def _dataset(made: Rows, number: int, user_id: uuid.UUID) -> dict[str, Any]:
    files = [{"name": f"recordings-{number}.zip", "size": 10_000_000 + number}]
    return {
        "id": made.datasets[number],
        "user_id": user_id,
        "name": f"field recordings {number}",
        "description": "Recorded on site, transcribed by two people.",
        "task": "speech_to_text",
        "source": {"type": "upload", "files": files},
        "status": "ready",
        "created_at": _START + timedelta(hours=number),
    }


def _version(made: Rows, number: int, draws: random.Random) -> dict[str, Any]:
    speakers = {f"speaker{n}": draws.randrange(50, 400) for n in range(12)}
    statistics = {"utterances": 1990, "audio_s": 7200.5, "speakers": speakers, "splits": {"train": 1790, "test": 200}}
    sample = [
        {"id": f"item-{n}", "audio": f"audio/{n:05}.flac", "start_s": 0.0, "duration_s": 3.6, "text": "seven " * 5}
        for n in range(100)
    ]
    return {
        "id": _id(draws),
        "dataset_id": made.datasets[number],
        "number": 1,
        "status": "ready",
        "report": {"items_found": 2000, "items_good": 1990, "set_aside": [{"item": str(n)} for n in range(10)]},
        "prefix": f"datasets/{made.datasets[number]}/v1",
        "utterances": 1990,
        "audio_s": 7200.5,
        "size": 230_000_000,
        "statistics": statistics,
        "sample": sample,
    }


def _asked(user_id: uuid.UUID, dataset_id: uuid.UUID, name: str, draws: random.Random) -> dict[str, Any]:
    config = TrainingConfig(max_steps=draws.choice((500, 1000, 2000)))
    return {
        "user_id": user_id,
        "name": name,
        "model_id": "whisper-pico",
        "model": {"id": "whisper-pico", "source": "bundled:whisper-pico", "family": "whisper", "revision": None},
        "dataset_id": dataset_id,
        "dataset_version": 1,
        "type": "training",
        "spec": {"config": config.model_dump(mode="json"), "selection_id": None},
    }


def _job(made: Rows, number: int, user_id: uuid.UUID, draws: random.Random, offset: int) -> dict[str, Any]:
    status = draws.choice(_ENDED)
    began_at = _START + timedelta(hours=12 * (number + offset))
    event = metric_event(1000, 1000, draws)["data"]
    metrics = {name: value for name, value in event.items() if name not in {"step", "epoch", "progress"}}
    result = {
        "status": status,
        "steps": 1000,
        "task": "speech_to_text",
        "primary": "wer",
        "base": {"wer": 0.56, "cer": 0.31},
        "tuned": {"wer": 0.14, "cer": 0.06},
        "train_cost": 36000.0,
        "wall_s": 700.0,
    }
    return {
        **_asked(user_id, draws.choice(made.datasets), f"field recordings, attempt {number}", draws),
        "id": made.jobs[number],
        "resources": {"num_workers": 1, "cpus_per_worker": 1.0},
        "status": status,
        "phase": "done" if status == "succeeded" else "training",
        "progress": 1.0 if status == "succeeded" else draws.random(),
        "epoch": 10.0,
        "step": 1000,
        "metrics": {
            **metrics,
            "primary": "wer",
            "base": {"wer": 0.56, "cer": 0.31},
            "tuned": {"wer": 0.14, "cer": 0.06},
            "validation": {"wer": 0.15, "cer": 0.07},
        },
        "result": None if status == "failed" else result,
        "error": "the driver died three times: out of memory" if status == "failed" else None,
        "attempt": 1,
        "metered_s": 700.0,
        "last_seq": _METRIC_EVENTS,
        "created_at": began_at,
        "queued_at": began_at,
        "started_at": began_at + timedelta(seconds=10),
        "finished_at": began_at + timedelta(seconds=710),
    }


def _events(job_id: uuid.UUID) -> Iterator[dict[str, Any]]:
    draws = random.Random(job_id.int)
    for seq in range(1, _METRIC_EVENTS + 1):
        event = metric_event(seq * 10, 1000, draws)
        yield {"job_id": job_id, "seq": seq, **event, "time": _START + timedelta(seconds=seq)}


def _artifacts(job_id: uuid.UUID) -> Iterator[dict[str, Any]]:
    for kind in ("adapter", "result", "config", "curves"):
        name = f"{kind}/{kind}.json"
        key = f"runs/{job_id}/{name}"
        yield {
            "id": uuid.uuid4(),
            "job_id": job_id,
            "name": name,
            "kind": kind,
            "size": 1,
            "sha256": "0" * 64,
            "key": key,
        }
