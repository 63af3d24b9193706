"""The API on Ray Serve, the hub, Ray Jobs: everything real but the training, and all of it killed in turn."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx_sse
import numpy as np
import psutil
import pytest
import ray
import soundfile
from ray.job_submission import JobSubmissionClient
from ray.util.state import list_actors

from cluster.ports import free_port
from cluster.runtime import start_local
from cluster.storage.embedded import EmbeddedS3
from services.database import migrate
from services.database.embedded import EmbeddedPostgres
from services.jobs.hub import NAME, NAMESPACE, start_hub
from services.jobs.submission import PROJECT_ROOT
from services.settings import Settings, load_settings
from tests.integration.services.followers import Follower
from tests.integration.services.killable import kept_environment, processes_called
from tests.integration.services.recordings import archive, good
from tests.integration.services.stand_in_driver import DIES_ONCE, FAILS
from tests.integration.services.visitors import PASSWORD

DRIVER = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name('stand_in_driver.py')))}"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray Serve is deprecated in its own eyes when it is imported
    from services import serve_app

# What Ray warns of in this process is not ours.
pytestmark = [pytest.mark.timeout(400), pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def settings(home: Path, postgres: EmbeddedPostgres, s3: EmbeddedS3) -> Settings:
    """A database of its own: the hub does whatever waits in it."""
    url = postgres.create_database("platform")
    migrate.upgrade(url)
    environ = {"LIM_HOME": str(home), "LIM_RECONCILE_S": "0.5", "LIM_STOP_GRACE_S": "60", "LIM_API_REPLICAS": "1"}
    return load_settings(environ, database_url=url, s3=s3.settings)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray cluster of our own."""
    with kept_environment(), start_local(cpus=2):
        yield


@pytest.fixture(scope="module")
def user(settings: Settings, cluster: None) -> Iterator[httpx.Client]:
    """Somebody logged in to the platform."""
    start_hub(settings, DRIVER)
    address = serve_app.deploy_api(settings, port=free_port())
    with httpx.Client(base_url=f"{address}/api/v1", timeout=60) as http:
        account = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
        assert http.post("/auth/signup", json=account).status_code == 201
        tokens = http.post("/auth/login", json={"username_or_email": "ada", "password": PASSWORD}).json()
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield http
    serve_app.undeploy()


@pytest.fixture(scope="module")
def dataset_id(user: httpx.Client) -> str:
    """A dataset, ingested on the cluster."""
    dataset = ready_dataset(user, archive(good()))
    assert dataset["statistics"]["utterances"] == 4
    identifier: str = dataset["id"]
    return identifier


def ready_dataset(user: httpx.Client, data: bytes, task: str = "speech_to_text") -> dict[str, Any]:
    """A dataset of an archive, once it is ingested."""
    source = {"type": "upload", "files": [{"name": "data.zip", "size": len(data)}]}
    new = user.post("/datasets", json={"name": task, "task": task, "source": source}).json()
    assert httpx.put(new["uploads"][0]["url"], content=data).status_code == 200
    path = f"/datasets/{new['dataset']['id']}"
    assert user.post(f"{path}/complete").status_code == 202
    while (dataset := user.get(path).json())["status"] == "processing":
        time.sleep(0.1)
    assert dataset["status"] == "ready", dataset
    found: dict[str, Any] = dataset
    return found


def sounds() -> bytes:
    """An archive with a folder of tones for each of two classes, by four sites each."""
    generator, packed = np.random.default_rng(0), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, hz in (("high", 2000.0), ("low", 300.0)):
            for take in range(12):
                time_T = np.arange(round(generator.uniform(0.5, 0.9) * 16_000)) / 16_000
                wave_T = 0.3 * np.sin(
                    2 * np.pi * hz * generator.uniform(0.8, 1.2) * time_T
                ) + 0.02 * generator.standard_normal(len(time_T))
                recording = io.BytesIO()
                soundfile.write(recording, wave_T.astype(np.float32), 16_000, format="WAV")
                archive.writestr(f"{name}/{take}.wav", recording.getvalue())
    return packed.getvalue()


