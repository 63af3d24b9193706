"""Curves and logs of jobs with very many events, in a real PostgreSQL."""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from services.api.context import Services
from services.database.engine import open_session
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor, paths_of

MANY = 100_000
PEAK, DIP = 54_321, 77_001
LINES = 50_000
# Losses fall and rise again in waves, with one peak and one dip of a single step each.
_METRICS = text(
    """
    INSERT INTO job_events (job_id, seq, kind, key, time, data)
    SELECT :job_id, n, 'metric', 'train/' || n, timestamptz '2026-01-01' + n * interval '1 second', jsonb_build_object(
        'step', n, 'total_steps', :many, 'epoch', n / 1000.0, 'progress', n / :many ::float8,
        'loss', CASE n WHEN :peak THEN 99.0 WHEN :dip THEN -1.0 ELSE 2 + sin(n / 500.0) END,
        'step_losses', jsonb_build_array(1.0, 2.0, 3.0, 4.0, 5.0), 'learning_rate', 0.001 * (1 - n / :many ::float8),
        'grad_norm', 0.5, 'cost_per_s', 30.0, 'cost_unit', 'audio_s', 'eta_s', 10.0, 'peak_bytes', 1000000000)
    FROM generate_series(1, :many) AS n
    """
)
_LOGS = text(
    """
    INSERT INTO job_events (job_id, seq, kind, key, time, data)
    SELECT :job_id, n, 'log', 'log/' || n, timestamptz '2026-01-01' + n * interval '1 second', jsonb_build_object(
        'level', CASE WHEN n % 1000 = 0 THEN 'error' WHEN n % 100 = 0 THEN 'warning' ELSE 'info' END,
        'message', 'Line ' || n || ' of 100%_done')
    FROM generate_series(1, :lines) AS n
    """
)


async def filled(services: Services, visitor: Visitor, statement: Any, last_seq: int, **values: Any) -> uuid.UUID:
    job_id = await rows.job(services, visitor, last_seq=last_seq)
    async with open_session(services.sessions) as session:
        await session.execute(statement, {"job_id": job_id, **values})
        await session.commit()
        await session.execute(text("ANALYZE job_events"))
        await session.commit()
    return job_id


def series_of(answer: Any) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.json()["series"]}


