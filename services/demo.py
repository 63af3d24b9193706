"""`make demo`: from recordings to an adapter through the platform's own API.

Starts a platform in a temporary folder, signs up a user, uploads the recordings, runs a QLoRA job on whisper-pico or
another model, shows its progress live, and reports how much better the adapter is than the base on held-out recordings.
Then stops everything.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from engine.config.base import apply_overrides, parse, read_yaml
from engine.config.training import TrainingConfig
from engine.run.shown import duration, size
from services.cli.progress import RunProgress
from services.cli.reporting import reported
from services.cli.table import result_table
from services.cli.up import part_display
from services.client import Client, models
from services.demo_data import BUNDLED, pack
from services.demo_model import BUNDLED_MODEL, DemoModel, demo_model, offer
from services.errors import ServiceError
from services.footprint import FootprintSampler
from services.platform import Platform

RECIPES: Final = Path(__file__).resolve().parents[1] / "configs" / "training"
RECIPE: Final = RECIPES / "demo.yaml"
PRETRAINED_RECIPE: Final = RECIPES / "demo-pretrained.yaml"
"""For every model except the bundled one."""
# Unset during the demo, which must not touch existing data: it runs its own database, store and cluster.
_NOT_INHERITED: Final = ("DATABASE_URL", "S3_ENDPOINT_URL", "RAY_ADDRESS", "LIM_BUCKET", "LIM_ENVIRONMENT")


class DemoFailedError(ServiceError):
    """The demo's job did not succeed."""


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of recordings, or a table (CSV) that names them; by default the bundled synthetic speech."
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Base model: an id of the catalogue, a folder, or a hub id.")
    ] = BUNDLED_MODEL,
    holdout: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Speakers to keep out of training and test on; by default one.")
    ] = "",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change one field of the recipe, e.g. max_steps=50."),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="Training config, YAML; by default that of configs/training for the model."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for demo.json and demo-adapter.")] = Path("build"),
) -> None:
    """Fine-tune a model on recordings through the HTTP API, and show how much it improved.

    Example: python -m services.demo --data recordings --holdout anna,ben
    """
    chosen = recipe or (RECIPE if model == BUNDLED_MODEL else PRETRAINED_RECIPE)
    with reported(str(chosen)), _signals_interrupt():
        base = demo_model(model)
        config = _config(chosen, overrides or [], holdout)
        console = Console(stderr=True, highlight=False)
        with redirect_stdout(sys.stderr):  # Ray prints errors to standard output, which is for the table
            figures, result = _run(console, data or BUNDLED, base, config, out)
        adapter = str(figures["adapter_path"])
        extra = {
            "First step": f"{figures['time_to_first_step_s']:.1f} s after the job was submitted",
            "Memory of everything": f"{size(figures['platform_peak_resident_bytes'])} at most",
            "Whole demo": duration(figures["wall_s"]),
        }
        Console().print(result_table(result, where=adapter, extra=extra))
        _write_figures(out / "demo.json", figures)
        console.print(f"Figures: {out / 'demo.json'}")
        # The demo's object store, from which the job loaded its base, is gone.
        option = "" if base.folder is None else f" --model {base.folder}"
        console.print(f"Try it:  .venv/bin/lim transcribe RECORDING.wav --adapter {adapter}{option}")


def _config(recipe: Path, overrides: Sequence[str], holdout: str) -> dict[str, Any]:
    values = apply_overrides(read_yaml(recipe), overrides)
    speakers = [name.strip() for name in holdout.split(",") if name.strip()]
    if speakers:
        values = apply_overrides(values, [f"split.test_groups={json.dumps(speakers)}"])
    parse(TrainingConfig, values)  # reports all faults before anything starts
    return values


