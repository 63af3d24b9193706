"""Recordings and archives made by hand, for tests."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from engine.audio.reading import read_audio
from engine.data.manifest import read_manifest
from engine.data.report import IngestReport
from engine.data.validation.config import ValidationConfig

Samples = npt.NDArray[np.int16]

UNJUDGED = ValidationConfig(
    clipped_share=1.0,
    clipped_warning_share=1.0,
    same_votes=1_000_000,
    free_syllables=1_000.0,
    free_s=1_000.0,
)
"""For tones and other sounds that nobody would train on, one like the other, with texts that nobody said."""


def noise(seed: int, duration_s: float = 0.3, rate_hz: int = 16_000) -> Samples:
    """Samples that no other seed gives."""
    generator = np.random.default_rng(seed)
    return generator.integers(-8000, 8000, round(duration_s * rate_hz)).astype(np.int16)


def wav(samples: npt.NDArray[np.generic], rate_hz: int = 16_000, subtype: str = "PCM_16", format: str = "WAV") -> bytes:
    """A file of samples."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=format, subtype=subtype)
    return file.getvalue()


def zip_of(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A plain zip archive."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def folder_of(path: Path, members: dict[str, bytes]) -> Path:
    """A folder of the same files."""
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def good(count: int = 3) -> tuple[dict[str, bytes], dict[str, Samples]]:
    """Good recordings, to be found again bit for bit: files by name, samples by id."""
    samples = {f"{digit}_ada_{digit}": noise(100 + digit, 0.2 + digit / 50) for digit in range(count)}
    return {f"{name}.wav": wav(values) for name, values in samples.items()}, samples


def assert_survived(dataset: Path, samples: dict[str, Samples]) -> None:
    """Every good recording is in the dataset, with exactly its own samples."""
    utterances = {utterance.id: utterance for utterance in read_manifest(dataset / "manifest.jsonl")}
    assert sorted(utterances) == sorted(samples)
    for name, expected in samples.items():
        u = utterances[name]
        found = read_audio(dataset / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s)
        assert np.array_equal(found * 32768, expected), name


def codes(report: IngestReport) -> dict[str, str]:
    """Code of each item set aside, by its path."""
    assert len({item.path for item in report.set_aside}) == len(report.set_aside)
    return {item.path: item.code for item in report.set_aside}


def reason(report: IngestReport, path: str) -> str:
    """Why an item was set aside, and what to do."""
    return next(f"{item.reason} -> {item.action}" for item in report.set_aside if item.path == path)


def jsonl(*rows: object) -> bytes:
    """Lines of JSON."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def raw_zip(
    members: list[tuple[bytes, bytes, dict[str, int]]],
) -> bytes:
    """An archive written field by field, so that it can lie.

    Each member is its name, its bytes as they stand in the archive, and fields of the directory that differ from the
    truth of a stored member: `method, flags, crc, packed, size, attributes, offset`.
    """
    body, directory = b"", b""
    for name, data, lies in members:
        fields = {
            "method": 0,
            "flags": 0x800,
            "crc": zlib.crc32(data),
            "packed": len(data),
            "size": len(data),
            "attributes": 0o100644 << 16,
            "offset": len(body),
        } | lies
        header = struct.pack(
            "<HHHHHIIIHH",
            20, fields["flags"], fields["method"], 0, 0x21, fields["crc"], fields["packed"], fields["size"], len(name), 0,
        )  # fmt: skip
        if "offset" not in lies:
            body += b"PK\3\4" + header + name + data
        directory += (
            b"PK\1\2\x14\3" + header + struct.pack("<HHHII", 0, 0, 0, fields["attributes"], fields["offset"]) + name
        )
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + end