async def test_a_hundred_thousand_points_are_sampled_and_no_extreme_is_lost(services: Services, ada: Visitor) -> None:
    job_id = await filled(services, ada, _METRICS, MANY, many=MANY, peak=PEAK, dip=DIP)
    path = f"/jobs/{job_id}/curves"
    series_of(await ada.get(path))
    began = time.perf_counter()
    answer = await ada.get(path)
    wall_s = time.perf_counter() - began
    found = series_of(answer)
    assert (answer.json()["last_seq"], answer.json()["method"]) == (MANY, "min_max")
    assert next(iter(found)) == "loss"
    assert found.keys() == {"loss", "learning_rate", "grad_norm", "cost_per_s", "peak_bytes"}
    loss = found["loss"]
    assert (loss["total"], loss["sampled"], loss["x"]) == (MANY, True, "step")
    assert 900 <= len(loss["steps"]) <= 1000
    assert len(loss["values"]) == len(loss["times"]) == len(loss["steps"])
    assert loss["steps"] == sorted(loss["steps"])
    assert (loss["steps"][0], loss["steps"][-1]) == (1, MANY)
    bucket = MANY / 499
    for place, value in ((PEAK, 99.0), (DIP, -1.0)):
        [at] = [n for n, each in enumerate(loss["values"]) if each == value]
        assert abs(loss["steps"][at] - place) <= bucket + 1
    rate = found["learning_rate"]["values"]
    assert rate == sorted(rate, reverse=True)  # no saw teeth
    assert found["cost_per_s"]["unit"] == "audio_s/s"
    assert wall_s < 10.0, "on a busy machine; alone it takes a fraction of a second"
    assert len(answer.content) < 250_000

    near = series_of(await ada.get(path, params={"from_step": PEAK - 200, "to_step": PEAK + 199, "names": "loss"}))
    assert near.keys() == {"loss"}
    assert (near["loss"]["total"], near["loss"]["sampled"]) == (400, False)
    assert near["loss"]["steps"] == list(range(PEAK - 200, PEAK + 200))
    assert near["loss"]["values"][200] == 99.0
    half = series_of(await ada.get(path, params={"from_step": MANY // 2, "points": 50, "names": ["loss", "eta_s"]}))
    assert half["loss"]["total"] == MANY - MANY // 2 + 1
    assert len(half["loss"]["steps"]) <= 50
    assert max(half["loss"]["values"]) == 99.0
    assert set(half["eta_s"]["values"]) == {10.0}
    nothing = await ada.get(path, params={"from_step": MANY + 1})
    assert nothing.json()["series"] == []


async def test_few_points_come_as_they_are_with_the_validation_beside(
    services: Services, ada: Visitor, bob: Visitor
) -> None:
    job_id = await rows.job(services, ada)
    measured = {
        "kind": "metric",
        "key": "evaluation/validation/2",
        "time": "2026-01-01T00:00:05Z",
        "data": {"split": "validation", "step": 2, "primary": "wer", "metrics": {"wer": 0.5, "cer": 0.25}},
    }
    odd = rows.metric(3, loss="NaN", note="text", flag=True)
    await rows.say(services, job_id, rows.metric(1, loss=2.0), measured, rows.metric(2, loss=float("nan")), odd)
    await rows.say(services, job_id, rows.metric(4, loss=0.5))
    found = series_of(await ada.get(f"/jobs/{job_id}/curves"))
    assert list(found) == ["loss", "validation/cer", "validation/wer"]
    assert (found["loss"]["steps"], found["loss"]["values"]) == ([1, 4], [2.0, 0.5])
    assert found["validation/wer"]["title"] == "Validation WER"
    assert (found["validation/wer"]["steps"], found["validation/wer"]["values"]) == ([2], [0.5])
    only = series_of(await ada.get(f"/jobs/{job_id}/curves", params={"names": "validation/cer"}))
    assert list(only) == ["validation/cer"]
    assert (await bob.get(f"/jobs/{job_id}/curves")).status_code == 404
    strange = series_of(await ada.get(f"/jobs/{job_id}/curves", params={"names": "'; DROP TABLE jobs --"}))
    assert strange == {}
    for wrong in ({"points": 1}, {"points": 5001}, {"from_step": -1}):
        assert (await ada.get(f"/jobs/{job_id}/curves", params=wrong)).status_code == 422


async def test_a_log_of_fifty_thousand_lines_is_searched_and_scrolled(
    services: Services, ada: Visitor, bob: Visitor
) -> None:
    job_id = await filled(services, ada, _LOGS, LINES, lines=LINES)
    path = f"/jobs/{job_id}/logs"

    async def lines(**wanted: Any) -> tuple[list[int], int, str | None]:
        answer = await ada.get(path, params=wanted)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        return [item["seq"] for item in page["items"]], page["total"], page["next_cursor"]

    assert (await lines(limit=3))[:2] == ([1, 2, 3], LINES)
    assert (await lines(tail=3))[:2] == ([LINES - 2, LINES - 1, LINES], LINES)
    newest, _, cursor = await lines(order="newest", limit=3)
    assert newest == [LINES, LINES - 1, LINES - 2]
    assert (await lines(order="newest", limit=2, cursor=cursor))[0] == [LINES - 3, LINES - 4]
    assert (await lines(offset=40_000, limit=2))[0] == [40_001, 40_002]
    assert (await lines(after=10, before=14))[0] == [11, 12, 13]
    assert (await lines(before=14, order="newest", limit=2))[0] == [13, 12]
    assert (await lines(level="error", limit=2))[:2] == ([1000, 2000], LINES // 1000)
    assert (await lines(level="warning", limit=2))[:2] == ([100, 200], LINES // 100)
    assert (await lines(q="LINE 4999"))[:2] == ([4999, *range(49_990, 50_000)], 11)
    assert (await lines(q="100%_done", limit=1))[1] == LINES
    assert (await lines(q="100%xdone"))[1] == 0
    assert (await lines(q="line 1000", level="error"))[0] == [1000, 10_000]
    seed = random.randrange(2**31)
    place = random.Random(seed).randrange(LINES - 1000)
    assert (await lines(offset=place, limit=1000))[0] == list(range(place + 1, place + 1001)), f"seed {seed}"
    both = await ada.get(path, params={"tail": 3, "offset": 3, "order": "newest"})
    assert (both.status_code, sorted(paths_of(both))) == (422, ["offset", "order"])
    assert (await bob.get(path)).status_code == 404

    file = await ada.get(f"/jobs/{job_id}/logs.txt")
    assert file.headers["content-type"].startswith("text/plain")
    assert file.headers["content-disposition"].startswith("attachment")
    written = file.text.splitlines()
    assert len(written) == LINES
    assert written[999] == "2026-01-01T00:16:40.000+00:00 ERROR   Line 1000 of 100%_done"
    errors = await ada.get(f"/jobs/{job_id}/logs.txt", params={"level": "error"})
    assert len(errors.text.splitlines()) == LINES // 1000
    assert (await bob.get(f"/jobs/{job_id}/logs.txt")).status_code == 404


@pytest.mark.parametrize("points", [2, 3, 4, 7])
async def test_very_few_points_are_no_more_than_wanted(services: Services, ada: Visitor, points: int) -> None:
    job_id = await rows.job(services, ada)
    await rows.say(services, job_id, *(rows.metric(step, loss=1.0 / step) for step in range(1, 21)))
    loss = series_of(await ada.get(f"/jobs/{job_id}/curves", params={"points": points}))["loss"]
    assert len(loss["steps"]) <= max(points, 2)
    assert (loss["steps"][0], loss["steps"][-1], loss["total"]) == (1, 20, 20)