def _run(
    console: Console, data: Path, model: DemoModel, config: Mapping[str, Any], out: Path
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Run the demo; return its figures and the result of its job."""
    began = time.monotonic()
    with (
        _home() as home,
        tempfile.TemporaryDirectory(prefix="lim-demo-") as scratch,
        FootprintSampler(home) as footprint,
    ):
        archive = Path(scratch) / "recordings.zip"
        count = pack(data, archive)
        console.print("Starting the platform")
        with part_display(console) as display:
            platform = Platform.start(port=0, report=display.done)
        with platform, Client(platform.url) as client:
            username = _sign_up(client)
            offer(model, platform, client, username)
            console.print(f"Uploading {count} files ({size(archive.stat().st_size)}) from {data}")
            # A table is a single list: the folder names of its recordings must not define the split.
            options: dict[str, Any] = {"split": {"source_splits": "replace"}} if data.is_file() else {}
            dataset = client.upload_dataset("demo", archive, description=f"Recordings from {data}", **options)
            _tell_dataset(console, dataset)
            job, first_step_s = _train(console, client, model, dataset, config)
            if job.status != "succeeded" or job.result is None:
                raise DemoFailedError(f"the job {job.status}: {job.error or 'no reason given'}")
            adapter = _fetch_adapter(client, job, out / "demo-adapter")
            console.print("Stopping the platform")
    result = job.result
    names = (
        "task",
        "primary",
        "base",
        "tuned",
        "facts",
        "trainable_parameters",
        "total_parameters",
        "saved_bytes",
        "peak_bytes",
        "cost_unit",
        "cost_per_s",
    )
    figures: dict[str, Any] = {name: result.get(name) for name in names}
    figures |= {
        "model": model.source,
        "wall_s": round(time.monotonic() - began, 2),
        "adapter_path": str(adapter),
        "platform_peak_resident_bytes": footprint.peak_bytes,
        "time_to_first_step_s": round(first_step_s, 2),
        "job_wall_s": result.get("wall_s"),
        "steps": result.get("steps"),
        "test_groups": result.get("test_groups"),
        "test_examples": result.get("test_examples"),
    }
    return figures, result


def _sign_up(client: Client) -> str:
    name, password = f"demo-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    client.signup(name, f"{name}@example.com", password)
    client.login(name, password)
    return name


def _tell_dataset(console: Console, dataset: models.DatasetOut) -> None:
    """Print one line; the job's log has the details of the recordings."""
    statistics = dataset.statistics or {}
    console.print(
        f"Dataset ready: {statistics.get('utterances', '?')} utterances, "
        f"{duration(float(statistics.get('audio_s', 0.0)))} of speech"
    )


def _train(
    console: Console, client: Client, model: DemoModel, dataset: models.DatasetOut, config: Mapping[str, Any]
) -> tuple[models.JobOut, float]:
    """Run a job; return it and the seconds from its submission to its first step (0.0 without a step)."""
    submitted = time.monotonic()
    job = client.create_job(model.id, dataset.id, config, name="demo")
    console.print(f"Job {job.id}")
    with RunProgress(console) as progress:
        for event in client.watch_job(job.id):
            progress.show(event.kind, event.data)
    first = progress.first_step_at
    return client.read_job(job.id), (first - submitted) if first is not None else 0.0


def _fetch_adapter(client: Client, job: models.JobOut, target: Path) -> Path:
    """Download the adapter into `target`, replacing that of an earlier demo; return the absolute path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as draft:
        client.download_adapter(job.id, Path(draft) / "adapter")
        shutil.rmtree(target, ignore_errors=True)
        (Path(draft) / "adapter").replace(target)
    return target.absolute()


def _write_figures(path: Path, figures: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.partial")
    draft.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


@contextmanager
def _home() -> Iterator[Path]:
    """Set a temporary `LIM_HOME` and unset `_NOT_INHERITED`; restore the environment at the end."""
    before = {name: os.environ.pop(name) for name in (*_NOT_INHERITED, "LIM_HOME") if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="lim-home-", ignore_cleanup_errors=True) as home:
        os.environ["LIM_HOME"] = home
        try:
            yield Path(home)
        finally:
            del os.environ["LIM_HOME"]
            os.environ.update(before)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP like Ctrl-C, so that everything is stopped first."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(demo)
    app()
