"""The embedded S3 server, and what is built on it."""

from __future__ import annotations

import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cluster.errors import DatasetUnavailableError, ModelUnavailableError
from cluster.storage.arrow import ArrowS3
from cluster.storage.client import make_client, presigned_get, presigned_put
from cluster.storage.dataset_cache import local_dataset, local_selection
from cluster.storage.embedded import EmbeddedS3
from cluster.storage.model_cache import fetch_model
from cluster.storage.run_store import S3RunStore
from engine.config.training import TrainingConfig
from engine.data.manifest import read_manifest
from engine.errors import ObjectNotFoundError
from engine.families.binding import bind
from engine.models.catalogue import find_model, load_catalogue
from tests.integration.cluster.conftest import ROOT
from tests.unit.engine.data.corpora import expected, librispeech, parquet_of, spoken, tar_of, utterances


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def keeper_of(home: Path) -> int:
    return int(json.loads((home / "s3.json").read_text())["keeper"])


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 60.0
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not lives(pid)


def test_one_server_for_all_until_the_last_leaves(own_home: Path) -> None:
    with EmbeddedS3.start(own_home) as first:
        keeper = keeper_of(own_home)
        second = EmbeddedS3.start(own_home)
        assert (first.started, second.started) == (True, False)
        assert first.endpoint_url == second.endpoint_url
        first.stop()
        S3RunStore.at("s3://less-is-more/a", second.settings).put_bytes("b", b"still there")
        assert lives(keeper)
        second.stop()
        assert not lives(keeper)
    with EmbeddedS3.start(own_home) as third:
        assert third.started
        assert third.endpoint_url == first.endpoint_url  # addresses that were signed before stay good
        assert S3RunStore.at("s3://less-is-more/a", third.settings).get_bytes("b") == b"still there"


def test_the_server_ends_with_users_that_were_killed(own_home: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from cluster.storage.embedded import EmbeddedS3; "
        "server = EmbeddedS3.start(Path(sys.argv[1])); print('up', flush=True); time.sleep(600)"
    )
    users = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(own_home)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for user in users:
            assert user.stdout is not None
            assert user.stdout.readline() == "up\n"
        keeper = keeper_of(own_home)
        users[0].send_signal(signal.SIGKILL)
        users[0].wait()
        with EmbeddedS3.start(own_home) as joined:
            assert not joined.started
            users[1].send_signal(signal.SIGKILL)
            users[1].wait()
            assert make_client(joined.settings).list_buckets()["Buckets"]
        wait_for_end(keeper)
    finally:
        for user in users:
            user.kill()
            user.wait()
            if user.stdout is not None:
                user.stdout.close()


def test_keys_are_for_the_owner_only(s3: EmbeddedS3, home: Path) -> None:
    assert stat.S_IMODE((home / "s3.keys").stat().st_mode) == 0o600
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in _descendants(keeper_of(home))]
    assert commands
    assert not [line for line in commands if str(s3.settings.secret_access_key).encode() in line]


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _descendants(int(child)))]


def test_signed_addresses(s3: EmbeddedS3) -> None:
    client = make_client(s3.settings)
    put = urllib.request.Request(presigned_put(client, "less-is-more", "up/a.zip", 3, 60), data=b"zip", method="PUT")
    assert urllib.request.urlopen(put).status == 200
    get = presigned_get(client, "less-is-more", "up/a.zip", 60, "mine.zip")
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"zip"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="mine.zip"'
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(get.replace("a.zip", "b.zip"))


def test_a_run_store_keeps_large_and_empty_files(s3: EmbeddedS3, tmp_path: Path) -> None:
    store = S3RunStore.at("s3://less-is-more/runs/one", s3.settings)
    content = os.urandom(1 << 20) * 40
    (tmp_path / "large").write_bytes(content)
    store.put("checkpoints/large", tmp_path / "large")
    store.put_bytes("checkpoints/empty", b"")
    store.get("checkpoints/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    assert store.get_bytes("checkpoints/empty") == b""
    assert store.list("checkpoints") == ["checkpoints/empty", "checkpoints/large"]
    store.delete("checkpoints")
    assert store.list("") == []
    with pytest.raises(ObjectNotFoundError):
        store.get_bytes("checkpoints/empty")


def test_more_keys_than_one_answer_holds(s3: EmbeddedS3) -> None:
    store = S3RunStore.at("s3://less-is-more/runs/many", s3.settings)
    keys = [f"events/{number:08d}.jsonl" for number in range(1100)]
    for key in keys:
        store.put_bytes(key, b"{}")
    assert store.list("events") == keys


def test_a_dataset_comes_from_the_store_once(s3: EmbeddedS3, tones: Path, tmp_path: Path) -> None:
    store = S3RunStore.at("s3://less-is-more/datasets/tones/v1", s3.settings)
    for path in tones.rglob("*"):
        if path.is_file():
            store.put(path.relative_to(tones).as_posix(), path)
    folder = local_dataset("s3://less-is-more/datasets/tones/v1", s3.settings, cache=tmp_path)
    assert read_manifest(folder / "manifest.jsonl") == read_manifest(tones / "manifest.jsonl")
    assert (folder / "audio" / "00000.wav").read_bytes() == (tones / "audio" / "00000.wav").read_bytes()
    before = (folder / "audio" / "00000.wav").stat()
    assert local_dataset("s3://less-is-more/datasets/tones/v1", s3.settings, cache=tmp_path) == folder
    assert (folder / "audio" / "00000.wav").stat() == before
    louder = (tones / "audio" / "00000.wav").read_bytes()[:-2] + b"\x01\x00"
    store.put_bytes("audio/00000.wav", louder)
    again = local_dataset("s3://less-is-more/datasets/tones/v1", s3.settings, cache=tmp_path)
    assert (again / "audio" / "00000.wav").read_bytes() == louder


@pytest.mark.parametrize("name", ["corpus.tar.gz", "test.parquet"])
def test_an_archive_or_a_table_comes_from_the_store(s3: EmbeddedS3, tmp_path: Path, name: str) -> None:
    corpus = [recording for recording in spoken() if recording.split == "test"]
    if name == "test.parquet":
        (tmp_path / name).write_bytes(parquet_of(corpus))
    else:
        tar_of(tmp_path / name, librispeech(corpus), "w:gz")
    S3RunStore.at("s3://less-is-more/corpora", s3.settings).put(name, tmp_path / name)
    folder = local_dataset(f"s3://less-is-more/corpora/{name}", s3.settings, cache=tmp_path / "cache")
    assert utterances(folder) == expected(corpus)


def test_a_selection_comes_from_the_store_and_a_missing_part_is_named(s3: EmbeddedS3, tmp_path: Path) -> None:
    uri = "s3://less-is-more/selections/half"
    store = S3RunStore.at(uri, s3.settings)
    store.put_bytes("segments.parquet", b"segments")
    with pytest.raises(DatasetUnavailableError, match="half has no selection.json; give the prefix of a selection"):
        local_selection(uri, s3.settings, tmp_path / "one")
    store.put_bytes("selection.json", b"{}")
    folder = local_selection(uri, s3.settings, tmp_path / "two")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "segments.parquet": b"segments",
        "selection.json": b"{}",
    }


