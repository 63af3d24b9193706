"""Hostile and damaged archives: refused with a clear message, or their bad members set aside and the good ones kept."""

from __future__ import annotations

import io
import random
import stat
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from engine.audio.reading import read_audio
from engine.data.limits import DEFAULT_LIMITS, MIB, IngestLimits
from engine.data.manifest import read_manifest
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import (
    assert_survived,
    codes,
    good,
    jsonl,
    noise,
    raw_zip,
    reason,
    wav,
    zip_of,
)

OTHER = wav(noise(1))


def _zip(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "upload.zip"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../1_eve_1.wav", "outside of its folder"),
        ("a/../../1_eve_1.wav", "outside of its folder"),
        ("..\\..\\1_eve_1.wav", "outside of its folder"),
        ("/etc/1_eve_1.wav", "absolute path"),
        ("\\\\server\\share\\1_eve_1.wav", "absolute path"),
        ("C:\\1_eve_1.wav", "drive letter"),
        ("C:1_eve_1.wav", "drive letter"),
    ],
)
def test_a_member_outside_its_folder_is_set_aside_and_never_written(tmp_path: Path, name: str, message: str) -> None:
    files, samples = good()
    inner = tmp_path / "deep" / "inner"
    inner.mkdir(parents=True)
    source = zip_of(inner / "upload.zip", {name: OTHER, **files})
    before = {path for path in tmp_path.rglob("*") if path.is_file()}

    report = ingest(source, inner / "out")

    assert codes(report) == {name: "unsafe_path"}
    assert message in reason(report, name)
    assert "make the archive again from inside its folder" in reason(report, name)
    assert_survived(inner / "out", samples)
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(inner / "out") for path in written)
    assert not Path("/etc/1_eve_1.wav").exists()


def test_backslashes_inside_the_folder_are_only_an_old_way_to_write_paths(tmp_path: Path) -> None:
    files, samples = good()
    source = zip_of(tmp_path / "upload.zip", {f"recordings\\{name}": data for name, data in files.items()})
    assert codes(ingest(source, tmp_path / "out")) == {}
    assert_survived(tmp_path / "out", samples)


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [(stat.S_IFLNK, "symlink", "symbolic link"), (stat.S_IFIFO, "unsafe_path", "a device, a pipe or a socket")],
)
def test_links_and_devices_are_set_aside(tmp_path: Path, kind: int, code: str, message: str) -> None:
    files, samples = good()
    members = [(name.encode(), data, {}) for name, data in files.items()]
    link = (b"1_eve_1.wav", b"/etc/passwd", {"attributes": (kind | 0o777) << 16})
    report = ingest(_zip(tmp_path, raw_zip([link, *members])), tmp_path / "out")
    assert codes(report) == {"1_eve_1.wav": code}
    assert message in reason(report, "1_eve_1.wav")
    assert_survived(tmp_path / "out", samples)


def test_a_bomb_of_zeros_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(MIB)
    packed = b"".join(packer.compress(zeros) for _ in range(40)) + packer.flush()
    crc = 0
    for _ in range(40):
        crc = zlib.crc32(zeros, crc)
    files, _ = good()
    members = [(name.encode(), data, {}) for name, data in files.items()]
    bomb = (b"1_eve_1.wav", packed, {"method": 8, "crc": crc, "size": 40 * MIB})
    limits = IngestLimits(ratio_floor_bytes=20 * MIB)
    with pytest.raises(IngestError, match=r"zip bomb: .* 1_eve_1\.wav unpacks to more than 200 times its size"):
        ingest(_zip(tmp_path, raw_zip([*members, bomb])), tmp_path / "out", limits)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_many_small_bombs_are_one_bomb(tmp_path: Path) -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(bytes(4 * MIB)) + packed.flush()
    lies = {"method": 8, "crc": zlib.crc32(bytes(4 * MIB)), "size": 4 * MIB}
    archive = raw_zip([(f"1_eve_{i}.wav".encode(), data, lies) for i in range(20)])
    with pytest.raises(IngestError, match=r"zip bomb: .* 1_eve_\d+\.wav unpacks to more than 200 times its size"):
        ingest(_zip(tmp_path, archive), tmp_path / "out", IngestLimits(ratio_floor_bytes=20 * MIB))


def test_bzip2_bombs_are_unpacked_in_small_steps(tmp_path: Path) -> None:
    source = zip_of(tmp_path / "upload.zip", {"1_eve_1.wav": bytes(32 * MIB)}, zipfile.ZIP_BZIP2)
    assert source.stat().st_size < 1000
    with pytest.raises(IngestError, match="zip bomb"):
        ingest(source, tmp_path / "out", IngestLimits(ratio_floor_bytes=8 * MIB))


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    kernel = raw_zip(
        [(b"1_eve_0.wav", OTHER, {})] + [(f"1_eve_{i}.wav".encode(), OTHER, {"offset": 0}) for i in (1, 2)]
    )
    with pytest.raises(IngestError, match=r"zip bomb: its members '1_eve_0\.wav' and '1_eve_1\.wav' overlap"):
        ingest(_zip(tmp_path, kernel), tmp_path / "out")


