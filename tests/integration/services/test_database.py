"""Schema, migrations and the embedded server, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import asyncpg
import psutil
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from cluster.config import ResourcesConfig
from engine.config.measurement import MeasurementConfig
from engine.config.processing import ProcessingConfig
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.run.training_result import RunResult
from engine.stages.evaluate import EvaluationResult
from services.database import migrate
from services.database.embedded import EmbeddedPostgres
from services.database.models import Base, Job
from services.errors import EmbeddedServiceError
from services.jobs.kinds.evaluation import EvaluationSpec
from services.jobs.kinds.ingestion import IngestionSpec
from services.jobs.kinds.registry import read_spec
from services.jobs.kinds.selection import SelectionSpec
from services.jobs.kinds.training import TrainingSpec
from services.jobs.room import asked_resources
from services.pipelines.declaration import stage_of
from services.pipelines.stages.compare import CompareStage, Gate


async def test_models_and_migrations_agree(postgres: EmbeddedPostgres) -> None:
    url = postgres.create_database("test_agree")
    await migrate.upgrade_async(url)
    engine = create_async_engine(url)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    try:
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
            assert await connection.run_sync(migrate.current) == migrate.head()
    finally:
        await engine.dispose()


async def test_migrations_go_down_and_up_again(postgres: EmbeddedPostgres) -> None:
    url = postgres.create_database("test_down")
    await migrate.upgrade_async(url)
    await migrate.downgrade_async(url, "base")
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            tables = (
                await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
            ).all()
            assert set(tables) <= {"alembic_version"}
    finally:
        await engine.dispose()
    await migrate.upgrade_async(url)
    await migrate.upgrade_async(url)


async def test_a_database_that_had_splits_before_their_migration_goes_on(postgres: EmbeddedPostgres) -> None:
    """Revision 0002 had the column for a while."""
    url = postgres.create_database("test_splits")
    await migrate.upgrade_async(url)
    await migrate.downgrade_async(url, "0002")
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE datasets ADD COLUMN split JSONB"))
    finally:
        await engine.dispose()
    await migrate.upgrade_async(url)


async def test_datasets_of_before_versions_keep_what_they_had(postgres: EmbeddedPostgres) -> None:
    url = postgres.create_database("test_versions")
    await migrate.upgrade_async(url)
    await migrate.downgrade_async(url, "0013")
    engine = create_async_engine(url)
    statuses = ("ready", "pending", "error", "processing")
    try:
        async with engine.begin() as connection:
            user = "INSERT INTO users (id, username, username_key, email, email_key, password_hash, updated_at) "
            await connection.execute(text(user + "VALUES (gen_random_uuid(), 'a', 'a', 'a', 'a', 'a', now())"))
            for status in statuses:
                await connection.execute(
                    text(
                        "INSERT INTO datasets (id, user_id, name, task, source, split, status, report, attempts) SELECT "
                        "gen_random_uuid(), id, CAST(:status AS text), 't', '{}', '{\"test_fraction\": 0.2}', CAST(:status AS text), "
                        "jsonb_build_object('of', CAST(:status AS text)), 1 FROM users"
                    ),
                    {"status": status},
                )
            await connection.execute(
                text(
                    "INSERT INTO dataset_versions (id, dataset_id, number, prefix, utterances, audio_s, size, statistics, "
                    "sample) SELECT gen_random_uuid(), id, 1, 'p', 7, 1, 1, '{}', '[]' FROM datasets WHERE status = 'ready'"
                )
            )
    finally:
        await engine.dispose()
    for _ in range(2):  # up, down and up again
        await migrate.upgrade_async(url)
        engine = create_async_engine(url)
        query = (
            "SELECT name, number, dataset_versions.status, utterances, dataset_versions.report->>'of', "
            "options->'split'->>'test_fraction', job_id IS NOT NULL, source_kept FROM dataset_versions JOIN datasets "
            "ON datasets.id = dataset_id"
        )
        try:
            async with engine.connect() as connection:
                found = {row[0]: tuple(row[1:]) for row in await connection.execute(text(query))}
        finally:
            await engine.dispose()
        assert found == {
            status: (
                *(1, status, 7 if status == "ready" else 0, status, "0.2"),
                *(status == "processing", status == "processing"),  # it has a job, and its source is kept
            )
            for status in statuses
        }
        await migrate.downgrade_async(url, "0013")


async def test_metrics_of_before_they_had_names_are_carried_over(postgres: EmbeddedPostgres) -> None:
    url = postgres.create_database("test_metrics")
    await migrate.upgrade_async(url)
    await migrate.downgrade_async(url, "0017")
    engine = create_async_engine(url)
    training = json.loads((Path(__file__).parents[1] / "engine" / "earlier" / "v0.1.0-dev" / "result.json").read_text())
    evaluation = {
        "status": "succeeded", "model": "m", "split": "test", "utterances": 2, "audio_s": 3.0, "speakers": ["a"],
        "primary": "cer", "base_wer": None, "base_cer": None, "adapter_wer": 0.5, "adapter_cer": 0.25,
        "wer_by_speaker": {"a": 0.5}, "cer_by_speaker": {"a": 0.25}, "context": "short", "language": "sw",
        "references_cut": 0, "peak_bytes": 1, "wall_s": 2.0, "audio_s_per_s": 1.5,
    }  # fmt: skip
    newest = {"loss": 1.0, "audio_s_per_s": 9.0, "base_wer": 0.5, "adapter_cer": 0.2, "validation_wer": 0.3}
    events = [
        {"step": 1, "loss": 2.0, "audio_s_per_s": 9.0},
        {"split": "test", "which": "adapter", "step": 3, "wer": 0.5, "cer": 0.2, "utterances": 4, "wall_s": 1.0},
    ]
    compare = {"better_than_base": True, "most_wer": 0.15, "most_cer": None, "not_worse_than": None}
    compared = {
        "winner": "one", "training_id": "1", "primary": "wer", "wer": 0.1, "base_wer": 0.4,
        "candidates": [{"stage": "one", "training_id": "1", "wer": 0.1}],
    }  # fmt: skip
    try:
        async with engine.begin() as connection:

            async def add(sql: str, **values: object) -> None:
                told = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in values.items()}
                await connection.execute(text(sql), told)

            await add(
                "INSERT INTO users (id, username, username_key, email, email_key, password_hash, updated_at) "
                "VALUES (gen_random_uuid(), 'a', 'a', 'a', 'a', 'a', now())"
            )
            await add(
                "INSERT INTO datasets (id, user_id, name, task, source, status) "
                "SELECT gen_random_uuid(), id, 'd', 't', '{}', 'ready' FROM users"
            )
            for kind, result in (("training", training), ("evaluation", evaluation), ("selection", {"model": "m"})):
                await add(
                    "INSERT INTO jobs (id, user_id, name, model_id, dataset_id, dataset_version, type, config, resources, "
                    "status, metrics, result) SELECT gen_random_uuid(), user_id, 'j', 'm', id, 1, :kind, '{}', '{}', "
                    "'succeeded', CAST(:metrics AS jsonb), CAST(:result AS jsonb) FROM datasets",
                    kind=kind,
                    metrics=newest,
                    result=result,
                )
            for seq, data in enumerate(events, start=1):
                await add(
                    "INSERT INTO job_events (job_id, seq, kind, key, time, data) SELECT id, :seq, 'metric', :key, now(), "
                    "CAST(:data AS jsonb) FROM jobs WHERE type = 'training'",
                    seq=seq,
                    key=str(seq),
                    data=data,
                )
            await add("INSERT INTO adapters (id, user_id, name) SELECT gen_random_uuid(), id, 'a' FROM users")
            await add(
                "INSERT INTO adapter_versions (id, adapter_id, number, job_id, lineage) SELECT gen_random_uuid(), "
                "adapters.id, 1, jobs.id, jsonb_build_object('config', '{}'::jsonb, 'result', jobs.result) "
                "FROM adapters, jobs WHERE type = 'training'"
            )
            await add(
                "INSERT INTO pipelines (id, user_id, name, dataset_id, model_id, resources, status) SELECT "
                "gen_random_uuid(), user_id, 'p', id, 'm', '{}', 'succeeded' FROM datasets"
            )
            await add(
                "INSERT INTO pipeline_stages (id, pipeline_id, position, name, type, needs, settings, retry, result) "
                "SELECT gen_random_uuid(), id, 0, 'compare', 'compare', '[]', CAST(:settings AS jsonb), '{}', "
                "CAST(:result AS jsonb) FROM pipelines",
                settings=compare,
                result=compared,
            )
    finally:
        await engine.dispose()
    await migrate.upgrade_async(url)
    await migrate.downgrade_async(url, "0017")
    await migrate.upgrade_async(url)  # a second time changes nothing
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            rows = (await connection.execute(text("SELECT type, result, metrics FROM jobs"))).all()
            told = {row[0]: row[1] for row in rows}
            lineage = await connection.scalar(text("SELECT lineage FROM adapter_versions"))
            data = (await connection.scalars(text("SELECT data FROM job_events ORDER BY seq"))).all()
            settings, result = (await connection.execute(text("SELECT settings, result FROM pipeline_stages"))).one()
    finally:
        await engine.dispose()
    assert told["selection"] == {"model": "m"}
    trained = RunResult.model_validate(told["training"])
    assert trained == RunResult.model_validate(training)
    assert (trained.primary, trained.base, trained.saved_bytes) == (
        "wer",
        {"wer": 9.75, "cer": 14.304347826086957},
        53448,
    )
    measured = EvaluationResult.model_validate(told["evaluation"])
    assert measured == EvaluationResult.model_validate(evaluation)
    assert (measured.base, measured.tuned) == (None, {"wer": 0.5, "cer": 0.25})
    assert (measured.by_group, measured.facts) == (
        {"wer": {"a": 0.5}, "cer": {"a": 0.25}},
        {"audio_context": "short", "language": "sw", "references_cut": 0},
    )
    assert lineage["result"] == told["training"]
    assert all(
        row[2]
        == {
            "loss": 1.0,
            "cost_per_s": 9.0,
            "cost_unit": "audio_s",
            "base": {"wer": 0.5},
            "tuned": {"cer": 0.2},
            "validation": {"wer": 0.3},
        }
        for row in rows
    )
    assert data[0] == {"step": 1, "loss": 2.0, "cost_per_s": 9.0, "cost_unit": "audio_s"}
    assert data[1] == {
        "split": "test",
        "which": "tuned",
        "step": 3,
        "primary": "wer",
        "metrics": {"wer": 0.5, "cer": 0.2},
        "examples": 4,
        "wall_s": 1.0,
    }
    assert stage_of("compare", "compare", settings) == CompareStage(
        name="compare", gates=[Gate(better_than_base=True), Gate(metric="wer", at_most=0.15)]
    )
    assert result == {
        "winner": "one",
        "training_id": "1",
        "primary": "wer",
        "base": {"wer": 0.4},
        "tuned": {"wer": 0.1},
        "candidates": [{"stage": "one", "training_id": "1", "tuned": {"wer": 0.1}}],
    }


async def test_jobs_of_before_specs_keep_what_they_were_asked(postgres: EmbeddedPostgres) -> None:
    url = postgres.create_database("test_specs")
    await migrate.upgrade_async(url)
    await migrate.downgrade_async(url, "0019")
    ids = {name: uuid.UUID(int=number) for number, name in enumerate(("selection", "training", "alone", "evaluation"))}
    config = TrainingConfig(max_steps=7).model_dump(mode="json")
    chosen = SelectionConfig(seed=3).model_dump(mode="json")
    measured = MeasurementConfig(split="all").model_dump(mode="json")
    asked: dict[str, dict[str, object]] = {
        "selection": {"type": "selection", "selection": chosen},
        "training": {"type": "training", "selection_id": ids["selection"]},
        "alone": {"type": "training"},
        "evaluation": {"type": "evaluation", "measurement": measured, "training_id": ids["training"]},
    }

    async def run(*statements: tuple[str, dict[str, object]]) -> None:
        engine = create_async_engine(url)
        try:
            async with engine.begin() as connection:
                for sql, values in statements:
                    told = {name: json.dumps(v) if isinstance(v, dict) else v for name, v in values.items()}
                    await connection.execute(text(sql), told)
        finally:
            await engine.dispose()

    async def rows(sql: str) -> list[dict[str, object]]:
        engine = create_async_engine(url)
        try:
            async with engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(text(sql))).mappings()]
        finally:
            await engine.dispose()

    insert = (
        "INSERT INTO jobs (id, user_id, name, model_id, model, dataset_id, dataset_version, type, config, selection, "
        "selection_id, measurement, training_id, resources, status) SELECT :id, user_id, :name, 'm', '{}', id, 1, :type, "
        "CAST(:config AS jsonb), CAST(:selection AS jsonb), :selection_id, CAST(:measurement AS jsonb), :training_id, '{}', "
        "'succeeded' FROM datasets"
    )
    optional = dict.fromkeys(("selection", "selection_id", "measurement", "training_id"))
    await run(
        (
            "INSERT INTO users (id, username, username_key, email, email_key, password_hash, updated_at) "
            "VALUES (gen_random_uuid(), 'a', 'a', 'a', 'a', 'a', now())",
            {},
        ),
        (
            "INSERT INTO datasets (id, user_id, name, task, source, status) "
            "SELECT gen_random_uuid(), id, 'd', 't', '{}', 'ready' FROM users",
            {},
        ),
        *(
            (insert, {"id": ids[name], "name": name, "config": config, **optional, **fields})
            for name, fields in asked.items()
        ),
    )
    earlier = "SELECT id, type, config, selection, selection_id, measurement, training_id FROM jobs ORDER BY id"
    before = await rows(earlier)
    for _ in range(2):  # up, down and up again
        await migrate.upgrade_async(url)
        found = {row["name"]: row for row in await rows("SELECT name, type, spec, needs_id FROM jobs")}
        assert {name: row["needs_id"] for name, row in found.items()} == {
            "selection": None,
            "training": ids["selection"],
            "alone": None,
            "evaluation": ids["training"],
        }
        specs = {name: read_spec(Job(type=row["type"], spec=row["spec"]))[1] for name, row in found.items()}
        assert specs == {
            "selection": SelectionSpec(config=TrainingConfig(max_steps=7), selection=SelectionConfig(seed=3)),
            "training": TrainingSpec(config=TrainingConfig(max_steps=7), selection_id=ids["selection"]),
            "alone": TrainingSpec(config=TrainingConfig(max_steps=7)),
            "evaluation": EvaluationSpec(
                config=TrainingConfig(max_steps=7),
                measurement=MeasurementConfig(split="all"),
                training_id=ids["training"],
            ),
        }
        await migrate.downgrade_async(url, "0019")
        assert await rows(earlier) == before

    await migrate.upgrade_async(url)
    await run(("UPDATE jobs SET type = 'sweep' WHERE name = 'alone'", {}))  # as a later release could
    with pytest.raises(RuntimeError, match=r"jobs has 1 of type sweep; .* training, selection, evaluation\. Delete"):
        await migrate.downgrade_async(url, "0019")
    assert len(await rows("SELECT spec FROM jobs")) == 4


async def test_changes_are_noted_from_their_migration_on_and_not_after_a_downgrade(postgres: EmbeddedPostgres) -> None:
    url = postgres.create_database("test_changes")
    await migrate.upgrade_async(url)
    engine = create_async_engine(url)
    noted = text("SELECT kind, resource_id = row_id, gone_at IS NOT NULL FROM changes ORDER BY 1, 2, 3")

    async def run(*statements: str) -> None:
        async with engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    async def found() -> list[tuple[str, bool, bool]]:
        async with engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(noted)]

    rename = "UPDATE datasets SET name = 'renamed ' || gen_random_uuid()"
    try:
        await run(
            "INSERT INTO users (id, username, username_key, email, email_key, password_hash) "
            "VALUES (gen_random_uuid(), 'a', 'a', 'a', 'a', 'a')",
            "INSERT INTO datasets (id, user_id, name, task, source, status) "
            "SELECT gen_random_uuid(), id, 'd', 't', '{}', 'ready' FROM users",
            "INSERT INTO dataset_versions (id, dataset_id, number, prefix, status) "
            "SELECT gen_random_uuid(), id, 1, 'p', 'ready' FROM datasets",
        )
        assert await found() == [("dataset", False, False), ("dataset", True, False)]
        await migrate.downgrade_async(url, "0021")
        await run(rename, "UPDATE dataset_versions SET error = 'e'", "DELETE FROM dataset_versions")
        await migrate.upgrade_async(url)
        assert await found() == []
        await run("UPDATE datasets SET name = name")  # changes nothing
        assert await found() == []
        await run(rename)
        assert await found() == [("dataset", True, False)]
        await run("DELETE FROM users")  # with all that belongs to them
        assert await found() == [("dataset", True, True)]
    finally:
        await engine.dispose()


async def test_versions_that_wait_become_jobs_and_wait_again_after_a_downgrade(postgres: EmbeddedPostgres) -> None:
    url = postgres.create_database("test_ingestions")
    await migrate.upgrade_async(url)
    await migrate.downgrade_async(url, "0020")
    web, upload = {"type": "url", "url": "https://a.example/a.zip"}, {"type": "upload", "files": []}
    bucket = {"type": "s3", "uri": "s3://theirs/speech"}
    # Name: source, number and status of the version, whether the dataset is deleted.
    versions: dict[str, tuple[dict[str, object], int, str, bool]] = {
        "fetched": (web, 1, "processing", False),
        "from a bucket": (bucket, 1, "processing", False),
        "uploaded": (upload, 1, "processing", False),
        "revised": (web, 2, "processing", False),
        "deleted": (web, 1, "processing", True),
        "made": (upload, 1, "ready", False),
        "tried": (upload, 1, "error", False),
    }
    options = ProcessingConfig(language="de").model_dump(mode="json")
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO users (id, username, username_key, email, email_key, password_hash, updated_at) "
                    "VALUES (gen_random_uuid(), 'a', 'a', 'a', 'a', 'a', now())"
                )
            )
            for name, (source, number, status, is_deleted) in versions.items():
                values = {"name": name, "source": json.dumps(source), "status": status, "is_deleted": is_deleted}
                await connection.execute(
                    text(
                        "INSERT INTO datasets (id, user_id, name, task, source, status, deleted_at) SELECT "
                        "gen_random_uuid(), id, :name, 'speech_to_text', CAST(:source AS jsonb), :status, "
                        "CASE WHEN :is_deleted THEN now() END FROM users"
                    ),
                    values,
                )
                await connection.execute(
                    text(
                        "INSERT INTO dataset_versions (id, dataset_id, number, status, options, prefix, attempts) SELECT "
                        "gen_random_uuid(), id, :number, :status, CAST(:options AS jsonb), 'p', 2 FROM datasets "
                        "WHERE name = :name"
                    ),
                    {"name": name, "number": number, "status": status, "options": json.dumps(options)},
                )
            await connection.execute(
                text(
                    "INSERT INTO jobs (id, user_id, name, model_id, model, dataset_id, dataset_version, type, spec, "
                    "resources, status) SELECT gen_random_uuid(), user_id, 'j', 'm', '{}', id, 1, 'training', '{}', '{}', "
                    "'running' FROM datasets WHERE name = 'made'"
                )
            )
    finally:
        await engine.dispose()

    async def read(sql: str) -> dict[str, tuple[object, ...]]:
        engine = create_async_engine(url)
        try:
            async with engine.connect() as connection:
                return {row[0]: tuple(row[1:]) for row in await connection.execute(text(sql))}
        finally:
            await engine.dispose()

    for _ in range(2):  # up, down and up again
        await migrate.upgrade_async(url)
        jobs = await read(
            "SELECT datasets.name, jobs.name, lane, jobs.status, spec, resources, model_id, model, dataset_version, "
            "jobs.user_id = datasets.user_id, version.job_id = jobs.id FROM jobs JOIN datasets ON datasets.id = "
            "jobs.dataset_id JOIN dataset_versions version ON version.dataset_id = datasets.id AND number = "
            "dataset_version WHERE type = 'ingestion'"
        )
        assert {name: job[:3] for name, job in jobs.items()} == {
            "fetched": ("version 1 of fetched", "fetch", "queued"),
            "from a bucket": ("version 1 of from a bucket", "fetch", "queued"),
            "uploaded": ("version 1 of uploaded", "ingest", "queued"),
            "revised": ("version 2 of revised", "ingest", "queued"),
        }
        assert all(job[5:7] == (None, None) and job[8:] == (True, True) for job in jobs.values())
        addresses = {name: read_spec(Job(type="ingestion", spec=job[3]))[1] for name, job in jobs.items()}
        assert addresses == {
            name: IngestionSpec(
                source=versions[name][0]["type"],  # type: ignore[arg-type]
                address=versions[name][0].get("url") or versions[name][0].get("uri"),  # type: ignore[arg-type]
                options=ProcessingConfig(language="de"),
            )
            for name in jobs
        }
        assert all(asked_resources(job[4]) == ResourcesConfig() for job in jobs.values())  # type: ignore[arg-type]
        await migrate.downgrade_async(url, "0020")
        statuses = await read("SELECT name, v.status FROM datasets JOIN dataset_versions v ON dataset_id = datasets.id")
        assert {name: status for name, (status,) in statuses.items()} == {
            name: status for name, (_, _, status, _) in versions.items()
        }
        assert await read("SELECT type, model_id, status FROM jobs") == {"training": ("m", "running")}


def test_upgrade_from_plain_code(postgres: EmbeddedPostgres) -> None:
    migrate.upgrade(postgres.create_database("test_plain").replace("+asyncpg", ""))


def test_who_joins_the_embedded_server_does_not_stop_it(tmp_path: Path) -> None:
    with EmbeddedPostgres.start(tmp_path) as first:
        joined = subprocess.run(
            [sys.executable, "-c", _JOIN, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
        )
        told = json.loads(joined.stdout.splitlines()[-1])
        assert told == {"url": first.url, "started": False}
        pid = _pid(tmp_path)
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_server_ends_with_a_user_that_is_killed_and_keeps_its_data(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _DIE, str(tmp_path)], check=False, timeout=60, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    deadline = time.monotonic() + 30
    while (tmp_path / "postgres" / "postmaster.pid").exists():
        assert time.monotonic() < deadline, "PostgreSQL has been left behind"
        time.sleep(0.05)
    with EmbeddedPostgres.start(tmp_path) as heir:
        assert heir.started
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_a_killed_keeper_takes_its_server_along_and_another_is_started_at_the_same_address(tmp_path: Path) -> None:
    with EmbeddedPostgres.start(tmp_path) as server:
        pid = _pid(tmp_path)
        psutil.Process(json.loads((tmp_path / "postgres.json").read_text())["keeper"]).kill()
        deadline = time.monotonic() + 30
        while server.is_running():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.revive()
        assert _pid(tmp_path) != pid
        asyncio.run(_read_one(server.url))


def test_a_server_that_is_still_recovering_is_waited_for(tmp_path: Path) -> None:
    with EmbeddedPostgres.start(tmp_path):
        pass
    data = tmp_path / "postgres"
    with (data / "postgresql.auto.conf").open("a") as config:
        config.write("restore_command = 'sleep 0.3; false'\n")  # asked for several times before it is ready
    (data / "recovery.signal").touch()
    with EmbeddedPostgres.start(tmp_path) as server:
        asyncio.run(_read_one(server.url))
    assert not (data / "recovery.signal").exists()
    assert not (data / "postmaster.pid").exists()


def test_nobody_else_reaches_the_server(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with EmbeddedPostgres.start(tmp_path) as server:
        sockets = Path(make_url(server.url).query["host"])
        for folder in (sockets, tmp_path / "postgres"):
            assert folder.stat().st_mode & 0o077 == 0, folder
        assert tmp_path.stat().st_mode & 0o066 == 0
        assert (sockets / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
        for name in ("postgres.password", "postgres.json", "postgres.log", "postgres.users"):
            assert (tmp_path / name).stat().st_mode & 0o077 == 0, name
        for user in ("postgres", "lim"):
            for password in (None, "", "postgres", "lim"):
                with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
                    asyncio.run(_connect(str(sockets), user, password))
        assert not asyncio.run(_read_one(server.url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which takes root")
def test_another_user_of_the_machine_is_not_let_in_even_with_the_password(tmp_path: Path) -> None:
    with EmbeddedPostgres.start(tmp_path) as server:
        url = server.url.replace("+asyncpg", "")
        nobody = pwd.getpwnam("nobody")
        done = subprocess.run(
            [sys.executable, "-c", _READ, url, str(nobody.pw_uid), str(nobody.pw_gid)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode != 0
        assert "Permission" in done.stderr or "denied" in done.stderr, done.stderr


def test_a_long_home_has_its_socket_in_a_folder_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 30)
    with EmbeddedPostgres.start(home) as server:
        sockets = Path(make_url(server.url).query["host"])
        assert sockets.parent == Path("/tmp")
        assert sockets.stat().st_mode & 0o777 == 0o700
        url = server.url
    assert not sockets.exists()
    with EmbeddedPostgres.start(home) as server:
        assert server.url == url


def test_a_server_that_let_everybody_in_asks_for_a_password_and_its_tables_are_the_platforms(tmp_path: Path) -> None:
    with EmbeddedPostgres.start(tmp_path) as server:
        asyncio.run(_read_one(server.url, "CREATE TABLE kept (n int)"))
        sockets = make_url(server.url).query["host"]
        password = (tmp_path / "postgres.password").read_text()
        given_back = "ALTER TABLE kept OWNER TO postgres"
        asyncio.run(_connect(sockets, "postgres", password, given_back, "less_is_more"))
    (tmp_path / "postgres.password").unlink()
    (tmp_path / "postgres" / "pg_hba.conf").write_text("local all all trust\n")
    with EmbeddedPostgres.start(tmp_path) as server:
        assert (tmp_path / "postgres.password").read_text() != password
        asyncio.run(_read_one(server.url, "ALTER TABLE kept ADD COLUMN m int"))
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(_connect(sockets, "postgres", password))


def test_what_a_killed_first_start_left_is_made_anew(tmp_path: Path) -> None:
    draft = tmp_path / "postgres.draft"
    draft.mkdir()
    # As PostgreSQL's initdb leaves it: the bootstrap process has a negative number, and the file too few lines.
    (draft / "PG_VERSION").write_text("16\n")
    (draft / "postmaster.pid").write_text(f"-99999\n{draft}\n1795328050\n5432\n\n\n  3506179    491570\n")
    (tmp_path / "postgres").mkdir()
    with EmbeddedPostgres.start(tmp_path) as server:
        assert server.started
        assert (tmp_path / "postgres" / "PG_VERSION").is_file()
    assert not draft.exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "letter.txt").write_text("mine")
    with pytest.raises(EmbeddedServiceError, match="postgres holds something that is no database; move it away"):
        EmbeddedPostgres.start(tmp_path)
    assert (tmp_path / "postgres" / "letter.txt").read_text() == "mine"


async def test_the_embedded_server_keeps_its_data(tmp_path: Path) -> None:
    for expected in (0, 1):
        with EmbeddedPostgres.start(tmp_path) as server:
            connection = await asyncpg.connect(server.url.replace("+asyncpg", ""))
            await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            assert await connection.fetchval("SELECT count(*) FROM kept") == expected
            await connection.execute("INSERT INTO kept VALUES (1)")
            await connection.close()


_JOIN = """
import json, sys
from pathlib import Path
from services.database.embedded import EmbeddedPostgres
server = EmbeddedPostgres.start(Path(sys.argv[1]))
print(json.dumps({"url": server.url, "started": server.started}))
server.stop()
"""
_READ = """
import asyncio, os, sys
import asyncpg
os.setgroups([])  # after the imports: another user may not be let in to this Python either
os.setgid(int(sys.argv[3]))
os.setuid(int(sys.argv[2]))
asyncio.run(asyncpg.connect(sys.argv[1], timeout=10))
"""
_DIE = """
import os, signal, sys
from pathlib import Path
from services.database.embedded import EmbeddedPostgres
EmbeddedPostgres.start(Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def _pid(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


async def _read_one(url: str, statement: str = "SELECT 1") -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _connect(
    sockets: str, user: str, password: str | None, statement: str = "SELECT 1", database: str = "postgres"
) -> None:
    connection = await asyncpg.connect(host=sockets, user=user, password=password, database=database, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
