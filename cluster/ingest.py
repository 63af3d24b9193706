"""Makes a dataset version of recordings: `python -m cluster.ingest --config FILE`.

    python -m cluster.ingest --config configs/ingestions/digits.yaml
    python -m cluster.ingest --config configs/ingestions/digits.yaml --set source.path=recordings.zip
    ray job submit --working-dir . -- python -m cluster.ingest --config configs/ingestions/digits.yaml

The recordings come from a folder, a URL or a bucket; the version goes to object storage, where runs read it with
`data: s3://bucket/datasets/<name>/v1`. Give it only recordings that you trust: the platform runs it for others' files
in a process with limits and without access to a cluster.

Without `S3_ENDPOINT_URL` a local object store starts. Run again with the same config, a killed ingestion starts over from
the recordings that it has fetched.

Exit codes: 0 done, or stopped on request; 1 failed; 2 rejected (nothing can be used; retrying is useless); 130 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cluster import command
from cluster.errors import RefusedError
from cluster.failures import failure_told
from cluster.ingestion.config import IngestionRunConfig
from cluster.ingestion.processing import VERSION_FOLDER, Outcome, Phase, check_target, process
from cluster.ingestion.sources import Imports, keep_fetched
from cluster.launch import CONFIG_KEY, RESULT_KEY, check_same_run, read_result
from cluster.storage.dataset_cache import ON_PLATFORM
from engine.data.version_files import REPORT_NAME
from engine.errors import StoppedError
from engine.run.events import Event, EventSink
from engine.run.reporter import artifact

if TYPE_CHECKING:
    from cluster.event_relay import Destination
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings

OUTCOME_KEY: Final = "outcome.json"
"""What a database needs to know of a version: counts, a sample, and the report with its long lists cut."""
_SAME: Final = ("source", "record")
_PROGRESS_S: Final = 1.0
_log = logging.getLogger("cluster.ingest")


@dataclass(frozen=True, slots=True)
class Host:
    """What the process that hosts an ingestion provides."""

    job_id: str | None = None
    """The platform's job; None: a person started it."""
    storage: S3Settings | None = None
    """The object store; None: that of the environment."""
    events: Destination | None = None
    """Receives the job's events in addition to the run's files."""
    on_fetched: Callable[[int], None] | None = None
    """Called with the size of the recordings in bytes before they are read."""
    work: Path | None = None
    """Empty work folder; None: a temporary one."""


ALONE: Final = Host()
"""A person's command line."""


def run(config: IngestionRunConfig, host: Host = ALONE) -> Mapping[str, Any]:
    """Make the version; returns `result.json`.

    Raises:
        ConfigError: the run made another version already.
        RefusedError: the recordings cannot be fetched or none is good, or the version's folder holds something else.
        EngineError, ClusterError: a retry may succeed.
    """
    from cluster.event_relay import EventRelay
    from cluster.stop_flag import STOP_KEY, StopFlag
    from cluster.storage.client import make_client
    from cluster.storage.embedded import connected
    from cluster.storage.settings import S3Settings

    with contextlib.ExitStack() as stack:
        storage = stack.enter_context(connected(host.storage or S3Settings.from_environment()))
        stores = _Stores.of(config, storage, make_client(storage))
        done = read_result(stores.run, "succeeded")
        if done is not None and "version" in done and config.until == "ready":  # not only fetched
            check_same_run(stores.run, config, _SAME)
            _log.info("the version was made already")
            return done
        # Without limits of fetching: on the platform, they name the operator's networks.
        stores.run.put_bytes(CONFIG_KEY, config.model_dump_json(indent=1, exclude={"fetch"}).encode())
        stores.run.delete(OUTCOME_KEY)
        if host.job_id is None:
            stores.run.delete(STOP_KEY)
        relay = EventRelay(stores.run, host.job_id, hub=host.events)
        events = _OfThisAttempt(stack.enter_context(relay))
        should_stop = stack.enter_context(StopFlag(stores.run))
        stack.enter_context(failure_told(events))
        work = host.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lim-ingestion-")))
        imports = Imports.of(storage, config.fetch)
        watching = _Watching(events, should_stop, host.on_fetched)
        if host.job_id is None:  # the platform gives each version a folder of its own
            check_target(stores.version, config.record)
        try:
            if config.until == "fetched":
                watching.phase("fetching")
                keep_fetched(config.source, stores.kept, imports, work / "source")
                result: Mapping[str, Any] = {"status": "succeeded", "kept": _address(stores.kept)}
            else:
                outcome = process(config.source, config.record, stores.kept, stores.version, imports, work, watching)
                result = _recorded(outcome, stores, work / VERSION_FOLDER, events, on_platform=host.job_id is not None)
        except StoppedError as stopped:
            result = {"status": "stopped", "reason": str(stopped)}
        stores.run.put_bytes(RESULT_KEY, json.dumps(result, indent=1).encode())
        return result