def test_limits_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    files, _ = good(5)
    source = zip_of(tmp_path / "upload.zip", files)
    with pytest.raises(IngestError, match=r"upload\.zip has 5 members; allowed: at most 4: split the dataset"):
        ingest(source, tmp_path / "out", IngestLimits(max_members=4))
    with pytest.raises(IngestError, match=r"would unpack to .*; allowed: at most 10,000 bytes: split the dataset"):
        ingest(source, tmp_path / "out", IngestLimits(max_total_bytes=10_000))


def test_a_large_member_is_set_aside_alone(tmp_path: Path) -> None:
    files, samples = good()
    source = zip_of(tmp_path / "upload.zip", {**files, "1_eve_1.wav": wav(noise(1, 2.0))})
    report = ingest(source, tmp_path / "out", IngestLimits(max_member_bytes=50_000))
    assert codes(report) == {"1_eve_1.wav": "too_large"}
    assert reason(report, "1_eve_1.wav").startswith("found 64,044 bytes; allowed: at most 50,000 bytes")
    assert_survived(tmp_path / "out", samples)


@pytest.mark.parametrize(
    ("lies", "code"),
    [
        ({"size": 100}, "corrupt"),  # hides most of the member: the CRC is that of the whole
        ({"size": 10_000_000}, "truncated"),
        ({"crc": 1}, "corrupt"),
        ({"method": 99}, "unsupported_format"),
        ({"flags": 0x801}, "encrypted"),
    ],
)
def test_a_member_whose_header_lies_is_set_aside(tmp_path: Path, lies: dict[str, int], code: str) -> None:
    files, samples = good()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(OTHER) + packer.flush()
    truth = {"method": 8, "crc": zlib.crc32(OTHER), "size": len(OTHER)}
    members = [(name.encode(), data, {}) for name, data in files.items()]
    archive = raw_zip([(b"1_eve_1.wav", packed, truth | lies), *members])
    report = ingest(_zip(tmp_path, archive), tmp_path / "out")
    assert codes(report) == {"1_eve_1.wav": code}
    assert_survived(tmp_path / "out", samples)


def test_a_member_really_encrypted_is_named(tmp_path: Path) -> None:
    files, samples = good()
    members = [(name.encode(), data, {}) for name, data in files.items()]
    archive = raw_zip([(b"1_eve_1.wav", bytes(range(256)), {"flags": 1}), *members])
    report = ingest(_zip(tmp_path, archive), tmp_path / "out")
    assert codes(report) == {"1_eve_1.wav": "encrypted"}
    assert reason(report, "1_eve_1.wav").endswith("-> make the archive without a password")
    assert_survived(tmp_path / "out", samples)


def test_damaged_bytes_cost_only_their_own_member(tmp_path: Path) -> None:
    files, samples = good()
    source = zip_of(tmp_path / "upload.zip", {"1_eve_1.wav": OTHER, **files})
    data = bytearray(source.read_bytes())
    data[200:230] = bytes(30)
    report = ingest(_zip(tmp_path, bytes(data)), tmp_path / "out")
    assert codes(report) == {"1_eve_1.wav": "corrupt"}
    assert "the archive's member is damaged" in reason(report, "1_eve_1.wav")
    assert_survived(tmp_path / "out", samples)


def test_of_two_members_with_one_name_the_first_is_kept(tmp_path: Path) -> None:
    files, samples = good(1)
    twice = raw_zip([(b"0_ada_0.wav", files["0_ada_0.wav"], {}), (b"0_ada_0.wav", OTHER, {})])
    report = ingest(_zip(tmp_path, twice), tmp_path / "out")
    assert codes(report) == {"0_ada_0.wav": "duplicate_name"}
    assert_survived(tmp_path / "out", samples)


def test_nested_archives_are_named_and_not_unpacked(tmp_path: Path) -> None:
    files, samples = good()
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("1_eve_1.wav", OTHER)
    report = ingest(zip_of(tmp_path / "upload.zip", {**files, "more.zip": inner.getvalue()}), tmp_path / "out")
    assert codes(report) == {"more.zip": "nested_archive"}
    assert_survived(tmp_path / "out", samples)


