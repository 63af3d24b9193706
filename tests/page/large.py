"""What months of work leave: a job with very many events, and very many jobs. For measurements of the page.

    python -m tests.page.large HOME JOB_ID --points 100000 --lines 50000
    python -m tests.page.large HOME JOB_ID --copies 10000

adds events to a job that has ended, or copies of it, in the database of the platform whose LIM_HOME is HOME.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from services.database.embedded import EmbeddedPostgres

# Both kinds as they come in a run: a metric, and every second one a line of the log.
_METRICS: Final = """
INSERT INTO job_events (job_id, seq, kind, key, time, data)
SELECT $1, $2 + n, 'metric', 'train/' || (1000000 + n), now() - make_interval(secs => $3 - n),
       jsonb_build_object('step', 1000 + n, 'loss', 2 * exp(-n / 30000.0) + 0.1 * abs(sin(n)), 'epoch', n / 1000.0,
                          'learning_rate', 0.001 * (1 - n / ($3 + 1.0)), 'grad_norm', 1 + 0.5 * cos(n),
                          'cost_per_s', 40 + sin(n / 100.0), 'cost_unit', 'audio_s')
FROM generate_series(1, $3::int) n
"""
_LINES: Final = """
INSERT INTO job_events (job_id, seq, kind, key, time, data)
SELECT $1, $2 + n, 'log', 'large/' || n, now() - make_interval(secs => $3 - n),
       jsonb_build_object('level', CASE WHEN n % 1000 = 0 THEN 'warning' ELSE 'info' END,
                          'message', 'line ' || n || ' of a long run: micro-batch ' || (n % 7) || ' is done')
FROM generate_series(1, $3::int) n
"""
_COPIES: Final = """
INSERT INTO jobs
SELECT made.*
FROM jobs copied
CROSS JOIN generate_series(1, $2::int) n
CROSS JOIN LATERAL jsonb_populate_record(copied, jsonb_build_object(
    'id', gen_random_uuid(), 'name', 'copy ' || n, 'created_at', copied.created_at - make_interval(mins => n),
    'last_seq', 0, 'stored_bytes', 0)) made
WHERE copied.id = $1
"""


def grown(place: Path, job_id: str, **counts: int) -> None:
    """Add to a job of the platform that the tests started in `place`; skips the test if they use another."""
    if os.environ.get("LIM_PAGE_URL"):
        pytest.skip("writes into the database of a platform of its own")
    asked = [word for name, count in counts.items() for word in (f"--{name}", str(count))]
    # In a process of its own: playwright's synchronous interface runs an event loop in this one.
    command = [sys.executable, "-m", "tests.page.large", str(place / "home"), job_id, *asked]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, timeout=300)


async def add(address: str, job_id: str, *, points: int, lines: int, copies: int) -> None:
    """Add metric events and log lines behind what a job has, and older copies of it that have none."""
    connection = await asyncpg.connect(address.replace("+asyncpg", ""))
    try:
        async with connection.transaction():
            await connection.execute(_COPIES, job_id, copies)
            last = await connection.fetchval("SELECT last_seq FROM jobs WHERE id = $1 FOR UPDATE", job_id)
            await connection.execute(_METRICS, job_id, last, points)
            await connection.execute(_LINES, job_id, last + points, lines)
            if points:
                reached = (last + points + lines, 1000 + points, points / 1000.0)
                await connection.execute(
                    "UPDATE jobs SET last_seq = $2, step = $3, epoch = $4 WHERE id = $1", job_id, *reached
                )
        await connection.execute("ANALYZE job_events, jobs")
    finally:
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("job_id")
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--copies", type=int, default=0)
    asked = parser.parse_args()
    with EmbeddedPostgres.start(asked.home) as server:
        asyncio.run(add(server.url, asked.job_id, points=asked.points, lines=asked.lines, copies=asked.copies))
    print(json.dumps({"job": asked.job_id, "points": asked.points, "lines": asked.lines, "copies": asked.copies}))  # noqa: T201


if __name__ == "__main__":
    main()
