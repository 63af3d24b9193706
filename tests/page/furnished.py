"""An account that has been used: datasets, trainings, a sweep, a pipeline, an adapter, and their addresses in the page.

What pictures, axe and the checks of layout look at. It takes some minutes of two processors; `--url` furnishes a platform
that runs: `LIM_USER=ada LIM_PASSWORD=... python -m tests.page.furnished --url http://127.0.0.1:8000`.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from services.client import Client, DatasetFailedError
from services.client.generated import models

SPEECH = Path(__file__).parents[2] / "engine" / "data" / "bundled" / "demo-speech"
HTML = "<b onmouseover=alert(1)>bold</b><script>document.title='taken'</script>"
RIGHT_TO_LEFT = "تسجيلات العائلة ‏(نسخة ثانية)"
HOSTILE = f"{HTML} {RIGHT_TO_LEFT} {'unbroken' * 30}"[:200]
"""What somebody may call a thing: markup, text from right to left, one word that no line holds; 200 characters."""
SHORT = {"log_every_steps": 2, "checkpoint": {"every_steps": 10}, "evaluation": {"every_steps": 5}}
_EVERY_S = 0.5
CONFIG = {"max_steps": 20, **SHORT}


def speech_of(folder: Path, speakers: tuple[str, ...] = ("amara", "bruno", "chae"), items: int = 8) -> Path:
    """Put some of the bundled speech, with its texts, into a folder."""
    kept = ["file_name,text,speaker"]
    with (SPEECH / "metadata.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for speaker in speakers:
        for row in [row for row in rows if row["speaker"] == speaker][:items]:
            (folder / row["file_name"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SPEECH / row["file_name"], folder / row["file_name"])
            kept.append(f"{row['file_name']},{row['text']},{speaker}")
    (folder / "metadata.csv").write_text("\n".join(kept) + "\n")
    return folder


def furnish(client: Client, folder: Path, name_of_everything: str | None = None) -> dict[str, str]:
    """Make one of everything that a user can have, and give the address in the page of each.

    Args:
        folder: Where to put recordings; empty.
        name_of_everything: A name for all of them; by default each has a plausible one.
    """

    def name(usual: str) -> str:
        return name_of_everything or usual

    (folder / "good").mkdir()
    (folder / "silent").mkdir()
    (folder / "silent" / "notes.txt").write_text("no recordings here")
    dataset = client.upload_dataset(name("Living room, three voices"), speech_of(folder / "good"), description=name(""))
    try:
        client.upload_dataset(name("Notes by mistake"), folder / "silent")
    except DatasetFailedError:
        broken = next(each for each in client.list_datasets() if each.status == "error")
    project = client.create_project(name("Voices of the family"), description=name("Grandmother's dialect first."))
    adapter = client.create_adapter(name("digits at home"), project_id=project.id)

    def train(usual: str, **fields: object) -> models.JobOut:
        config = {**CONFIG, **fields}
        return client.create_job("whisper-pico", dataset.id, config, name=name(usual), project_id=project.id)

    first, second = (
        train("rank 8, first try"),
        train("ten times the rate", optimizer={"type": "adamw", "learning_rate": 0.01}),
    )
    stopped = train("stopped early", max_steps=400)
    for job in (first, second):
        client.wait_for_job(job.id)
    evaluation = client.create_evaluation(first.id, name=name("rank 8 on everything"))
    while (client.read_job(stopped.id).step or 0) < 4:
        time.sleep(_EVERY_S)
    client.stop_job(stopped.id)
    selection = client.create_job(
        "whisper-pico",
        dataset.id,
        {},
        name=name("half of the recordings"),
        type="selection",
        selection={"method": {"type": "random"}},
    )
    client.wait_for_job(selection.id)
    sweep = client.create_sweep(
        "whisper-pico",
        dataset.id,
        {
            "max_steps": 6,
            "log_every_steps": 2,
            "evaluation": {"every_steps": 3},
            "split": {"test_groups": ["amara"], "validation_groups": ["bruno"]},
        },
        {
            "dimensions": {"optimizer.learning_rate": {"type": "choice", "values": [0.001, 0.01, 0.1]}},
            "algorithm": {"type": "grid"},
            "scheduler": {"type": "none"},
        },
        name=name("which rate"),
    )
    stages = [{"type": each} for each in ("ingest", "validate", "train", "evaluate", "compare")]
    stages[1]["least_utterances"] = 1  # type: ignore[assignment]
    pipeline = client.create_pipeline(name("every Monday"), "whisper-pico", dataset.id, config=CONFIG, stages=stages)
    for job_id in (evaluation.id, sweep.id):
        client.wait_for_job(job_id)
    while client.read_pipeline(pipeline.id).status in {"queued", "running"}:
        time.sleep(_EVERY_S)
    return {
        "dataset": f"/datasets/{dataset.id}",
        "broken dataset": f"/datasets/{broken.id}",
        "model": "/models/whisper-pico",
        "job": f"/jobs/{first.id}",
        "stopped job": f"/jobs/{stopped.id}",
        "evaluation": f"/jobs/{evaluation.id}",
        "selection": f"/jobs/{selection.id}",
        "comparison": f"/jobs/compare?ids={first.id},{second.id}",
        "sweep": f"/sweeps/{sweep.id}",
        "pipeline": f"/pipelines/{pipeline.id}",
        "project": f"/projects/{project.id}",
        "adapter": f"/adapters/{adapter.id}",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default=os.environ.get("LIM_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--hostile", action="store_true", help="every name and description is markup, and too long")
    options = parser.parse_args()
    user, password = os.environ["LIM_USER"], os.environ["LIM_PASSWORD"]
    with Client(options.url) as client, tempfile.TemporaryDirectory() as folder:
        client.login(user, password)
        for what, address in furnish(client, Path(folder), HOSTILE if options.hostile else None).items():
            sys.stdout.write(f"{what:<15} {address}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
