"""`lim train`: a run on the cluster or in this process, with its progress."""

from __future__ import annotations

import json
import logging
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from engine.errors import StorageError
from engine.process.threads import compute_threads, processors
from services.cli.configs import read_run
from services.cli.progress import RunProgress
from services.cli.reporting import reported, say
from services.cli.table import result_table

if TYPE_CHECKING:
    from cluster.config import RunConfig
    from engine.run.store import RunStore
    from engine.run.training_result import RunResult

RUNS: Final = Path("build/runs")
PROJECT: Final = Path(__file__).resolve().parents[2]
EVENTS_PREFIX: Final = "events"
_USED_HERE: Final = frozenset({"threads_per_worker"})


def train_on_cluster(path: Path, overrides: list[str]) -> None:
    """Run a config on the Ray cluster; the adapter, or the whole model, is copied to `build/runs/NAME`."""
    # The run's events, shown below, contain what the driver logs; without a handler it would be printed twice.
    logging.getLogger("cluster.train").addHandler(logging.NullHandler())
    with reported(str(path)):
        run = read_run(path, overrides)
        from cluster.storage.embedded import connected
        from cluster.storage.run_store import S3RunStore
        from cluster.storage.settings import S3Settings
        from cluster.train import run as run_on_cluster

        # Held here too, so that the embedded server runs before, during and after the run.
        with connected(S3Settings.from_environment()) as storage:
            uri = run.storage or f"s3://{storage.bucket}/runs/{run.name}"
            store = S3RunStore.at(uri, storage)
            with RunProgress() as progress, _followed(store, progress):
                result = run_on_cluster(run.model_copy(update={"storage": uri}))
            folder = RUNS / run.name
            made = _made_by(run)
            for key in store.list(made):
                store.get(key, folder / key)
        _show(result, str(folder / made))
        say(f"Everything the run made is at {uri}")


@contextmanager
def _followed(store: RunStore, progress: RunProgress) -> Iterator[None]:
    """Show the events that a run writes to its store from now on."""
    ended = threading.Event()
    told = set(store.list(EVENTS_PREFIX))

    def tell() -> None:
        with suppress(StorageError):  # polled again in a second; the run itself reports a lost store
            for key in store.list(EVENTS_PREFIX):
                if key not in told:
                    for line in store.get_bytes(key).splitlines():
                        event = json.loads(line)
                        progress.show(event["kind"], event["data"])
                    told.add(key)

    def follow() -> None:
        while not ended.wait(1.0):
            tell()

    thread = threading.Thread(target=follow, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        tell()


def train_locally(path: Path, overrides: list[str]) -> None:
    """Run a config in this process, without Ray; its files go to `build/runs/NAME`."""
    with reported(str(path)):
        run = read_run(path, overrides)
        folder = RUNS / run.name
        for ignored in _ignored_here(run):
            say(
                f"{ignored} has no effect with --local: one worker trains in this process, and its files go to {folder}"
            )
        result = _finetune_here(run, folder)
        _show(result.model_dump(), str(folder / _made_by(run)))


def _made_by(run: RunConfig) -> str:
    """The folder in a run's store that holds the adapter or the model."""
    return run.training.method.output


def _ignored_here(run: RunConfig) -> list[str]:
    """Fields of a run that are set but have no effect in this process."""
    defaults = type(run.resources)()
    fields = [name for name in type(run.resources).model_fields if name not in _USED_HERE]
    ignored = [f"resources.{name}" for name in fields if getattr(run.resources, name) != getattr(defaults, name)]
    return [*ignored, "storage"] if run.storage is not None else ignored


def _finetune_here(run: RunConfig, folder: Path) -> RunResult:
    from cluster.event_relay import EventRelay
    from cluster.storage.dataset_cache import local_dataset, local_selection
    from cluster.storage.settings import S3Settings
    from engine.data.telling import tell_report
    from engine.run.events import TeeSink
    from engine.run.store import LocalRunStore
    from engine.stages.finetune import finetune

    store = LocalRunStore(folder)
    storage = S3Settings.from_environment()
    data = local_dataset(
        run.data, storage, beside=[PROJECT], language=run.training.task.text_language, task=run.training.task.type
    )
    with (
        tempfile.TemporaryDirectory(prefix="lim-train-") as work,
        RunProgress() as progress,
        EventRelay(store) as relay,
        _asked_to_stop() as should_stop,
    ):
        told = TeeSink(progress, relay)
        tell_report(told, data)
        selection = None
        if run.selection is not None:
            selection = local_selection(run.selection, storage, Path(work) / "selection", beside=[PROJECT])
        return finetune(
            model=run.model,
            data=data,
            config=run.training,
            store=store,
            events=told,
            work_dir=Path(work),
            should_stop=should_stop,
            threads=threads_here(run.resources.threads_per_worker),
            selection=selection,
        )


def threads_here(asked: int | None) -> int:
    """Number of compute threads: as many as asked for, at most one per processor."""
    here = processors()
    if asked is not None and asked > here:
        say(f"resources.threads_per_worker is {asked}; this machine has {here} processors, so {here} threads compute.")
    return min(asked, here) if asked is not None else compute_threads()


def _show(result: Mapping[str, Any], where: str) -> None:
    console = Console()
    if result["status"] == "stopped":
        console.print(f"Stopped after step {result['steps']}; the same command resumes from its checkpoint.")
    else:
        console.print(result_table(result, where=where))


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Yield whether Ctrl-C or SIGTERM arrived; the first requests a checkpoint and a stop, the second interrupts."""
    asked = False

    def ask(signum: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        say("Stopping after a checkpoint; press again to stop immediately.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, old in before.items():
            signal.signal(number, old)