def test_what_systems_leave_behind_is_ignored(tmp_path: Path) -> None:
    files, samples = good()
    litter = dict.fromkeys(("__MACOSX/._0_ada_0.wav", ".DS_Store", "a/Thumbs.db", ".git/config", "a/._b.wav"), b"x")
    report = ingest(zip_of(tmp_path / "upload.zip", files | litter), tmp_path / "out")
    assert report.set_aside == []
    assert report.items_found == report.items_good == 3
    assert_survived(tmp_path / "out", samples)


@pytest.mark.parametrize("damage", ["text", "empty", "half", "tail", "directory"])
def test_what_is_no_zip_is_refused(tmp_path: Path, damage: str) -> None:
    files, _ = good()
    whole = zip_of(tmp_path / "whole.zip", files).read_bytes()
    start = whole.index(b"PK\1\2")
    data = {
        "text": b"hello, this is no archive\n" * 100,
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "tail": whole[:-30],
        "directory": whole[:start] + b"\xff" * 40 + whole[start + 40 :],
    }[damage]
    with pytest.raises(IngestError, match=r"upload\.zip is not a zip archive, or it is damaged or cut short .* again"):
        ingest(_zip(tmp_path, data), tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.jsonl").exists()


def test_any_damage_ends_in_a_report_or_a_refusal(tmp_path: Path) -> None:
    """Bytes are changed at random: whatever happens, nothing but an IngestError, and only true samples survive."""
    files, samples_of = good(4)
    originals = {samples.tobytes() for samples in samples_of.values()}
    files["metadata.csv"] = b"file_name,text\n" + b"".join(f"{name},x\n".encode() for name in files)
    whole = zip_of(tmp_path / "whole.zip", files).read_bytes()
    directory = whole.index(b"PK\1\2")
    chance = random.Random(0)
    refused = 0
    for attempt in range(80):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            at = chance.randrange(directory if attempt % 2 else 0, len(data))
            data[at] = chance.randrange(256)
        try:
            report = ingest(_zip(tmp_path, bytes(data)), tmp_path / f"out{attempt}")
        except IngestError as error:
            assert str(error)
            refused += 1
        else:
            dataset = tmp_path / f"out{attempt}"
            found = read_manifest(dataset / "manifest.jsonl")
            assert report.items_good == len(found) > 0
            for u in found:
                samples = (
                    read_audio(dataset / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s) * 32768
                )
                assert samples.astype(np.int16).tobytes() in originals
    assert 0 < refused < 80


def test_names_in_other_encodings_are_read(tmp_path: Path) -> None:
    """A tool that writes UTF-8 names and does not mark them, and a Mac that takes letters apart."""
    composed, apart = "z\u00fcrich_j\u00fcrg_1.wav", "zu\u0308rich_ju\u0308rg_2.wav"
    archive = raw_zip(
        [(composed.encode(), wav(noise(1)), {"flags": 0}), (apart.encode(), wav(noise(2)), {})],
    )
    report = ingest(_zip(tmp_path, archive), tmp_path / "out")
    assert report.speakers == {"j\u00fcrg": 2}
    assert report.text.distinct == 1
    assert any("not marked as UTF-8" in warning for warning in report.warnings)


def test_metadata_that_cannot_be_unpacked_refuses_the_archive(tmp_path: Path) -> None:
    metadata = b"file_name,text\n0_ada_0.wav,zero\n"
    files, _ = good(1)
    members = [(name.encode(), data, {}) for name, data in files.items()]
    source = _zip(tmp_path, raw_zip([(b"metadata.csv", metadata, {"crc": 5}), *members]))
    with pytest.raises(IngestError, match=r"metadata\.csv cannot be read: the archive's member is damaged"):
        ingest(source, tmp_path / "out")
    source = zip_of(tmp_path / "long.zip", {"metadata.jsonl": jsonl({"file_name": "a.wav"})})
    with pytest.raises(IngestError, match=r"metadata\.jsonl cannot be read: found .* allowed: at most 5 bytes"):
        ingest(source, tmp_path / "out", IngestLimits(max_metadata_bytes=5))


def test_many_members_are_counted_before_an_object_is_made_of_each(tmp_path: Path) -> None:
    """A directory of 200,000 members that claims to hold one."""
    entry = raw_zip([(b"a", b"", {})])
    start = entry.index(b"PK\1\2")
    record = entry[start : entry.index(b"PK\5\6")]
    body = entry[:start] + record * 200_000
    end = bytearray(entry[entry.index(b"PK\5\6") :])
    end[12:16] = (len(record) * 200_000).to_bytes(4, "little")
    source = _zip(tmp_path, body + bytes(end))
    began = time.process_time()
    with pytest.raises(IngestError, match="has 200,000 members; allowed: at most 100,000"):
        ingest(source, tmp_path / "out", IngestLimits(max_members=100_000))
    assert time.process_time() - began < 2.0
    assert DEFAULT_LIMITS.max_members == 1_000_000
