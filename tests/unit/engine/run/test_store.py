"""The local run store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.errors import ObjectNotFoundError, StorageError
from engine.run.store import LocalRunStore, RunStore


@pytest.fixture
def store(tmp_path: Path) -> LocalRunStore:
    return LocalRunStore(tmp_path / "run")


def test_what_is_put_is_got(store: LocalRunStore, tmp_path: Path) -> None:
    protocol: RunStore = store
    source = tmp_path / "source.bin"
    source.write_bytes(b"\0\1" * 1000)
    protocol.put("checkpoints/step-1/model.bin", source)
    protocol.put_bytes("config.json", b"{}")
    protocol.put_bytes("config.json", b'{"a": 1}')
    assert protocol.get_bytes("config.json") == b'{"a": 1}'
    protocol.get("checkpoints/step-1/model.bin", tmp_path / "new" / "folder" / "model.bin")
    assert (tmp_path / "new" / "folder" / "model.bin").read_bytes() == source.read_bytes()
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["model.bin"]


def test_a_prefix_names_whole_parts(store: LocalRunStore) -> None:
    for key in ("c/step-1/a", "c/step-1/b", "c/step-10/a", "c/step-1.json", "d"):
        store.put_bytes(key, b"x")
    assert store.list("") == ["c/step-1.json", "c/step-1/a", "c/step-1/b", "c/step-10/a", "d"]
    assert store.list("c/step-1") == store.list("c/step-1/") == ["c/step-1/a", "c/step-1/b"]
    assert store.list("d") == ["d"]
    assert store.list("absent") == []
    store.delete("c/step-1")
    assert store.list("") == ["c/step-1.json", "c/step-10/a", "d"]
    store.delete("c/step-1")
    store.delete("")
    assert store.list("") == []
    assert LocalRunStore(store.folder / "never").list("") == []


def test_an_absent_key_is_named(store: LocalRunStore, tmp_path: Path) -> None:
    store.put_bytes("a/b", b"x")
    for key in ("absent", "a", "a/b/c"):
        with pytest.raises(ObjectNotFoundError, match=rf"^no object '{key}' in "):
            store.get_bytes(key)
        with pytest.raises(KeyError):
            store.get(key, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", "./a", "a\\b", "C:a", "a\0b", "a\nb", ".incoming/a"]
)
def test_keys_that_could_lead_elsewhere(store: LocalRunStore, tmp_path: Path, key: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for call in (
        lambda: store.put(key, source),
        lambda: store.put_bytes(key, b"x"),
        lambda: store.get(key, tmp_path / "target"),
        lambda: store.get_bytes(key),
    ):
        with pytest.raises(StorageError, match="found the key"):
            call()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["source"]


def test_keys_that_are_too_long(store: LocalRunStore) -> None:
    with pytest.raises(StorageError, match="found a key of 2000 bytes; at most 1024 are allowed"):
        store.put_bytes("é" * 1000, b"x")


def test_a_link_out_of_the_folder_is_not_followed(store: LocalRunStore, tmp_path: Path) -> None:
    store.put_bytes("a", b"x")
    (tmp_path / "outside").mkdir()
    (store.folder / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(StorageError, match=r"'link/b' leads out of .* remove the link"):
        store.put_bytes("link/b", b"x")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_key_below_an_object_is_refused(store: LocalRunStore) -> None:
    store.put_bytes("a", b"x")
    store.put_bytes("f/g", b"x")
    with pytest.raises(StorageError, match="cannot store 'a/b': a part of it is an object"):
        store.put_bytes("a/b", b"x")
    with pytest.raises(StorageError, match="cannot store 'f'"):
        store.put_bytes("f", b"x")
    assert store.list("") == ["a", "f/g"]


def test_a_write_that_fails_leaves_the_old_object(store: LocalRunStore, tmp_path: Path) -> None:
    store.put_bytes("a", b"old")
    with pytest.raises(FileNotFoundError):
        store.put("a", tmp_path / "absent")
    assert store.get_bytes("a") == b"old"
    assert store.list("") == ["a"]
    assert list((store.folder / ".incoming").iterdir()) == []


def test_a_reader_sees_one_write_or_another(store: LocalRunStore) -> None:
    versions = {bytes([value]) * 50_000 for value in range(4)}
    store.put_bytes("a", bytes(50_000))
    stop = threading.Event()
    torn = []

    def read() -> None:
        while not stop.is_set():
            if store.get_bytes("a") not in versions:
                torn.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        for version in versions:
            store.put_bytes("a", version)
    stop.set()
    reader.join()
    assert not torn
