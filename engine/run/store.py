"""Storage of a run's files: the protocol, and its implementation in a local folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from engine.errors import ObjectNotFoundError, StorageError

MAX_KEY_BYTES = 1024
"""Longest key, as in S3."""

_INCOMING = ".incoming"  # unfinished files, hidden from `list`; no key may start with it


class RunStore(Protocol):
    """A flat store of objects under one run's own prefix.

    A key is relative, with `/` between its parts and no empty, `.` or `..` part. A prefix names whole parts: `a/b`
    covers the key `a/b` and every key below `a/b/`, never `a/bc`; the empty prefix covers every key. A write is
    atomic: a reader sees the old object or the new one. `put` and `put_bytes` replace an existing object.
    """

    def put(self, key: str, source: Path) -> None:
        """Store the file `source` under `key`."""

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""

    def get(self, key: str, target: Path) -> None:
        """Write the object to the file `target`. Raises `ObjectNotFoundError`."""

    def get_bytes(self, key: str) -> bytes:
        """The object's bytes. Raises `ObjectNotFoundError`."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Every key that `prefix` covers, sorted."""
        ...

    def size(self, prefix: str) -> int:
        """Total size in bytes of the objects that `prefix` covers."""
        ...

    def delete(self, prefix: str) -> None:
        """Remove every key that `prefix` covers; idempotent."""


def checked_key(key: str) -> str:
    """`key` itself, if it is valid.

    Raises:
        StorageError: the key is empty, too long, absolute, or has a part that could lead out of the store.
    """
    parts = key.split("/")
    if (
        not key
        or any(part in ("", ".", "..") for part in parts)
        or any(character in "\\:" or ord(character) < 32 for character in key)
    ):
        raise StorageError(
            f"found the key {key!r}; a key is relative, its parts are separated by single '/', none is '.' or '..', "
            "and it has no backslash, colon or control character"
        )
    if len(key.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        raise StorageError(
            f"found a key of {len(key.encode())} bytes; at most {MAX_KEY_BYTES} are allowed: {key[:80]}..."
        )
    return key


def checked_prefix(prefix: str) -> str:
    """`prefix` without a `/` at its end; the empty prefix covers everything.

    Raises:
        StorageError: as for a key.
    """
    return checked_key(prefix.removesuffix("/")) if prefix else ""


class LocalRunStore:
    """A `RunStore` in a local folder: one file per object, written under a temporary name and then renamed."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"LocalRunStore({str(self.folder)!r})"

    def put(self, key: str, source: Path) -> None:
        """Store the file `source` under `key`.

        Raises:
            StorageError: the key is not allowed, or a part of it is already an object.
        """
        path = self._path(key)
        with self._incoming() as incoming:
            shutil.copyfile(source, incoming)
            self._place(incoming, path, key)

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store `data` under `key`.

        Raises:
            StorageError: the key is not allowed, or a part of it is already an object.
        """
        path = self._path(key)
        with self._incoming() as incoming:
            incoming.write_bytes(data)
            self._place(incoming, path, key)

    def get(self, key: str, target: Path) -> None:
        """Write the object to the file `target`, atomically.

        Raises:
            ObjectNotFoundError: no object under that key.
        """
        source = self._existing(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            try:
                shutil.copyfile(source, partial)
            except FileNotFoundError:
                raise self._not_found(key) from None
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def get_bytes(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            ObjectNotFoundError: no object under that key.
        """
        try:
            return self._existing(key).read_bytes()
        except FileNotFoundError:
            raise self._not_found(key) from None

    def list(self, prefix: str) -> list[str]:
        """Every key that `prefix` covers, sorted."""
        prefix = checked_prefix(prefix)
        top = self.folder / prefix if prefix else self.folder
        if prefix and top.is_file():
            return [prefix]
        keys = []
        for parent, folders, names in os.walk(top):
            if Path(parent) == self.folder and _INCOMING in folders:
                folders.remove(_INCOMING)
            keys += [(Path(parent) / name).relative_to(self.folder).as_posix() for name in names]
        return sorted(keys)

    def size(self, prefix: str) -> int:
        """Total size in bytes of the objects that `prefix` covers."""
        return sum(self._path(key).stat().st_size for key in self.list(prefix))

    def delete(self, prefix: str) -> None:
        """Remove every key that `prefix` covers; idempotent."""
        for key in self.list(prefix):
            path = self._path(key)
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # the folder is not empty yet
                for parent in path.parents:
                    if parent == self.folder:
                        break
                    parent.rmdir()

    def _path(self, key: str) -> Path:
        path = self.folder / checked_key(key)
        if key.split("/")[0] == _INCOMING:
            raise StorageError(f"found the key {key!r}; {_INCOMING}/ is where half-written objects lie")
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise StorageError(f"the key {key!r} leads out of {self.folder} through a symbolic link; remove the link")
        return path

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise self._not_found(key)
        return path

    def _not_found(self, key: str) -> ObjectNotFoundError:
        return ObjectNotFoundError(f"no object {key!r} in {self.folder}")

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[Path]:
        folder = self.folder / _INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        os.close(descriptor)
        path = Path(name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @staticmethod
    def _place(incoming: Path, path: Path, key: str) -> None:
        with incoming.open("rb") as written:
            os.fsync(written.fileno())  # otherwise a power failure can leave the new name without content
        incoming.chmod(0o644)
        try:
            for last in (False, True):
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    incoming.replace(path)
                    return
                except FileNotFoundError:  # a concurrent delete removed the empty folder
                    if last:
                        raise
        except (NotADirectoryError, FileExistsError, IsADirectoryError):
            raise StorageError(
                f"cannot store {key!r}: a part of it is an object, or it is a folder of objects"
            ) from None
