"""Downloads of job files: interrupted ones are resumed, and every file is verified."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

import httpx

from .connection import store_refusal
from .content import CHUNK_BYTES
from .errors import ChecksumError, ClientError, DownloadError
from .generated import models
from .generated.operations import Operations

_ADAPTER: Final = "adapter"


class Downloads(Operations):
    """Downloads of the files that jobs made."""

    def download_adapter(self, job_id: str, folder: Path, progress: Callable[[int], None] | None = None) -> list[Path]:
        """Download the files of a job's adapter into `folder`.

        Raises:
            ClientError: the job has no adapter, or a file has a name that leaves the folder.
        """
        paths = self.download_artifacts(job_id, folder, kind=_ADAPTER, progress=progress)
        if not paths:
            raise ClientError(f"job {job_id} has no adapter")
        return paths

    def download_bundle(self, job_id: str, target: Path, progress: Callable[[int], None] | None = None) -> Path:
        """Download everything that a finished job left (files, config, logs, metrics, events) as one zip.

        Args:
            job_id: id of the job.
            target: the file to write, or an existing folder for a file with the server's name.
            progress: called with the number of bytes just received.

        Raises:
            ConflictError: the job has not ended.
            ChecksumError: the size differs from what the server announced.
        """
        bundle = self.job_bundle(job_id)
        if target.is_dir():
            target = target / PurePosixPath(bundle.name).name
        return self._download(bundle.url, bundle.size, None, target, progress)

    def download_artifacts(
        self,
        job_id: str,
        folder: Path,
        *,
        kind: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Path]:
        """Download the files that a job made, of one kind or all, into `folder`; skip those already there.

        With `kind`, the leading folder of that name is dropped: `adapter/x` becomes `folder/x`.
        """
        targets = []
        for artifact in self.job_artifacts(job_id):
            if kind is None or artifact.kind == kind:
                name = PurePosixPath(artifact.name)
                if name.is_absolute() or ".." in name.parts or not artifact.name.isprintable():
                    raise ClientError(f"the server names a file {artifact.name!r}, which leaves the target folder")
                targets.append((artifact, folder / (name.relative_to(kind) if name.parts[0] == kind else name)))
        return [self.download_artifact(artifact, target, progress) for artifact, target in targets]

    def download_artifact(
        self, artifact: models.ArtifactOut, target: Path, progress: Callable[[int], None] | None = None
    ) -> Path:
        """Download one file to `target`, which appears only once it is complete; resume an interrupted download.

        Raises:
            ChecksumError: size or SHA-256 differs from what the server announced.
            DownloadError: the file cannot be written.
            ClientError: the object store rejected the request or could not be reached.
        """
        return self._download(artifact.url, artifact.size, artifact.sha256, target, progress)

    def _download(
        self, url: str, size: int, sha256: str | None, target: Path, progress: Callable[[int], None] | None
    ) -> Path:
        """Download a file of this size, and of this digest if one is known, resuming a partial file."""
        partial = target.with_name(f".{target.name}.{(sha256 or str(size))[:12]}.partial")
        told = 0

        def tell(there: int) -> None:
            nonlocal told
            if progress is not None and there != told:
                progress(there - told)
            told = there

        try:
            if target.is_file() and not _difference(target, size, sha256) and sha256 is not None:
                tell(size)
                return target
            target.parent.mkdir(parents=True, exist_ok=True)
            resumed = partial.is_file()
            self._retried(lambda: self._fetch(url, size, partial, tell))
            if resumed and _difference(partial, size, sha256):
                partial.unlink()  # the partial file was not the beginning of this one
                self._retried(lambda: self._fetch(url, size, partial, tell))
            if difference := _difference(partial, size, sha256):
                partial.unlink()
                raise ChecksumError(f"{target.name} arrived with {difference}")
            partial.replace(target)
        except OSError as error:
            raise DownloadError(f"{target} cannot be written: {error}") from error
        return target

    def _fetch(self, url: str, size: int, partial: Path, tell: Callable[[int], None]) -> None:
        """Append the missing bytes to the file; `tell` is called with the number of bytes there."""
        there = partial.stat().st_size if partial.is_file() else 0
        if there >= size:
            there = 0
        headers = {"Range": f"bytes={there}-"} if there else {}
        with self._http.stream("GET", url, headers=headers) as answer:
            if answer.is_error:
                answer.read()
                raise store_refusal(answer)
            if answer.status_code != httpx.codes.PARTIAL_CONTENT:
                there = 0
            tell(there)
            with partial.open("ab" if there else "wb") as stream:
                for chunk in answer.iter_bytes(CHUNK_BYTES):
                    stream.write(chunk)
                    there += len(chunk)
                    tell(there)


def _difference(path: Path, size: int, sha256: str | None) -> str | None:
    """How a file differs from what the server announced; None if it does not."""
    if (found := path.stat().st_size) != size:
        return f"{found} bytes, the server announced {size}"
    if sha256 is not None and (digest := _sha256(path)) != sha256:
        return f"sha256 {digest}, the server announced {sha256}"
    return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