def launch(user: httpx.Client, dataset_id: str, steps: int, fate: float = 1e-3) -> str:
    """A job whose stand-in driver ends as told."""
    config = {"max_steps": steps, "optimizer": {"type": "adamw", "learning_rate": fate}}
    answer = user.post("/jobs", json={"model_id": "whisper-pico", "dataset_id": dataset_id, "config": config})
    assert answer.status_code == 201, answer.text
    identifier: str = answer.json()["id"]
    return identifier


@pytest.mark.faults
def test_a_job_survives_the_death_of_its_driver_the_hub_and_the_api(user: httpx.Client, dataset_id: str) -> None:
    job_id = launch(user, dataset_id, steps=60, fate=DIES_ONCE)
    follower = Follower(user, job_id)
    follower.until_step(5)
    hub = ray.get_actor(NAME, NAMESPACE)
    hub_pid = ray.get(hub.pid.remote())
    os.kill(hub_pid, signal.SIGKILL)
    follower.until_step(40)  # the driver has died at step 30, and somebody has submitted it again
    address = ray.get_runtime_context().gcs_address  # there may be other clusters on this machine
    replicas = list_actors(address, filters=[("state", "=", "ALIVE"), ("ray_namespace", "=", "serve")])
    [replica_pid] = [actor.pid for actor in replicas if actor.class_name.startswith("ServeReplica")]
    os.kill(replica_pid, signal.SIGKILL)
    follower.join(timeout=200)

    assert follower.ended
    assert [event["seq"] for event in follower.events] == list(range(1, len(follower.events) + 1))
    assert sorted(follower.steps()) == list(range(1, 61))
    assert follower.statuses()[-1] == "succeeded"
    starts = follower.statuses().count("starting")
    assert starts >= 2, user.get(f"/jobs/{job_id}/logs").text  # a machine with much to do may lose a driver more
    assert ray.get(hub.pid.remote()) != hub_pid

    job = user.get(f"/jobs/{job_id}").json()
    assert (job["status"], job["attempt"], job["step"], job["progress"]) == ("succeeded", starts, 60, 1.0)
    assert job["result"]["steps"] == 60
    artifacts = user.get(f"/jobs/{job_id}/artifacts").json()["items"]
    assert {artifact["kind"] for artifact in artifacts} == {"adapter", "result"}
    for artifact in artifacts:
        data = httpx.get(artifact["url"]).content
        assert (len(data), hashlib.sha256(data).hexdigest()) == (artifact["size"], artifact["sha256"])


def test_ray_shows_no_keys_of_the_object_store(settings: Settings, user: httpx.Client, dataset_id: str) -> None:
    job_id = launch(user, dataset_id, steps=2)
    Follower(user, job_id).join(timeout=100)
    assert user.get(f"/jobs/{job_id}").json()["status"] == "succeeded"  # it had them all the same
    jobs = JobSubmissionClient(ray.get_runtime_context().gcs_address).list_jobs()
    assert any(job.submission_id == f"lim-{job_id}-1" for job in jobs)
    shown = repr(jobs)
    assert settings.s3.secret_access_key
    assert settings.s3.secret_access_key not in shown
    assert settings.s3.access_key_id not in shown


def test_a_job_is_stopped_and_goes_on_later(user: httpx.Client, dataset_id: str) -> None:
    job_id = launch(user, dataset_id, steps=200)
    follower = Follower(user, job_id)
    follower.until_step(3)
    assert user.post(f"/jobs/{job_id}/stop").json()["status"] == "stopping"
    follower.join(timeout=100)
    assert follower.statuses()[-1] == "stopped"
    job = user.get(f"/jobs/{job_id}").json()
    stopped_at = job["result"]["steps"]
    assert (job["status"], job["error"]) == ("stopped", None)
    assert 3 <= stopped_at < 200

    assert user.post(f"/jobs/{job_id}/resume").json()["status"] == "queued"
    follower = Follower(user, job_id)
    follower.until_step(stopped_at + 3)
    assert user.post(f"/jobs/{job_id}/stop").status_code == 202
    follower.join(timeout=100)
    assert sorted(follower.steps()) == list(range(1, max(follower.steps()) + 1))
    assert user.get(f"/jobs/{job_id}").json()["result"]["steps"] > stopped_at


