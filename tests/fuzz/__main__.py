"""Requests that schemathesis makes of the OpenAPI document, against the real platform on Ray Serve.

Three passes, again with other seeds until there were enough requests:
- `admin`: all operations but event streams, by somebody who may do everything; some ids are of things that are there;
- `nobody`: all operations without authentication;
- `streams`: event streams of jobs that have ended (those of other jobs do not end, as they should).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from services.auth.sessions import open_login
from services.client import Client
from services.database.engine import create_engine, create_sessions, open_session
from services.database.models import User
from services.demo_data import BUNDLED, pack
from services.jobs.hub import start_hub
from services.platform import Platform
from tests.benchmarks import api_rows
from tests.benchmarks.api import alone

_ROOT: Final = Path(__file__).resolve().parents[2]
_CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
_STREAM: Final = "/api/v1/jobs/{job_id}/events"
_ENDLESS: Final = ("/api/v1/notifications/events", "/api/v1/events")
_OWN_END: Final = "/api/v1/admin/users/{user_id}/logins"
"""Ends the admin's own login when the id is theirs: every later request would be a 401."""
_PASSWORD: Final = "four long words, no name"
_SETTINGS: Final = {
    "LIM_ACCESS_TOKEN_S": "86400",
    # Limits that would answer instead of the code that is looked at.
    "LIM_LOGIN_ATTEMPTS": "100000000",
    "LIM_LOGIN_ATTEMPTS_PER_ADDRESS": "100000000",
    "LIM_LOGIN_ATTEMPTS_PER_ACCOUNT": "100000000",
    "LIM_SIGNUPS_PER_ADDRESS": "100000000",
    "LIM_REFRESHES_PER_ADDRESS": "100000000",
    "LIM_MAX_RUNNING_JOBS": "1",
}
_SWEEP: Final[dict[str, Any]] = {
    "config": {"max_steps": 60, "evaluation": {"every_steps": 10}},
    "search": {"dimensions": {"optimizer.learning_rate": {"type": "loguniform", "low": 1e-4, "high": 1e-2}}},
}
_EXAMPLES = """\
examples:
  python -m tests.fuzz                                  20,000 requests, about half an hour
  python -m tests.fuzz --requests 500 --examples 5      see that it runs
"""