def test_uploads_in_parts_are_abandoned_below_a_prefix_alone(own_home: Path) -> None:
    with EmbeddedS3.start(own_home) as server:
        mine = S3RunStore.at("s3://less-is-more/uploads/mine", server.settings)
        mine.abandon_uploads()  # in a bucket in which none was ever begun
        client = make_client(server.settings)
        for key in ("uploads/mine/a", "uploads/mine/b", "uploads/mine-too/c"):
            client.create_multipart_upload(Bucket="less-is-more", Key=key)
        mine.abandon_uploads()
        left = client.list_multipart_uploads(Bucket="less-is-more").get("Uploads")
        assert [each["Key"] for each in left] == ["uploads/mine-too/c"]


def _put_model(s3: EmbeddedS3, uri: str, folder: Path) -> S3RunStore:
    store = S3RunStore.at(uri, s3.settings)
    for path in folder.iterdir():
        store.put(path.name, path)
    return store


def test_a_model_comes_from_the_store_under_its_own_name(s3: EmbeddedS3, tiny_whisper: Path, tmp_path: Path) -> None:
    uri = "s3://less-is-more/models/tiny/v1"
    store = _put_model(s3, uri, tiny_whisper)
    for name in ("pytorch_model.bin", "modeling.py", "deep/config.json"):
        store.put_bytes(name, b"never fetched")
    fetch_model(uri, s3.settings, cache=tmp_path)
    folder = Path(find_model(uri).location())
    assert folder.parent == tmp_path
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in tiny_whisper.iterdir() if path.suffix in (".json", ".safetensors")
    }
    base = bind(uri, TrainingConfig.model_validate({"max_steps": 1, "method": {"type": "qlora"}}))
    assert sum(parameter.numel() for parameter in base.base.model.parameters()) > 0
    # What has changed under the address is another model; what has not is not fetched again.
    at_s = (folder / "config.json").stat().st_mtime_ns
    fetch_model(uri, s3.settings, cache=tmp_path)
    assert Path(find_model(uri).location()) == folder
    assert (folder / "config.json").stat().st_mtime_ns == at_s
    store.put_bytes("generation_config.json", b"{}")
    fetch_model(uri, s3.settings, cache=tmp_path)
    assert Path(find_model(uri).location()) != folder
    assert (Path(find_model(uri).location()) / "generation_config.json").read_bytes() == b"{}"


def test_what_is_no_model_in_the_store_is_named(s3: EmbeddedS3, tmp_path: Path) -> None:
    store = S3RunStore.at("s3://less-is-more/models/pickled", s3.settings)
    store.put_bytes("config.json", b"{}")
    store.put_bytes("pytorch_model.bin", b"")
    with pytest.raises(ModelUnavailableError, match="pickled holds config.json, pytorch_model.bin; .*safetensors"):
        fetch_model("s3://less-is-more/models/pickled", s3.settings, cache=tmp_path)
    with pytest.raises(ModelUnavailableError, match="holds nothing"):
        fetch_model("s3://less-is-more/models/none", s3.settings, cache=tmp_path)
    with pytest.raises(ModelUnavailableError, match="no bucket 'not-there'"):
        fetch_model("s3://not-there/models/none", s3.settings, cache=tmp_path)
    tiny = load_catalogue()[-1].reference()
    assert fetch_model(tiny, s3.settings, cache=tmp_path) == tiny  # of the hub: the engine fetches it
    assert not list(tmp_path.iterdir())


def test_pyarrow_reaches_the_same_store_from_another_process(s3: EmbeddedS3, tmp_path: Path) -> None:
    system = ArrowS3(s3.settings)
    system.create_dir("less-is-more/ray/one")
    with system.open_output_stream("less-is-more/ray/one/marker") as stream:
        stream.write(b"there")
    (tmp_path / "system").write_bytes(pickle.dumps(system))
    code = (
        "import pickle, sys; from pathlib import Path; system = pickle.loads(Path(sys.argv[1]).read_bytes()); "
        "data = system.open_input_stream('less-is-more/ray/one/marker').read(); "
        "system.open_output_stream('less-is-more/ray/one/back').close(); print(data.decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "system")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "there\n", done.stderr
    keys = S3RunStore.at("s3://less-is-more/ray", s3.settings).list("")
    assert keys == ["one/back", "one/marker"]