def test_what_the_cluster_could_never_hold_is_refused(user: httpx.Client, dataset_id: str) -> None:
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": {"max_steps": 1}}
    answer = user.post("/jobs", json={**body, "resources": {"gpus_per_worker": 1}})
    assert answer.status_code == 422
    assert answer.json()["code"] == "infeasible_resources"
    assert [error["path"] for error in answer.json()["errors"]] == ["resources.gpus_per_worker"]
    answer = user.post("/jobs", json={**body, "resources": {"num_workers": 3}})
    assert [error["path"] for error in answer.json()["errors"]] == ["resources.num_workers"]
    assert "3 workers do not fit" in answer.text


def test_the_nodes_are_those_of_the_cluster(user: httpx.Client) -> None:
    listed = user.get("/cluster/nodes").json()
    assert listed["total"] == 1
    node = listed["items"][0]
    assert (node["resources"]["CPU"], node["device_class"]) == (2.0, None)
    assert node["memory_bytes"] > 0
    assert not any(name.startswith("node:") for name in node["resources"])


def test_a_job_that_fails_says_why(user: httpx.Client, dataset_id: str) -> None:
    job_id = launch(user, dataset_id, steps=5, fate=FAILS)
    follower = Follower(user, job_id)
    follower.join(timeout=100)
    job = user.get(f"/jobs/{job_id}").json()
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert job["error"].endswith("the data cannot be learned")
    assert follower.statuses()[-1] == "failed"
    logs = user.get(f"/jobs/{job_id}/logs").json()["items"]
    assert any("the data cannot be learned" in line["message"] for line in logs)
    told = [item for item in user.get("/notifications").json()["items"] if item["resource_id"] == job_id]
    assert [(item["kind"], item["detail"]) for item in told] == [("job_failed", job["error"])]
    before = {"Last-Event-ID": str(told[0]["seq"] - 1)}
    with user.stream("GET", "/notifications/events", headers=before) as stream:
        event = next(event for event in httpx_sse.EventSource(stream).iter_sse() if event.id)
    assert (int(event.id), event.event, event.json()["id"]) == (told[0]["seq"], "notification", told[0]["id"])


@pytest.mark.faults
def test_real_training_through_the_api_survives_the_death_of_its_driver(
    settings: Settings, user: httpx.Client, dataset_id: str
) -> None:
    start_hub(settings)  # with the real driver, in the place of the stand-in's
    steps = 100  # more than it can do before it is seen to have begun
    config = {
        "max_steps": steps,
        "log_every_steps": 1,
        "checkpoint": {"every_steps": 5},
        "method": {"type": "qlora", "rank": 2},
        "split": {"test_groups": ["speaker1"], "validation_fraction": 0.0},
        "batch": {"cost": 2.0, "micro_batch_cost": 2.0},
    }
    answer = user.post("/jobs", json={"model_id": "whisper-pico", "dataset_id": dataset_id, "config": config})
    assert answer.status_code == 201, answer.text
    job_id = answer.json()["id"]
    follower = Follower(user, job_id)
    follower.until_step(3)
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "cluster.train" in command and any(job_id in part for part in command):
            process.kill()
            process.wait(30)
    follower.join(timeout=300)

    job = user.get(f"/jobs/{job_id}").json()
    assert job["status"] == "succeeded", user.get(f"/jobs/{job_id}/logs").text
    assert job["attempt"] == 2
    logs = user.get(f"/jobs/{job_id}/logs").text
    assert "items are good" in logs
    assert "The whole report: the report of the dataset, on the platform" in logs
    assert [event["seq"] for event in follower.events] == list(range(1, len(follower.events) + 1))
    phases = [event["phase"] for event in follower.events if "phase" in event]
    assert phases[0] == "loading"
    assert phases[-1] == "done"
    trained = [event["step"] for event in follower.events if event["event_key"].startswith("train/")]
    assert sorted(trained) == list(range(1, steps + 1))
    assert {"base", "tuned", "primary", "loss"} <= set(job["metrics"])
    assert job["result"]["steps"] == steps
    assert job["result"]["test_groups"] == ["speaker1"]
    artifacts = {item["name"]: item for item in user.get(f"/jobs/{job_id}/artifacts").json()["items"]}
    weights = artifacts["adapter/adapter_model.safetensors"]
    data = httpx.get(weights["url"]).content
    assert hashlib.sha256(data).hexdigest() == weights["sha256"]
    assert "adapter/adapter_config.json" in artifacts
    origin = str(user.base_url).removesuffix("/api/v1/")
    assert weights["url"].startswith(f"{origin}/objects/")
    [worker] = user.get(f"/jobs/{job_id}/resources").json()["workers"]
    used = {each["name"]: each["values"] for each in worker["series"]}
    assert max(used["rss_bytes"]) > 100 * 2**20
    assert max(used["cpu_cores"]) > 0
    curves = {each["name"]: each for each in user.get(f"/jobs/{job_id}/curves").json()["series"]}
    assert curves["loss"]["steps"] == list(range(1, steps + 1))
    worst = user.get(f"/jobs/{job_id}/predictions").json()
    assert worst["metric"] == "wer"
    assert [item["value"] for item in worst["items"]] == sorted((i["value"] for i in worst["items"]), reverse=True)
    played = httpx.get(f"{origin}{worst['items'][0]['audio_url']}", headers={"Range": "bytes=0-99"})
    assert (played.status_code, played.content[:4], len(played.content)) == (206, b"RIFF", 100)


