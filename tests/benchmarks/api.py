"""How much the API takes on this machine, everything real and on the same processors: generator, HAProxy, Serve's
replica, hub, Ray, PostgreSQL, S3.

1. Lists and details at a fixed rate, open loop, while event streams of running jobs are open and get events.
2. A trivial authenticated read through Serve beside the same application on uvicorn alone, in turns, closed loop.
3. Listing, filtering and stopping with 1,000 queued jobs, and the replica's memory meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from cluster.ports import free_port
from services.auth.sessions import open_login
from services.database.engine import create_engine, create_sessions, open_session
from services.database.models import User
from services.jobs.hub import start_hub
from services.platform import Platform
from services.settings import Settings
from tests.benchmarks import api_rows
from tests.benchmarks.http_load import Answered, Request, closed_loop, open_loop, percentile, poisson_times, run

_ROOT = Path(__file__).resolve().parents[2]
_LIVE_JOBS: Final = 4
_EVENTS_EVERY_S: Final = 0.3  # as a training's relay hands its events on
_SEED: Final = 1
_EXAMPLES = """\
examples:
  python -m tests.benchmarks.api                              about 5 minutes
  python -m tests.benchmarks.api --seconds 10 --rounds 1      see that it runs
"""


def main() -> int:
    """Measure, print a table, write the report."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # the platform is stopped in order
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="bench-api-", dir="/tmp") as scratch,
        alone(Path(scratch) / "home", {"LIM_LEAST_CPUS_PER_WORKER": "0.1"}),
        Platform.start(port=0) as platform,
    ):
        platform.runtime.reconnect()  # the platform has left its cluster
        # The drivers of the jobs that run only stay; nothing is trained here.
        start_hub(platform.settings, shlex.join([sys.executable, str(Path(__file__).with_name("idle_driver.py"))]))
        report: dict[str, Any] = run(_measure(platform, arguments))
    report["settings"] = {name: str(value) for name, value in vars(arguments).items()} | {
        "load_before": load_before,
        "cpus": os.cpu_count(),
        "ingress": "python" if os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") == "0" else "haproxy",
    }
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    _tell(report)
    print(f"written to {arguments.out}")
    return 0


async def _measure(platform: Platform, arguments: argparse.Namespace) -> dict[str, Any]:
    side = await _Side.of(platform)
    rows = await api_rows.fill(side.sessions, side.user_id, datasets=40, jobs=arguments.jobs, seed=_SEED)
    live = await _live_jobs(side, rows.datasets[0])
    load = await _under_load(side, rows, live, arguments)
    ratio = await _beside_uvicorn(side, platform.settings, arguments)
    queued = await _with_queue(side, rows, arguments)
    await side.close()
    return {**load, **ratio, "queued_1000": queued}