def main() -> int:
    """Make the requests, print a table, write the report; 1 if anything was found."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # the platform is stopped in order
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-", dir="/tmp") as scratch,
        alone(Path(scratch) / "home", _SETTINGS),
        Platform.start(port=0) as platform,
    ):
        driver = _ROOT / "tests" / "benchmarks" / "idle_driver.py"
        platform.runtime.reconnect()  # the platform has left its cluster
        start_hub(platform.settings, shlex.join([sys.executable, str(driver)]))  # nothing is trained here
        known = asyncio.run(_known(platform, Path(scratch)))
        passes = _passes(platform.url, known, Path(scratch), arguments)
        with Client(platform.url) as client:
            is_well = client.readyz().status == "ready"
    findings = [finding for one in passes for finding in one.findings]
    report = {
        "requests": sum(one.requests for one in passes),
        "operations": max((one.operations for one in passes), default=0),
        "findings": findings,
        "passes": [vars(one) for one in passes],
        "ready_at_the_end": is_well,
        "wall_s": time.monotonic() - began_s,
        "settings": {name: str(value) for name, value in vars(arguments).items()},
    }
    arguments.out.write_text(json.dumps(report, indent=1, default=str) + "\n")
    print(f"\n{'pass':10}{'seed':>6}{'requests':>10}{'2xx':>8}{'4xx':>8}{'5xx':>6}{'findings':>10}{'seconds':>9}")
    for one in passes:
        kinds = [one.statuses.get(kind, 0) for kind in ("2xx", "4xx", "5xx")]
        print(
            f"{one.name:10}{one.seed:>6}{one.requests:>10}{kinds[0]:>8}{kinds[1]:>8}{kinds[2]:>6}"
            f"{len(one.findings):>10}{one.wall_s:>9.0f}"
        )
    print(f"{report['requests']} requests, {len(findings)} findings; written to {arguments.out}")
    for finding in findings:
        print(json.dumps(finding))
    return 1 if findings or not is_well or report["requests"] < arguments.requests else 0


@dataclass
class Pass:
    """One run of schemathesis, and what came of it."""

    name: str
    seed: int
    requests: int = 0
    operations: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    wall_s: float = 0.0
    log: str = ""


@dataclass(frozen=True)
class _Known:
    """Things that are there, and who may do everything with them."""

    token: str
    ids: dict[str, list[str]]


async def _known(platform: Platform, scratch: Path) -> _Known:
    """An admin with a dataset that was really processed, others of which there are rows, and jobs that have ended."""
    archive = scratch / "speech.zip"
    pack(BUNDLED, archive)
    with Client(platform.url) as client:
        account = client.signup("fuzz", "fuzz@example.com", _PASSWORD)
        client.login("fuzz", _PASSWORD)
        dataset = client.upload_dataset("speech", archive)
        projects = [client.create_project(f"project {n}").id for n in range(3)]
        models = [model.id for model in client.list_models()]
    engine = create_engine(platform.settings.database_url, pool_size=1)
    sessions = create_sessions(engine)
    user_id = uuid.UUID(account.id)
    rows = await api_rows.fill(sessions, user_id, datasets=4, jobs=12, seed=1)
    ended = await api_rows.ended_sweep(sessions, user_id, rows.datasets[0], trials=5, seed=2)
    async with open_session(sessions) as session:
        user = await session.get_one(User, user_id)
        user.role = "admin"
        settings = platform.settings.model_copy(update={"access_token_s": 86400})
        token = (await open_login(session, settings, user)).access_token
        await session.commit()
    await engine.dispose()
    jobs = list(map(str, rows.jobs))
    datasets = [dataset.id, *map(str, rows.datasets)]
    with Client(platform.url) as client:
        client.login("fuzz", _PASSWORD)
        adapters = [client.create_adapter(f"adapter {number}").id for number in range(3)]
        waiting = client.create_sweep("whisper-pico", dataset.id, _SWEEP["config"], _SWEEP["search"])
    sweeps = [str(ended), waiting.id]
    return _Known(
        token,
        {
            "dataset_id": datasets,
            "job_id": [*jobs, str(ended)],  # their streams end
            "sweep_id": sweeps,
            "project_id": projects,
            "adapter_id": adapters,
            "model_id": models,
        },
    )


def _passes(url: str, known: _Known, scratch: Path, arguments: argparse.Namespace) -> list[Pass]:
    done: list[Pass] = []
    seed = arguments.seed
    while not done or sum(one.requests for one in done) < arguments.requests:
        for name, options, examples in (
            ("admin", [f"--exclude-path={path}" for path in (_STREAM, *_ENDLESS, _OWN_END)], arguments.examples),
            ("nobody", [], max(1, arguments.examples // 5)),
            ("streams", ["--include-path", _STREAM], arguments.examples),
        ):
            done.append(_run(Pass(name, seed), url, options, examples, known, scratch, arguments))
        if not done[-1].requests + done[-2].requests + done[-3].requests:
            raise SystemExit(f"no request was made; see {done[-3].log}")
        seed += 1
    return done


def _run(
    one: Pass,
    url: str,
    options: list[str],
    examples: int,
    known: _Known,
    scratch: Path,
    arguments: argparse.Namespace,
) -> Pass:
    """One call of schemathesis. Its whole log is kept beside the report."""
    stem = f"{one.name}-{one.seed}"
    config, summary, events = (scratch / f"{stem}{end}" for end in (".toml", ".json", ".ndjson"))
    config.write_text(_config(known, only_known=one.name == "streams"))
    log = arguments.out.with_name("fuzz-logs") / f"{stem}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(arguments.schemathesis), "--config-file", str(config), "--no-color", "run", f"{url}/openapi.json"]
    command += ["--url", url, "--checks", ",".join(_CHECKS), "--max-examples", str(examples), "--seed", str(one.seed)]
    command += [
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "--continue-on-failure",
        "--suppress-health-check=all",
    ]
    command += ["--workers", str(arguments.workers), "--request-timeout", "30", "--report", "json,ndjson"]
    command += ["--report-json-path", str(summary), "--report-ndjson-path", str(events), *options]
    if one.name != "nobody":
        command += ["--header", f"Authorization: Bearer {known.token}"]
    began_s = time.monotonic()
    print(f"{stem} ...", flush=True)
    with log.open("w") as stream:
        subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False, cwd=scratch)
    one.wall_s = time.monotonic() - began_s
    one.log = str(log)
    if not summary.exists():
        raise SystemExit(f"schemathesis did not run to its end; see {log}")
    told = json.loads(summary.read_text())
    one.operations = told["operations"]["tested"]
    one.findings = [
        {
            "pass": one.name,
            "seed": one.seed,
            "what": found["title"],
            "count": found["count"],
            "where": found["operations"],
        }
        for found in told["failures"]
    ]
    one.findings += [{"pass": one.name, "seed": one.seed, "what": "error", "error": error} for error in told["errors"]]
    one.statuses = _statuses(events)
    one.requests = sum(one.statuses.values())
    print(f"{stem}: {one.requests} requests, {len(one.findings)} findings, {one.wall_s:.0f} s", flush=True)
    return one


def _config(known: _Known, *, only_known: bool) -> str:
    """Some of the ids that are tried are of things that are there."""
    lines = []
    for name, values in known.ids.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    probability = 1.0 if only_known else 0.5
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = {probability} }}' for name in known.ids]
    return "\n".join(lines) + "\n"


def _statuses(events: Path) -> dict[str, int]:
    """Requests that were made, by the first digit of the status; `none`: no answer came."""
    counts: Counter[str] = Counter()
    with events.open(encoding="utf-8") as stream:
        for line in stream:
            finished = json.loads(line).get("ScenarioFinished")
            for interaction in ((finished or {}).get("recorder", {}).get("interactions") or {}).values():
                answer = interaction.get("response")
                counts[f"{answer['status_code'] // 100}xx" if answer else "none"] += 1
    return dict(counts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Requests that schemathesis makes of the OpenAPI document, against the platform on Ray Serve.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--requests", type=int, default=20_000, help="at least as many are made (default: %(default)s)")
    add("--examples", type=int, default=100, help="most examples of an operation in a phase (default: %(default)s)")
    add("--seed", type=int, default=1, help="of the first round (default: %(default)s)")
    add("--workers", type=int, default=2, help="requests at once (default: %(default)s)")
    default = _ROOT / "build" / "fuzz-env" / "bin" / "schemathesis"
    add("--schemathesis", type=Path, default=default, help="the program (default: that of `make fuzz`)")
    add("--out", type=Path, default=Path("build/fuzz.json"), help="report (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