@pytest.mark.faults
def test_sounds_are_classified_through_the_api(settings: Settings, user: httpx.Client, dataset_id: str) -> None:
    start_hub(settings)  # with the real driver, in the place of the stand-in's
    dataset = ready_dataset(user, sounds(), "audio_classification")
    assert dataset["statistics"]["labels"] == {"high": 12, "low": 12}
    items = user.get(f"/datasets/{dataset['id']}/preview").json()["items"]
    assert {item["target"]["label"] for item in items} == {"high", "low"}
    config: dict[str, Any] = {
        "task": {"type": "audio_classification"},
        "method": {"type": "linear_probe"},
        "max_steps": 40,
        "optimizer": {"type": "adam", "learning_rate": 1e-2},
        "split": {"validation_fraction": 0.0},
        "evaluation": {"base": False},
    }
    body = {"model_id": "whisper-pico", "dataset_id": dataset["id"], "config": config}
    refused = user.post("/jobs", json=body | {"dataset_id": dataset_id})
    assert (refused.status_code, refused.json()["code"]) == (422, "dataset_of_another_task")
    unable = user.post("/jobs", json=body | {"config": config | {"task": {"type": "captioning"}}})
    assert unable.status_code == 422 and "whisper-pico does not do captioning" in unable.text
    chosen = user.post("/jobs", json=body | {"type": "selection"})
    assert chosen.status_code == 422 and "not selected with for audio_classification" in chosen.text

    answer = user.post("/jobs", json=body)
    assert answer.status_code == 201, answer.text
    job_id = answer.json()["id"]
    follower = Follower(user, job_id)
    follower.join(timeout=300)
    job = user.get(f"/jobs/{job_id}").json()
    assert job["status"] == "succeeded", user.get(f"/jobs/{job_id}/logs").text
    assert (job["result"]["task"], job["result"]["primary"]) == ("audio_classification", "accuracy")
    assert job["result"]["tuned"]["accuracy"] == 1.0
    artifacts = {item["name"] for item in user.get(f"/jobs/{job_id}/artifacts").json()["items"]}
    assert {"model/model.safetensors", "confusions.png", "model/README.md"} <= artifacts


def haproxies() -> list[psutil.Process]:
    """Those of this test's cluster."""
    return processes_called("haproxy")


def test_haproxy_stands_in_front_and_only_on_loopback(user: httpx.Client) -> None:
    [process] = haproxies()
    listening = {at.laddr for at in process.net_connections() if at.status == psutil.CONN_LISTEN}
    assert user.base_url.port in {at.port for at in listening}
    assert {at.ip for at in listening} == {"127.0.0.1"}