@dataclass
class _Side:
    """The platform as somebody who is logged in uses it, and as its operator sees it."""

    host: str
    port: int
    token: str
    user_id: uuid.UUID
    engine: Any
    sessions: Any
    http: httpx.AsyncClient

    @classmethod
    async def of(cls, platform: Platform) -> _Side:
        """Somebody new. The login is written as the API would: its access token is good for the whole time."""
        engine = create_engine(platform.settings.database_url, pool_size=4)
        sessions = create_sessions(engine)
        settings = platform.settings.model_copy(update={"access_token_s": 86400})
        async with open_session(sessions) as session:
            names = {
                "username": "bench",
                "username_key": "bench",
                "email": "b@example.com",
                "email_key": "b@example.com",
            }
            user = User(id=uuid.uuid4(), password_hash="none", **names)
            session.add(user)
            await session.flush()
            token = (await open_login(session, settings, user)).access_token
            await session.commit()
        http = httpx.AsyncClient(
            base_url=f"{platform.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        host, port = http.base_url.host, http.base_url.port
        assert port is not None
        return cls(host, port, token, user.id, engine, sessions, http)

    def request(self, kind: str, method: str, path: str) -> Request:
        return Request.of(kind, method, f"/api/v1{path}", f"{self.host}:{self.port}", self.token)

    async def close(self) -> None:
        await self.http.aclose()
        await self.engine.dispose()


# ---- lists and details --------------------------------------------------------------------------------------


async def _live_jobs(side: _Side, dataset_id: uuid.UUID) -> list[str]:
    """Jobs that run, by way of the API, the hub and Ray Jobs."""
    config = {"max_steps": 100_000}
    body = {"model_id": "whisper-pico", "dataset_id": str(dataset_id), "config": config}
    share = {"cpus_per_worker": 0.1, "memory_bytes_per_worker": 1_000_000}  # stand-ins, which compute nothing
    ids = []
    for _ in range(_LIVE_JOBS):
        answer = await side.http.post("/jobs", json={**body, "resources": share})
        answer.raise_for_status()
        ids.append(str(answer.json()["id"]))
    deadline = time.monotonic() + 180
    while True:
        states = {job_id: (await side.http.get(f"/jobs/{job_id}")).json()["status"] for job_id in ids}
        if set(states.values()) == {"running"}:
            return ids
        if time.monotonic() > deadline or "failed" in states.values():
            raise SystemExit(f"the jobs to be watched do not run: {states}")
        await asyncio.sleep(0.5)


@dataclass
class _Streams:
    """Readers of event streams, and what they saw."""

    events: int = 0
    breaks: int = 0
    delays_s: list[float] = field(default_factory=list)

    async def follow(self, side: _Side, job_id: str) -> None:
        """Read until cancelled."""
        last = 0
        while True:
            headers = {"Last-Event-ID": str(last)}
            try:
                async with side.http.stream("GET", f"/jobs/{job_id}/events", headers=headers, timeout=None) as answer:
                    answer.raise_for_status()
                    async for line in answer.aiter_lines():
                        if line.startswith("data: "):
                            event = json.loads(line.removeprefix("data: "))
                            last = event["seq"]
                            self.events += 1
                            if "sent_s" in event:
                                self.delays_s.append(time.time() - event["sent_s"])
            except httpx.HTTPError:
                pass
            self.breaks += 1


@contextlib.asynccontextmanager
async def _watched(side: _Side, live: list[str], count: int) -> AsyncIterator[_Streams]:
    """Event streams are open, and the jobs that they are of go on telling their steps to the hub."""
    import ray

    from services.jobs.hub import NAME, NAMESPACE

    hub: Any = ray.get_actor(NAME, NAMESPACE)
    draws = random.Random(_SEED)
    streams = _Streams()

    async def train(job_id: str) -> None:
        step = 0
        while True:
            step += 1
            event = dict(api_rows.metric_event(step, 100_000, draws))
            event["data"] = {**event["data"], "sent_s": time.time()}
            await hub.push.remote(job_id, [event])
            await asyncio.sleep(_EVENTS_EVERY_S)

    tasks = [asyncio.create_task(train(job_id)) for job_id in live]
    tasks += [asyncio.create_task(streams.follow(side, live[n % len(live)])) for n in range(count)]
    await asyncio.sleep(2.0)
    try:
        yield streams
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _under_load(
    side: _Side, rows: api_rows.Rows, live: list[str], arguments: argparse.Namespace
) -> dict[str, Any]:
    draws = random.Random(_SEED)

    def drawn() -> Request:
        path = draws.choices(
            ["/jobs", "/jobs?status=succeeded", "/jobs?q=recordings+1", "/datasets", "job", "dataset"],
            weights=[20, 10, 10, 10, 40, 10],
        )[0]
        if path == "job":
            return side.request("job", "GET", f"/jobs/{draws.choice([*rows.jobs, *live])}")
        if path == "dataset":
            return side.request("dataset", "GET", f"/datasets/{draws.choice(rows.datasets)}")
        return side.request(path.lstrip("/").partition("?")[0], "GET", path)

    def plan(seconds: float, seed: int) -> list[tuple[float, Request]]:
        return [(at_s, drawn()) for at_s in poisson_times(arguments.rate, seconds, seed)]

    async with _watched(side, live, arguments.streams) as streams:
        await open_loop(side.host, side.port, plan(5.0, _SEED))  # not on the clock: pools and caches fill
        streams.events, streams.breaks, streams.delays_s = 0, 0, []
        before = _cpu_s()
        began_s = time.perf_counter()
        answers = await open_loop(side.host, side.port, plan(arguments.seconds, _SEED + 1))
        wall_s = time.perf_counter() - began_s
        used = {name: round((value - before.get(name, 0.0)) / wall_s, 3) for name, value in _cpu_s().items()}
    # What else ran on the machine: with much of it the figures are about that.
    everybody = used.pop("everybody")
    used["not ours"] = round(max(0.0, everybody - sum(used.values())), 3)
    latencies = [answer.latency_s for answer in answers]
    kinds = sorted({answer.kind for answer in answers})
    return {
        "p50_s": percentile(latencies, 0.5),
        "p95_s": percentile(latencies, 0.95),
        "p99_s": percentile(latencies, 0.99),
        "max_s": max(latencies),
        "rate_per_s": sum(answer.status == 200 for answer in answers) / wall_s,
        "requests": len(answers),
        "errors": sum(answer.status != 200 for answer in answers),
        "p95_s_of": {kind: _p95_s(answers, kind) for kind in kinds},
        "streams": {
            "open": arguments.streams,
            "events": streams.events,
            "breaks": streams.breaks,
            "delay_p95_s": percentile(streams.delays_s, 0.95),
        },
        "cpus_used": used,
    }


def _p95_s(answers: list[Answered], kind: str) -> float:
    return percentile([answer.latency_s for answer in answers if answer.kind == kind], 0.95)


def _cpu_s() -> dict[str, float]:
    """Processor time of the parts so far, in seconds."""
    own = psutil.Process()
    used = {"generator": sum(own.cpu_times()[:2])}
    for process in own.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            name = _part(process)
            used[name] = used.get(name, 0.0) + sum(process.cpu_times()[:2])
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            with contextlib.suppress(psutil.Error):
                used["postgres"] = used.get("postgres", 0.0) + sum(process.cpu_times()[:2])
    now = psutil.cpu_times()
    used["everybody"] = sum(now) - now.idle - now.iowait - now.guest - now.guest_nice
    return used


def _part(process: psutil.Process) -> str:
    title = " ".join(process.cmdline()[:2])
    for mark, name in (
        ("ServeReplica", "replica"),
        ("ProxyActor", "python proxy"),
        ("Hub", "hub"),
        ("haproxy", "haproxy"),
    ):
        if mark in title:
            return name
    return "ray and others"


# ---- beside uvicorn alone ------------------------------------------------------------------------------------


async def _beside_uvicorn(side: _Side, settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"serve": [], "fastapi": []}
    errors = 0
    replicas = sum(_part(process) == "replica" for process in psutil.Process().children(recursive=True))
    with _uvicorn(settings, replicas) as port:
        targets = {"serve": (side.host, side.port), "fastapi": ("127.0.0.1", port)}
        for number in range(-1, arguments.rounds):
            for name in list(targets)[:: -1 if number % 2 else 1]:
                host, at = targets[name]
                request = Request.of(name, "GET", "/api/v1/users/me", f"{host}:{at}", side.token)
                seconds = arguments.round_s if number >= 0 else 3.0  # the first is not on the clock
                rate, wrong = await closed_loop(host, at, request, connections=arguments.connections, seconds=seconds)
                errors += wrong
                if number >= 0:
                    rates[name].append(rate)
                    print(f"{name}: {rate:.0f} authenticated reads a second", flush=True)
    if errors:
        raise SystemExit(f"{errors} of the authenticated reads failed")
    each = [ours / peer for ours, peer in zip(rates["serve"], rates["fastapi"], strict=True)]
    return {
        "ratio_to_fastapi": statistics.median(each),
        "ratio_each": each,
        "reads_per_s": rates,
        "processes": replicas,
    }


@contextlib.contextmanager
def _uvicorn(settings: Settings, workers: int) -> Iterator[int]:
    port = free_port()
    variables = {
        "DATABASE_URL": settings.database_url,
        "LIM_HOME": str(settings.home),
        **settings.s3.environment(),
        "PYTHONPATH": str(_ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.api_peer", "--port", str(port), "--workers", str(workers)],
        env={**os.environ, **variables},
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the application on uvicorn does not start")
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(30)


# ---- with a queue --------------------------------------------------------------------------------------------


async def _with_queue(side: _Side, rows: api_rows.Rows, arguments: argparse.Namespace) -> dict[str, Any]:
    ids = await api_rows.queue(side.sessions, side.user_id, rows.datasets[0], arguments.queued, _SEED + 9)
    replicas = [process for process in psutil.Process().children(recursive=True) if _part(process) == "replica"]
    draws = random.Random(_SEED)
    to_stop = iter(draws.sample(ids, len(ids)))

    def drawn() -> Request:
        kind = draws.choices(["list", "filter", "stop"], weights=[2, 2, 1])[0]
        if kind == "stop":
            return side.request(kind, "POST", f"/jobs/{next(to_stop)}/stop")
        filters = ("status=queued", "status=queued&q=trial+7", "status=stopped&type=training")
        return side.request(kind, "GET", "/jobs?limit=20" if kind == "list" else f"/jobs?{draws.choice(filters)}")

    def plan(seconds: float, seed: int) -> list[tuple[float, Request]]:
        return [(at_s, drawn()) for at_s in poisson_times(arguments.queue_rate, seconds, seed)]

    await open_loop(side.host, side.port, plan(5.0, _SEED))
    before = _rss_bytes(replicas)
    answers = await open_loop(side.host, side.port, plan(arguments.seconds, _SEED + 1))
    growth = _rss_bytes(replicas) - before
    left = (await side.http.get("/jobs", params={"status": "queued", "limit": 1})).json()["total"]
    return {
        **{f"{kind}_p95_s": _p95_s(answers, kind) for kind in ("list", "filter", "stop")},
        "rss_growth_bytes": growth,
        "rss_bytes": _rss_bytes(replicas),
        "replicas": len(replicas),
        "requests": len(answers),
        "errors": sum(answer.status not in {200, 202} for answer in answers),
        "still_queued": left,
    }


def _rss_bytes(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes)


# ---- the report ----------------------------------------------------------------------------------------------


def _tell(report: dict[str, Any]) -> None:
    streams, queued = report["streams"], report["queued_1000"]
    print(f"\n{report['requests']} lists and details, {report['rate_per_s']:.1f} a second, {report['errors']} errors")
    print(f"{'latency p50, p95, p99':32}{_ms(report['p50_s'])}, {_ms(report['p95_s'])}, {_ms(report['p99_s'])}")
    for kind, value in report["p95_s_of"].items():
        print(f"{'  p95 of ' + kind:32}{_ms(value)}")
    print(
        f"{streams['open']} event streams{'':18}{streams['events']} events, p95 {_ms(streams['delay_p95_s'])} after "
        f"the hub was told, {streams['breaks']} broke off"
    )
    print(f"{'processors used':32}{', '.join(f'{name} {value:.2f}' for name, value in report['cpus_used'].items())}")
    rates = {name: statistics.median(values) for name, values in report["reads_per_s"].items()}
    print(f"{'authenticated reads a second':32}Serve {rates['serve']:.0f}, uvicorn alone {rates['fastapi']:.0f}")
    each = ", ".join(f"{value:.2f}" for value in report["ratio_each"])
    print(f"{'ratio':32}{report['ratio_to_fastapi']:.2f} (median of {each})")
    print(f"with 1,000 queued jobs, {queued['requests']} requests, {queued['errors']} errors")
    for kind in ("list", "filter", "stop"):
        print(f"{'  p95 of ' + kind:32}{_ms(queued[f'{kind}_p95_s'])}")
    print(
        f"{'  memory of the API':32}{queued['rss_bytes'] / 2**20:.0f} MiB, {queued['rss_growth_bytes'] / 2**20:+.1f} MiB"
    )


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


@contextlib.contextmanager
def alone(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[None]:
    """A platform of its own with these settings, whatever this shell is connected to."""
    names = ("DATABASE_URL", "S3_ENDPOINT_URL", "RAY_ADDRESS", "LIM_BUCKET", "LIM_ENVIRONMENT", "LIM_HOME")
    own = {"LIM_HOME": str(home), **(settings or {})}
    before = {name: os.environ.pop(name) for name in {*names, *own} if name in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]
        os.environ.update(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.api",
        description="Latency and throughput of the API, on the processors that everything else runs on too.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rate", type=float, default=200.0, help="lists and details a second (default: %(default)s)")
    add("--seconds", type=float, default=60.0, help="how long each load lasts (default: %(default)s)")
    add("--streams", type=int, default=20, help="event streams that are open (default: %(default)s)")
    add("--jobs", type=int, default=400, help="jobs of the user that have ended (default: %(default)s)")
    add("--rounds", type=int, default=5, help="rounds of each side of the comparison (default: %(default)s)")
    add("--round-s", type=float, default=8.0, help="seconds of a round (default: %(default)s)")
    add("--connections", type=int, default=16, help="connections of the comparison (default: %(default)s)")
    add("--queued", type=int, default=1000, help="queued jobs (default: %(default)s)")
    add("--queue-rate", type=float, default=40.0, help="requests a second beside the queue (default: %(default)s)")
    add("--out", type=Path, default=Path("build/bench-api.json"), help="report (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
