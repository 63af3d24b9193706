"""`lim` nouns and verbs: what goes to the platform, what goes to standard output, and the exit status."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli.main import app
from services.cli.output import ordinal
from services.cli.profile import logins_file
from tests.unit.services.cli.conftest import Lim
from tests.unit.services.cli.stub import Asked, Stub
from tests.unit.services.filled import DOCUMENT, answer_of

ROOT = Path(__file__).parents[4]
ID = "5b1c0000-0000-4000-8000-00000000000{}"
NOUNS = {
    "datasets": "list show upload fetch follow report preview items versions revise download change delete",
    "jobs": "list show launch evaluate estimate follow stop resume logs metrics artifacts download bundle change delete",
    "sweeps": "run list show stop best delete",
    "models": "list show add change retire",
    "adapters": "list show create add-version versions compare download change delete",
    "projects": "list show create change delete",
    "pipelines": "list show launch follow stop resume delete",
    "keys": "list create delete",
    "notifications": "list show read watch delete",
    "account": "show usage change password audit notify webhook",
    "nodes": "list usage",
}
LISTED = {
    "datasets": "DatasetOut",
    "jobs": "JobOut",
    "sweeps": "JobOut",
    "models": "ModelOut",
    "adapters": "AdapterOut",
    "projects": "ProjectOut",
    "pipelines": "PipelineOut",
}


def job(number: int = 1, **changes: Any) -> dict[str, Any]:
    changes = {"name": "first", "type": "training", "result": None, "error": None, **changes}
    return answer_of("JobOut", id=ID.format(number), **changes)


def events(*numbers: int) -> str:
    data = json.dumps({"step": 1, "loss": 2.5})
    return "".join(f"id: {number}\nevent: metric\ndata: {data}\n\n" for number in numbers)


@pytest.mark.parametrize(("noun", "verb"), [(noun, verb) for noun, verbs in NOUNS.items() for verb in verbs.split()])
def test_every_verb_has_an_example(lim: Lim, noun: str, verb: str) -> None:
    shown = lim(noun, verb, "--help")
    assert shown.exit_code == 0, shown.output
    assert f"Example: lim {noun} {verb}" in " ".join(shown.stdout.split())


def test_every_command_that_talks_to_a_platform_has_json_and_a_server() -> None:
    root = typer.main.get_command(app)
    without = {"login", "logout", "whoami", "up", "train", "validate", "transcribe", "schema", "data", "users", "admin"}
    for noun, group in root.commands.items():  # type: ignore[attr-defined]
        if noun in without or not hasattr(group, "commands"):
            continue
        for verb, command in group.commands.items():
            flags = {flag for parameter in command.params for flag in parameter.opts}
            assert {"--json", "--server"} <= flags, f"lim {noun} {verb}"


@pytest.mark.parametrize("noun", LISTED)
def test_lists(lim: Lim, stub: Stub, noun: str) -> None:
    thing = answer_of(
        LISTED[noun], **({} if noun == "models" else {"name": "mine"}), id="m" if noun == "models" else ID
    )
    stub.on(f"GET /{noun}", {"items": [thing], "total": 7, "next_cursor": None})
    shown = lim(noun, "list", "--limit", "1")
    assert shown.exit_code == 0, shown.output
    assert ("m" if noun == "models" else "mine") in shown.stdout
    assert "1 of 7; --limit shows more" in shown.stderr
    as_json = lim(noun, "list", "--json")
    answer = json.loads(as_json.stdout)
    assert answer["total"] == 7
    assert answer["items"][0]["id"] == thing["id"]
    assert answer["items"][0].keys() >= thing.keys()
    assert stub.asked[0].headers["Authorization"] == "Bearer lim_x"


def test_the_history_of_a_job_names_the_primary_metric(lim: Lim, stub: Stub) -> None:
    def measured(step: int, **data: Any) -> dict[str, Any]:
        return answer_of("EventOut", seq=step, event_key=str(step)) | {"step": step} | data

    stub.on(f"GET /jobs/{ID.format(1)}", job())
    found = [
        measured(1, loss=2.5, learning_rate=0.001),
        measured(2, split="test", which="base", primary="cer", metrics={"wer": 1.0, "cer": 0.42}),
        measured(3, split="test", which="tuned", primary="wer", metrics={"wer": None, "cer": 0.1}),
    ]
    stub.on(f"GET /jobs/{ID.format(1)}/metrics", {"items": found, "total": 3, "next_cursor": None})
    shown = lim("jobs", "metrics", ID.format(1))
    assert shown.exit_code == 0, shown.output
    rows = [[word for word in line.split() if word not in "│┃"] for line in shown.stdout.splitlines()]
    for row in (["Step", "Loss", "Rate", "Metric"], ["1", "2.5", "0.001"], ["2", "CER", "42.0%"], ["3"]):
        assert row in rows


@pytest.mark.parametrize("name", ["[/red]", "[bold]loud", "\x1b[2Jgone", "a\tb"])
def test_names_are_no_markup_and_move_no_cursor(lim: Lim, stub: Stub, name: str) -> None:
    stub.on("GET /datasets", {"items": [answer_of("DatasetOut", name=name)], "total": 1, "next_cursor": None})
    stub.on(f"GET /datasets/{ID.format(1)}", answer_of("DatasetOut", name=name))
    for words in (("datasets", "list"), ("datasets", "show", ID.format(1))):
        shown = lim(*words)
        assert shown.exit_code == 0, shown.output
        assert "\x1b[2J" not in shown.stdout
        assert name.replace("\x1b", "\N{REPLACEMENT CHARACTER}").split("\t")[0] in shown.stdout


def test_a_thing_is_named_by_its_name_id_or_the_beginning_of_its_id(lim: Lim, stub: Stub) -> None:
    other = job(2, name="second") | {"id": "77770000-0000-4000-8000-000000000002"}
    stub.items("GET /jobs", job(1), other)
    stub.on(f"GET /jobs/{job()['id']}", job())
    for text in ("first", "5b1c", ID.format(1).upper(), "5b1c0000-0000"):
        shown = lim("jobs", "show", text, "--json")
        assert shown.exit_code == 0, shown.output
        assert json.loads(shown.stdout)["id"] == ID.format(1)
    assert lim("jobs", "show", "7").exit_code == 2  # too short for an id


def test_what_is_not_there_and_what_is_not_clear(lim: Lim, stub: Stub) -> None:
    stub.items("GET /jobs", job(1), job(2))
    missing = lim("jobs", "stop", "other")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert missing.stderr == "There is no job 'other'; `lim jobs list` lists them.\n"
    for text, how in (("first", "is the name of"), ("5b1c", "begins the ids of")):
        unclear = lim("jobs", "stop", text)
        assert unclear.exit_code == 2
        assert f"{text!r} {how} 2 jobs; give the id of one:" in unclear.stderr
        assert ID.format(1) in unclear.stderr
        assert ID.format(2) in unclear.stderr
    assert all(asked.method == "GET" for asked in stub.asked)


def test_deleting_asks_and_names_what_is_lost(lim: Lim, stub: Stub) -> None:
    stub.items("GET /datasets", answer_of("DatasetOut", id=ID.format(1), name="speech"))
    stub.on(f"DELETE /datasets/{ID.format(1)}", None, 204)
    asked = lim("datasets", "delete", "speech", input="y\n")
    assert asked.exit_code == 2
    assert "all its versions and recordings" in asked.stderr
    assert "pass --yes" in asked.stderr
    assert stub.sent(f"DELETE /datasets/{ID.format(1)}") == []
    done = lim("datasets", "delete", "speech", "--yes", "--json")
    assert json.loads(done.stdout) == {"deleted": [ID.format(1)]}
    assert len(stub.sent(f"DELETE /datasets/{ID.format(1)}")) == 1


def test_nothing_is_deleted_when_one_of_several_is_not_there(lim: Lim, stub: Stub) -> None:
    stub.items("GET /projects", answer_of("ProjectOut", id=ID.format(1), name="one"))
    assert lim("projects", "delete", "one", "two", "--yes").exit_code == 2
    assert all(asked.method == "GET" for asked in stub.asked)


def test_a_job_with_every_option(lim: Lim, stub: Stub, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        "name: mine\nmodel: whisper-tiny\ndata: here\n"
        "training: {max_steps: 9, method: {type: lora}}\nresources: {num_workers: 2}\n"
    )
    stub.items("GET /datasets", answer_of("DatasetOut", id=ID.format(3), name="speech"))
    stub.items("GET /projects", answer_of("ProjectOut", id=ID.format(4), name="digits"))
    stub.items("GET /jobs", job(5, name="chosen"))
    stub.on("POST /jobs", job(), 201)
    launched = lim(
        *(
            "jobs",
            "launch",
            "--dataset",
            "speech",
            "--config",
            config,
            "--set",
            "method.rank=4",
            "--dataset-version",
            2,
        ),
        *("--resources", "gpus_per_worker=1", "--budget", "wall_s=60", "--budget", "cost=1.5", "--priority", -3),
        *("--project", "digits", "--selected-by", "chosen", "--detach"),
    )
    assert launched.exit_code == 0, launched.output
    assert launched.stdout == f"{ID.format(1)}\n"
    [asked] = stub.sent("POST /jobs")
    assert asked.body == {
        "model_id": "whisper-tiny",
        "name": "mine",
        "dataset_id": ID.format(3),
        "dataset_version": 2,
        "config": {"max_steps": 9, "method": {"type": "lora", "rank": 4}},
        "resources": {"num_workers": 2, "gpus_per_worker": 1},
        "budget": {"wall_s": 60, "cost": 1.5},
        "priority": -3,
        "project_id": ID.format(4),
        "selection_id": ID.format(5),
    }


def test_faults_name_each_path(lim: Lim, stub: Stub) -> None:
    errors = [{"path": "config.max_steps", "message": "must be positive"}, {"path": "budget.cost", "message": "no"}]
    problem = {"code": "invalid_request", "detail": "The request has 2 faults; see errors.", "errors": errors}
    stub.on("POST /jobs", problem, 422)
    refused = lim("jobs", "launch", "--dataset", ID.format(3), "--set", "max_steps=-1", "--json")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "The request has 2 faults" in refused.stderr
    assert "  config.max_steps: must be positive\n  budget.cost: no" in refused.stderr


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(401, "unauthenticated", 3), (403, "forbidden", 3), (404, "not_found", 2), (409, "conflict", 1), (500, "x", 1)],
)
def test_exit_statuses(lim: Lim, stub: Stub, status: int, code: str, exit_code: int) -> None:
    stub.on(f"GET /jobs/{ID.format(1)}", {"code": code, "detail": "Why."}, status)
    refused = lim("jobs", "show", ID.format(1))
    assert (refused.exit_code, refused.stdout) == (exit_code, "")
    assert "Why." in refused.stderr
    assert "Traceback" not in refused.stderr


def test_no_platform_is_told(lim: Lim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIM_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _: None)
    refused = lim("jobs", "list")
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert "no answer from http://127.0.0.1:9" in refused.stderr
    assert "lim up" in refused.stderr


def test_without_a_login(lim: Lim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIM_API_KEY")
    refused = lim("jobs", "list")
    assert refused.exit_code == 3
    assert "lim login USERNAME" in refused.stderr


@pytest.mark.parametrize(("status", "exit_code"), [("succeeded", 0), ("failed", 1), ("stopped", 1)])
def test_following_resumes_and_ends_with_the_job(
    lim: Lim, stub: Stub, status: str, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    looks = iter([(200, events(1, 2)), (503, {"code": "away", "detail": "Restarting."}), (200, events(2, 3))])
    stub.answers[f"GET /jobs/{ID.format(1)}/events"] = lambda _: next(looks, (200, ""))
    stub.on(f"GET /jobs/{ID.format(1)}", job(status=status, error="why" if status == "failed" else None))
    shown = lim("jobs", "follow", ID.format(1), "--json")
    assert shown.exit_code == exit_code, shown.output
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert lines[0] == {"seq": 1, "kind": "metric", "step": 1, "loss": 2.5}
    after = [each.headers.get("Last-Event-ID") for each in stub.sent(f"GET /jobs/{ID.format(1)}/events")]
    assert after[:3] == [None, "2", "2"]
    assert f"Job {ID.format(1)}: {status}" in shown.stderr


def test_ctrl_c_leaves_the_job_running_and_says_so(lim: Lim, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.on(f"GET /jobs/{ID.format(1)}/events", events(1))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("services.cli.progress.RunProgress.show", interrupt)
    shown = lim("jobs", "follow", ID.format(1))
    assert shown.exit_code == 130
    assert f"Job {ID.format(1)} is still running" in shown.stderr
    assert f"lim jobs stop {ID.format(1)}" in shown.stderr
    assert [each for each in stub.asked if each.method == "POST"] == []


def test_an_upload_prints_the_id_and_continues_where_it_broke_off(
    lim: Lim, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    archive = tmp_path / "speech.zip"
    archive.write_bytes(b"abcdef")
    parts = [answer_of("PartOut", number=n, start=2 * n - 2, size=2, url=f"{stub.url}/store/{n}") for n in (1, 2, 3)]
    upload = answer_of("UploadOut", name="speech.zip", method="PUT", url=None, headers={}, parts=parts)
    upload["expires_at"] = "2999-01-01T00:00:00Z"
    pending = answer_of("DatasetOut", id=ID.format(1), name="speech", status="pending", error=None)
    stub.on("POST /datasets", {"dataset": pending, "uploads": [upload]}, 201)
    stub.on(f"GET /datasets/{ID.format(1)}", pending)
    stub.on(f"POST /datasets/{ID.format(1)}/complete", pending | {"status": "processing"}, 202)
    put: list[str] = []

    def store(refused: str) -> None:
        for n in ("1", "2", "3"):
            stub.answers[f"PUT /store/{n}"] = lambda asked: (
                (403, {"code": "expired", "detail": "No."}) if asked.path.endswith(refused) else put_at(asked)
            )

    def put_at(asked: Asked) -> tuple[int, Any]:
        put.append(asked.path)
        return 200, None

    monkeypatch.setattr("json.loads", lambda text, loads=json.loads: loads(text) if text[:1] not in b"abcdef" else text)
    store(refused="2")
    broken = lim("datasets", "upload", archive, "--detach")
    assert broken.exit_code == 1, broken.output
    assert put == ["/store/1"]
    kept = list((tmp_path / "cache").rglob("*.json"))
    assert [stat.S_IMODE(each.stat().st_mode) for each in kept] == [0o600]
    store(refused="nothing")
    done = lim("datasets", "upload", archive, "--detach")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{ID.format(1)}\n"
    assert put == ["/store/1", "/store/2", "/store/3"]
    assert len(stub.sent("POST /datasets")) == 1
    assert list((tmp_path / "cache").rglob("*.json")) == []


def test_login_keeps_the_key_for_its_user_alone(
    lim: Lim, stub: Stub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LIM_API_KEY")
    monkeypatch.setenv("LIM_PASSWORD", "a long pass phrase")
    stub.on("POST /auth/login", answer_of("TokensOut", expires_in=900))
    stub.on("POST /auth/logout", None, 204)
    stub.on("GET /users/me", answer_of("UserOut", username="ada"))
    made = answer_of("NewApiKeyOut", id=ID.format(1), key="lim_secret", start="lim_se", scope="write")
    stub.on("POST /users/me/api-keys", made, 201)
    logged_in = lim("login", "ada", "--json")
    assert logged_in.exit_code == 0, logged_in.output
    assert json.loads(logged_in.stdout)["username"] == "ada"
    assert "lim_secret" not in logged_in.output
    assert stat.S_IMODE(logins_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(logins_file().parent.stat().st_mode) == 0o700

    monkeypatch.delenv("LIM_URL")  # the platform of the last login
    told = lim("whoami", "--json")
    assert json.loads(told.stdout)["url"] == stub.url
    assert stub.asked[-1].headers["Authorization"] == "Bearer lim_secret"

    stub.on(f"DELETE /users/me/api-keys/{ID.format(1)}", None, 204)
    assert lim("logout").exit_code == 0
    assert len(stub.sent(f"DELETE /users/me/api-keys/{ID.format(1)}")) == 1
    monkeypatch.setenv("LIM_URL", stub.url)
    assert lim("whoami").exit_code == 3


def test_login_can_print_variables_for_a_shell(lim: Lim, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIM_PASSWORD", "a long pass phrase")
    stub.on("POST /auth/login", answer_of("TokensOut", expires_in=900))
    stub.on("POST /auth/logout", None, 204)
    stub.on("GET /users/me", answer_of("UserOut", username="ada"))
    stub.on("POST /users/me/api-keys", answer_of("NewApiKeyOut", key="lim_secret", start="lim_se"), 201)
    printed = lim("login", "ada", "--export")
    assert printed.stdout == f"export LIM_URL={stub.url} LIM_API_KEY=lim_secret\n"
    assert not logins_file().exists()


def test_names_of_earlier_releases_still_work(lim: Lim, stub: Stub) -> None:
    for words in ("data upload", "data items", "data versions", "data revise", "pipeline run", "pipeline show"):
        assert lim(*words.split(), "--help").exit_code == 0, words
    assert "pipeline " not in lim("--help").stdout


BEHIND = {
    "login logout refresh signup healthz": "what logging in and connecting does",
    "selection_schema training_schema": "`lim schema` prints them without a platform",
    "list_dataset_items": "`lim datasets items` calls list_items, which takes a version too",
    "body_schema training_presets": "forms of the web page; `configs/presets` holds the presets as files",
    "list_metrics list_tasks": "titles and choices of the web page; commands show titles already",
    "job_curves job_resources job_predictions dataset_item_facets": "drawn by the web page; `lim jobs artifacts` has the files",
    "job_log_file": "`lim jobs logs` prints the same lines",
    "renew_uploads": "`lim datasets upload` finishes in one call; the web page goes on with an interrupted one",
}
"""Operations that are no command of their own, and why."""


def test_every_operation_of_the_api_has_a_command() -> None:
    commands = "".join(path.read_text() for path in sorted((ROOT / "services" / "cli").glob("*.py")))
    layer = "".join((ROOT / "services" / "client" / f"{name}.py").read_text() for name in THIN_LAYER)
    called = set(re.findall(r"client\.(\w+)", commands))
    called |= set(re.findall(r"self\.(\w+)\(", layer))
    operations = {operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()}
    assert operations - called - set(" ".join(BEHIND).split()) == set()


THIN_LAYER = ("uploads", "downloads", "watching")


def test_a_queued_job_says_its_place_and_why_it_waits(lim: Lim, stub: Stub) -> None:
    place = {"position": 3, "reason": "own_earlier", "text": "An earlier job of yours goes first."}
    waiting = job(status="queued", queue=place)
    stub.items("GET /jobs", waiting, job(2, status="queued", queue={**place, "position": None}), job(3, queue=None))
    stub.on(f"GET /jobs/{ID.format(1)}", waiting)
    listed = lim("jobs", "list")
    assert listed.stdout.count("queued (3rd)") == 1
    shown = lim("jobs", "show", ID.format(1))
    assert "3rd: An earlier job of yours goes first." in shown.stdout
    assert json.loads(lim("jobs", "show", ID.format(1), "--json").stdout)["queue"] == place


@pytest.mark.parametrize(("number", "words"), [(1, "1st"), (2, "2nd"), (11, "11th"), (103, "103rd"), (112, "112th")])
def test_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words