def test_the_peer_is_who_it_is_and_a_request_has_one_id(user: httpx.Client) -> None:
    body = {"username_or_email": "ada", "password": PASSWORD}
    headers = {"X-LIM-Peer": "203.0.113.7", "X-Forwarded-For": "203.0.113.8", "X-Request-ID": "the-one"}
    answer = user.post("/auth/login", json=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers.get_list("x-request-id") == ["the-one"]
    logged = user.get("/users/me/audit").json()["items"][0]
    assert (logged["correlation_id"], logged["address"]) == ("the-one", "127.0.0.1")
    hostile = user.get("/users/me", headers={"X-Request-ID": "<script>"})
    assert len(hostile.headers.get_list("x-request-id")) == 1
    assert "<" not in hostile.headers["x-request-id"]


def test_figures_are_exported_for_prometheus(user: httpx.Client) -> None:
    """What the dashboard draws is there, under the names that it asks for."""
    dashboard = json.loads((PROJECT_ROOT / "configs" / "grafana" / "less-is-more.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    wanted = {name for expression in expressions for name in re.findall(r"ray_lim_\w+", expression)}
    assert len(wanted) >= 7
    wanted -= {"ray_lim_event_streams", "ray_lim_background_failures_total"}  # only once there was one
    deadline = time.monotonic() + 60
    while True:
        assert user.get("/users/me").status_code == 200
        ports = [(node["NodeManagerAddress"], node["MetricsExportPort"]) for node in ray.nodes() if node["Alive"]]
        exported = "".join(httpx.get(f"http://{host}:{port}/metrics").text for host, port in ports)
        missing = {name for name in wanted if f"\n{name}" not in exported}
        requests = [line for line in exported.splitlines() if line.startswith("ray_lim_http_requests")]
        failed = re.search(r'ray_lim_jobs\{[^}]*status="failed"[^}]*\} [1-9]', exported)
        if not missing and failed and any('route="/users/me"' in line for line in requests):
            break
        assert time.monotonic() < deadline, (missing, requests)
        time.sleep(1.0)


def test_a_whole_pipeline_as_one_command(
    settings: Settings, user: httpx.Client, dataset_id: str, tmp_path: Path
) -> None:
    start_hub(settings)
    declared = {
        "name": "words",
        "model_id": "whisper-pico",
        "config": {
            "max_steps": 6,
            "method": {"type": "qlora", "rank": 2},
            "split": {"test_groups": ["speaker1"], "validation_fraction": 0.0},
            "batch": {"cost": 2.0, "micro_batch_cost": 2.0},
        },
        "stages": [
            {"type": "ingest"},
            {"type": "validate", "least_utterances": 4},
            {"type": "train"},
            {"type": "evaluate"},
            {"type": "compare", "gates": []},
            {"type": "export", "adapter": "words"},
        ],
    }
    path = tmp_path / "words.yaml"
    path.write_text(json.dumps(declared))
    server = str(user.base_url).removesuffix("/api/v1/")
    environment = {**os.environ, "LIM_PASSWORD": PASSWORD, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, "-m", "services.cli.main"]
    login = subprocess.run(
        [*command, "login", "ada", "--server", server, "--days", "1", "--export"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    word, *variables = shlex.split(login.stdout)
    assert word == "export"
    environment |= dict(variable.split("=", 1) for variable in variables)
    command.append("pipeline")
    done = subprocess.run(
        [*command, "run", str(path), "--dataset", dataset_id],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=350,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["status"] == "succeeded"
    results = told["results"]
    assert results["validate"]["utterances"] == 4
    # What the training measured, a job of its own measures again.
    assert results["evaluate"]["tuned"] == results["train"]["tuned"]
    assert results["evaluate"]["base"] == results["train"]["base"]
    assert results["compare"]["training_id"] == results["train"]["job_id"]
    version = user.get(f"/adapters/{results['export']['adapter_id']}/versions/1").json()
    assert version["lineage"]["result"]["tuned"] == results["evaluate"]["tuned"]
    assert any(file["name"].endswith(".safetensors") for file in version["lineage"]["files"])
    artifacts = user.get(f"/jobs/{results['evaluate']['job_id']}/artifacts").json()["items"]
    assert {artifact["kind"] for artifact in artifacts} >= {"predictions", "result"}
    shown = subprocess.run(
        [*command, "show", told["id"]], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "words: succeeded, 100%" in shown.stdout