@dataclass(frozen=True, slots=True)
class _Stores:
    """Where an ingestion reads and writes."""

    run: S3RunStore
    kept: S3RunStore
    version: S3RunStore

    @classmethod
    def of(cls, config: IngestionRunConfig, storage: S3Settings, client: Any) -> _Stores:
        from cluster.storage.client import ensure_bucket, parse_s3_uri
        from cluster.storage.run_store import S3RunStore

        run = config.storage or f"s3://{storage.bucket}/ingestions/{config.name}"
        version = config.version or f"s3://{storage.bucket}/datasets/{config.name}/v{config.record.number}"
        places = [parse_s3_uri(uri) for uri in (run, config.kept or f"{run}/source", version)]
        for bucket in {bucket for bucket, _ in places} - {storage.bucket}:
            ensure_bucket(client, bucket, storage.region)
        return cls(*(S3RunStore(client, bucket, prefix) for bucket, prefix in places))


def _address(store: S3RunStore) -> str:
    return f"s3://{store.bucket}/{store.prefix}"


def _recorded(
    outcome: Outcome, stores: _Stores, made: Path, events: EventSink, *, on_platform: bool
) -> Mapping[str, Any]:
    """Store what was found, and summarise it for people.

    Raises:
        RefusedError: there is no version.
    """
    from engine.data.telling import tell_report

    report = made / REPORT_NAME
    if report.is_file():
        stores.run.put(REPORT_NAME, report)
        events.emit(artifact(REPORT_NAME, "report", report))
    stores.run.put_bytes(OUTCOME_KEY, json.dumps(asdict(outcome)).encode())
    version = outcome.version
    if version is None:
        raise RefusedError(outcome.error or "there is no version")
    tell_report(events, made, ON_PLATFORM if on_platform else f"{_address(stores.version)}/{REPORT_NAME}")
    counts = {"utterances": version.utterances, "audio_s": version.audio_s, "size": version.size}
    return {"status": "succeeded", "version": _address(stores.version), **counts, "items": version.items}


class _Watching:
    """Emits phases and progress, and ends the ingestion when it is asked to stop."""

    def __init__(
        self, events: EventSink, should_stop: Callable[[], bool], on_fetched: Callable[[int], None] | None
    ) -> None:
        self._events = events
        self._should_stop = should_stop
        self._on_fetched = on_fetched
        self._next_s = 0.0

    def phase(self, name: Phase) -> None:
        self._check()
        _log.info("%s", name)
        self._events.emit(Event("status", f"phase/{name}", {"phase": name}))

    def fetched(self, size: int) -> None:
        self._check()
        self._events.emit(Event("log", "fetched", {"level": "info", "message": f"{size:,} bytes of recordings"}))
        if self._on_fetched is not None:
            self._on_fetched(size)

    def progress(self, done: int, total: int) -> None:
        self._check()
        if done < total and time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + _PROGRESS_S
        data = {"step": done, "items_read": done, "items_found": total, "progress": done / total if total else 1.0}
        self._events.emit(Event("metric", f"items/{done}", data))

    def _check(self) -> None:
        if self._should_stop():
            raise StoppedError("stopped on request; run it again to start over from what was fetched")


class _OfThisAttempt:
    """Gives events keys of this attempt: unlike a run with checkpoints, another attempt repeats nothing."""

    def __init__(self, events: EventSink) -> None:
        self._events = events
        self._attempt = f"{time.time_ns():x}"

    def emit(self, event: Event) -> None:
        """Pass an event on, and log warnings and errors."""
        if event.kind == "log":
            level = {"warning": logging.WARNING, "error": logging.ERROR}.get(event.data["level"], logging.INFO)
            _log.log(level, "%s", event.data["message"])
        self._events.emit(Event(event.kind, f"{self._attempt}/{event.key}", event.data, event.time))

    def flush(self) -> None:
        """Flush the sink."""
        self._events.flush()


def main(arguments: Sequence[str] | None = None, host: Host = ALONE) -> int:
    """Run the command line and return the exit code."""

    def ingest(where: str, overrides: Sequence[str]) -> Mapping[str, Any]:
        return run(command.read_config(IngestionRunConfig, where, overrides), host)

    return command.main("cluster.ingest", __doc__ or "", ingest, _log, arguments)


if __name__ == "__main__":
    sys.exit(main())
