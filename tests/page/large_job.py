"""A job with as many events as a long training leaves: for measurements of its page.

    python -m tests.page.large_job HOME JOB_ID --points 100000 --lines 50000

adds them to a job that has ended, in the database of the platform whose LIM_HOME is HOME.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Final

import asyncpg

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


async def add(address: str, job_id: str, points: int, lines: int) -> None:
    """Add metric events and log lines behind what a job has."""
    connection = await asyncpg.connect(address.replace("+asyncpg", ""))
    try:
        async with connection.transaction():
            last = await connection.fetchval("SELECT last_seq FROM jobs WHERE id = $1 FOR UPDATE", job_id)
            await connection.execute(_METRICS, job_id, last, points)
            await connection.execute(_LINES, job_id, last + points, lines)
            await connection.execute(
                "UPDATE jobs SET last_seq = $2, step = $3, epoch = $4 WHERE id = $1",
                job_id,
                last + points + lines,
                1000 + points,
                points / 1000.0,
            )
        await connection.execute("ANALYZE job_events")
    finally:
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("job_id")
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=50_000)
    asked = parser.parse_args()
    with EmbeddedPostgres.start(asked.home) as server:
        asyncio.run(add(server.url, asked.job_id, asked.points, asked.lines))
    print(json.dumps({"job": asked.job_id, "points": asked.points, "lines": asked.lines}))  # noqa: T201


if __name__ == "__main__":
    main()
