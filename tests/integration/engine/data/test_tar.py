"""Tars as tools write them, and hostile and damaged ones: good members are kept, and everything else is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import subprocess
import tarfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine.audio.reading import read_audio
from engine.data.limits import MIB, IngestLimits
from engine.data.manifest import read_manifest
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import tar_of
from tests.unit.engine.data.recordings import assert_survived, codes, folder_of, good, noise, reason, wav

OTHER = wav(noise(1))


def of_the_archive(warnings: list[str]) -> list[str]:
    """Warnings without those that the texts of these recordings are guesses, which they are."""
    return [warning for warning in warnings if "file names" not in warning or "archive" in warning or ".tar" in warning]


def member(name: str, data: bytes = OTHER, **fields: object) -> bytes:
    """A member as it stands in a tar; `fields` are those of `tarfile.TarInfo`."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(data))
        end = archive.offset
    return file.getvalue()[:end]


def pax(data: bytes) -> bytes:
    """A PAX header with these bytes, for the member that follows."""
    return member("././@PaxHeader", data, type=b"x")


def record(key: bytes, value: bytes) -> bytes:
    """A record of a PAX header: its own length is part of it."""
    rest = b" " + key + b"=" + value + b"\n"
    length = next(n for n in range(1, 10_000) if n == len(str(n)) + len(rest))
    return b"%d%s" % (length, rest)


@contextmanager
def at_most(peak_bytes: int) -> Iterator[None]:
    """Allocations in here stay below a peak."""
    tracemalloc.start()
    try:
        yield
        found = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found < peak_bytes


def header(size: bytes, name: bytes = b"1_eve_1.wav", kind: bytes = b"0") -> bytes:
    """A ustar header with a size field of any bytes."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124 : 124 + len(size)] = size
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _tar(tmp_path: Path, *members: bytes, end: bytes = bytes(1024)) -> Path:
    path = tmp_path / "upload.tar"
    path.write_bytes(b"".join(members) + end)
    return path


def _good_members() -> tuple[list[bytes], dict[str, np.ndarray]]:
    files, samples = good()
    return [member(name, data) for name, data in files.items()], samples


# ---- as tools write them ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
@pytest.mark.parametrize("packing", ["", "--gzip", "--bzip2", "--xz"])
def test_what_gnu_tar_writes(tmp_path: Path, form: str, packing: str) -> None:
    files, samples = good()
    long = "/".join(["a folder with a long name"] * 3 + ["and a long name of a file"])
    files[f"{long}_{'x' * 60}_1.wav"] = wav(noise(5, 1.0))
    if form in ("v7", "ustar"):  # 100 characters at most, and 255 with a divided path
        files.pop(f"{long}_{'x' * 60}_1.wav")
        files["a/b/c_x_1.wav"] = wav(noise(5, 1.0))
    source = folder_of(tmp_path / "source", files)
    (source / "9_eve_1.wav").symlink_to("0_ada_0.wav")
    os.link(source / "1_ada_1.wav", source / "9_eve_2.wav")
    archive = tmp_path / "corpus.tar.any"
    command = ["tar", "--create", f"--format={form}", *packing.split(), f"--file={archive}", f"--directory={source}"]
    subprocess.run([*command, "--sort=name", "."], check=True, timeout=60)
    report = ingest(archive, tmp_path / "out")
    found = {u.id.rpartition(".")[2]: u for u in read_manifest(tmp_path / "out" / "manifest.jsonl")}
    # A hard link's bytes are in the archive: they are read, and known again.
    assert "it has the same samples as 1_ada_1.wav" in reason(report, "9_eve_2.wav")
    long_name = next(name for name in found if name not in samples)
    u = found[long_name]
    assert np.array_equal(
        read_audio(tmp_path / "out" / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s) * 32768,
        noise(5, 1.0),
    )
    assert sorted(found) == sorted([*samples, long_name])
    assert codes(report) == {"9_eve_1.wav": "symlink", "9_eve_2.wav": "duplicate_audio"}
    assert of_the_archive(report.warnings) == []


def test_streams_joined_as_pigz_and_cat_do(tmp_path: Path) -> None:
    members, samples = _good_members()
    data = b"".join(members) + bytes(1024)
    path = tmp_path / "corpus.tgz"
    path.write_bytes(
        b"".join(gzip.compress(data[at : at + 5000], mtime=0) for at in range(0, len(data), 5000)) + bytes(512)
    )
    assert of_the_archive(ingest(path, tmp_path / "out").warnings) == []
    assert_survived(tmp_path / "out", samples)
    path = _tar(tmp_path, members[0], bytes(1024), members[1], bytes(512), members[2])
    assert of_the_archive(ingest(path, tmp_path / "joined").warnings) == []
    assert_survived(tmp_path / "joined", samples)


def test_what_systems_leave_behind_is_ignored(tmp_path: Path) -> None:
    files, samples = good()
    litter = dict.fromkeys(("__MACOSX/._0_ada_0.wav", ".DS_Store", "a/Thumbs.db", "._1_ada_1.wav"), b"x")
    report = ingest(tar_of(tmp_path / "corpus.tar", files | litter), tmp_path / "out")
    assert report.set_aside == []
    assert_survived(tmp_path / "out", samples)


def test_members_of_many_megabytes_use_no_memory(tmp_path: Path) -> None:
    samples = {"1_ada_1": noise(1, 540.0)}  # 17.3 MB
    files = {"1_ada_1.wav": wav(samples["1_ada_1"])}
    for mode, ending in (("w", "tar"), ("w:gz", "tar.gz")):
        source = tar_of(tmp_path / f"corpus.{ending}", files, mode)
        with at_most(8 * MIB), pytest.raises(IngestError, match=r"1_ada_1\.wav \(too_long"):
            ingest(source, tmp_path / f"out-{ending}")
        left = [path.name for path in (tmp_path / f"out-{ending}").rglob("*") if path.is_file()]
        assert sorted(left) == ["items.jsonl", "report.json", "validation.html"]


# ---- hostile ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../1_eve_1.wav", "outside of its folder"),
        ("a/../../1_eve_1.wav", "outside of its folder"),
        ("/etc/1_eve_1.wav", "absolute path"),
        ("C:\\1_eve_1.wav", "drive letter"),
        ("\\\\server\\share\\1_eve_1.wav", "absolute path"),
    ],
)
@pytest.mark.parametrize("packing", ["tar", "tar.gz"])
def test_a_member_outside_its_folder_is_set_aside_and_never_written(
    tmp_path: Path, name: str, message: str, packing: str
) -> None:
    members, samples = _good_members()
    inner = tmp_path / "deep" / "inner"
    inner.mkdir(parents=True)
    data = member(name) + b"".join(members) + bytes(1024)
    source = inner / f"upload.{packing}"
    source.write_bytes(gzip.compress(data, mtime=0) if packing == "tar.gz" else data)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    report = ingest(source, inner / "out")
    assert codes(report) == {name: "unsafe_path"}
    assert message in reason(report, name)
    assert_survived(inner / "out", samples)
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(inner / "out") for path in written)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "symlink", "found a symbolic link"),
        ({"type": tarfile.SYMTYPE, "linkname": "0_ada_0.wav"}, "symlink", "found a symbolic link"),
        ({"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}, "symlink", "a hard link to '/etc/passwd', which is no"),
        (
            {"type": tarfile.LNKTYPE, "linkname": "../x.wav"},
            "symlink",
            "a hard link to '../x.wav', which is no earlier",
        ),
        ({"type": tarfile.LNKTYPE, "linkname": "1_eve_1.wav"}, "symlink", "which is no earlier file of the archive"),
        ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}, "unsafe_path", "found a device or a pipe"),
        ({"type": tarfile.BLKTYPE}, "unsafe_path", "found a device or a pipe"),
        ({"type": tarfile.FIFOTYPE}, "unsafe_path", "found a device or a pipe"),
        ({"type": b"S"}, "unsupported_format", "found a sparse or divided member"),
        ({"type": b"M"}, "unsupported_format", "found a sparse or divided member"),
    ],
)
def test_links_devices_and_sparse_members_are_set_aside(
    tmp_path: Path, fields: dict[str, object], code: str, message: str
) -> None:
    members, samples = _good_members()
    data = OTHER if fields["type"] in (b"S", b"M") else b""
    report = ingest(_tar(tmp_path, member("1_eve_1.wav", data, **fields), *members), tmp_path / "out")
    assert codes(report) == {"1_eve_1.wav": code}
    assert message in reason(report, "1_eve_1.wav")
    assert_survived(tmp_path / "out", samples)


def test_sparse_members_that_gnu_tar_writes_are_set_aside(tmp_path: Path) -> None:
    files, samples = good()
    source = folder_of(tmp_path / "source", files)
    with (source / "1_eve_1.wav").open("wb") as file:
        for at in range(60):  # more holes than a header has room for
            file.seek(at * MIB)
            file.write(b"x" * 4096)
    for form in ("gnu", "posix"):
        archive = tmp_path / f"{form}.tar"
        command = ["tar", "-cSf", str(archive), f"--format={form}", "-C", str(source), "."]
        subprocess.run(command, check=True, timeout=60)
        assert archive.stat().st_size < MIB
        report = ingest(archive, tmp_path / form)
        assert codes(report) == {"1_eve_1.wav": "unsupported_format"}
        assert_survived(tmp_path / form, samples)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_refused_and_leaves_nothing(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    members, _ = _good_members()
    path = tmp_path / "upload.tar.gz"
    path.write_bytes(pack(b"".join(members) + member("1_eve_1.wav", bytes(64 * MIB)) + bytes(1024)))
    message = r"upload\.tar\.gz is a \w+ bomb: it unpacks to more than 200 times its size"
    with at_most(16 * MIB), pytest.raises(IngestError, match=message):  # xz alone takes 9
        ingest(path, tmp_path / "out", IngestLimits(ratio_floor_bytes=20 * MIB))
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_a_note_of_many_megabytes_is_never_held(tmp_path: Path, kind: bytes) -> None:
    members, samples = _good_members()
    note = header(b"%011o\0" % (48 * MIB), b"note", kind) + bytes(48 * MIB)
    path = tmp_path / "upload.tar.gz"
    path.write_bytes(gzip.compress(b"".join([*members, note, member("1_eve_1.wav"), bytes(1024)])))
    with at_most(8 * MIB):
        report = ingest(path, tmp_path / "out")
    assert codes(report) == {"1_eve_1.wav": "corrupt"}
    assert "its header has a note of 50,331,648 bytes; allowed: at most" in reason(report, "1_eve_1.wav")
    assert_survived(tmp_path / "out", samples)


def test_limits_hold(tmp_path: Path) -> None:
    files, _ = good(5)
    source = tar_of(tmp_path / "corpus.tar", files)
    with pytest.raises(IngestError, match=r"corpus\.tar has more than 4 members, the most allowed: split the dataset"):
        ingest(source, tmp_path / "out", IngestLimits(max_members=4))
    with pytest.raises(IngestError, match=r"corpus\.tar holds more than 10,000 bytes, the most allowed"):
        ingest(source, tmp_path / "out", IngestLimits(max_total_bytes=10_000))
    source = tar_of(tmp_path / "corpus.tar.xz", files, "w:xz")
    with pytest.raises(IngestError, match=r"corpus\.tar\.xz unpacks to more than 10,000 bytes, the most allowed"):
        ingest(source, tmp_path / "out", IngestLimits(max_total_bytes=10_000))


def test_a_large_member_is_set_aside_alone(tmp_path: Path) -> None:
    files, samples = good()
    source = tar_of(tmp_path / "corpus.tgz", {**files, "1_eve_1.wav": wav(noise(1, 2.0))}, "w:gz")
    report = ingest(source, tmp_path / "out", IngestLimits(max_member_bytes=50_000))
    assert reason(report, "1_eve_1.wav").startswith("found 64,044 bytes; allowed: at most 50,000 bytes")
    assert_survived(tmp_path / "out", samples)


# ---- PAX ----------------------------------------------------------------------------------------------------


def test_pax_headers_give_name_and_size(tmp_path: Path) -> None:
    members, samples = _good_members()
    named = record(b"comment", b"a=b\n\n") + record(b"path", "7_jürg_1.wav".encode())
    sized = record(b"size", b"%d" % len(OTHER))
    liar = header(b"00000000000\0", b"8_eve_1.wav") + member("8_eve_1.wav", wav(noise(2)))[512:]
    comment = pax(record(b"comment", b"of no interest"))
    report = ingest(_tar(tmp_path, pax(named), member("short"), pax(sized), liar, comment, *members), tmp_path / "out")
    assert codes(report) == {}
    found = [u for u in read_manifest(tmp_path / "out" / "manifest.jsonl") if u.id not in samples]
    assert [(u.id, u.group) for u in found] == [("7_jürg_1", "jürg"), ("8_eve_1", "eve")]


@pytest.mark.parametrize(
    ("records", "code", "message"),
    [
        (b"99999 path=x\n", "corrupt", "its PAX header is malformed"),
        (b"-5 path=x\n", "corrupt", "its PAX header is malformed"),
        (b"path=x\n", "corrupt", "its PAX header is malformed"),
        (b"0 a=b\n", "corrupt", "its PAX header is malformed"),
        (b"10 path=xx", "corrupt", "its PAX header is malformed"),
        (b"1" * 5000 + b" path=x\n", "corrupt", "its PAX header is malformed"),
        (record(b"size", b"-5"), "corrupt", "its PAX header gives the size '-5'"),
        (record(b"size", b"1e99"), "corrupt", "its PAX header gives the size '1e99'"),
        (record(b"path", b"../evil.wav"), "unsafe_path", "outside of its folder"),
        (record(b"path", b"a\0b/c.wav"), "unsafe_path", "a path with a NUL in it"),
        (record(b"GNU.sparse.major", b"1"), "unsupported_format", "found a sparse or divided member"),
    ],
)
def test_odd_pax_headers_cost_only_their_member(tmp_path: Path, records: bytes, code: str, message: str) -> None:
    members, samples = _good_members()
    report = ingest(_tar(tmp_path, members[0], pax(records), member("1_eve_1.wav"), *members[1:]), tmp_path / "out")
    (item,) = report.set_aside
    assert item.code == code
    assert message in item.reason
    assert_survived(tmp_path / "out", samples)


def test_names_that_are_not_utf8_are_read_and_told(tmp_path: Path) -> None:
    members, samples = _good_members()
    block = header(b"%011o\0" % len(OTHER), "7_jürg_1.wav".encode("latin-1"))
    report = ingest(_tar(tmp_path, block + OTHER + bytes(-len(OTHER) % 512), *members), tmp_path / "out")
    assert "jürg" in report.speakers
    assert of_the_archive(report.warnings) == [
        "1 names of files are not UTF-8; they were read as cp1252, by their letters: 7_jürg_1.wav"
    ]
    assert report.items_good == len(samples) + 1


# ---- damaged ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [None, gzip.compress, bz2.compress, lzma.compress])
def test_everything_before_a_cut_is_kept_and_the_cut_is_named(
    tmp_path: Path, pack: Callable[[bytes], bytes] | None
) -> None:
    members, samples = _good_members()
    data = b"".join(members) + member("1_eve_1.wav", wav(noise(1, 60.0)))
    path = tmp_path / "upload.tar"
    path.write_bytes(pack(data)[: -len(data) // 6] if pack else data[: -len(data) // 6])
    report = ingest(path, tmp_path / "out")
    assert codes(report) == {"1_eve_1.wav": "truncated"}
    assert "the archive ends inside of it: its header says 1,920,044 bytes, " in reason(report, "1_eve_1.wav")
    assert of_the_archive(report.warnings) == [
        "upload.tar is cut short: it ends after 1_eve_1.wav without the mark that ends a tar; what comes before was kept, "
        "what may have followed is missing: make or upload it again"
    ]
    assert_survived(tmp_path / "out", samples)


def test_a_cut_between_members_and_inside_a_header_is_named(tmp_path: Path) -> None:
    members, samples = _good_members()
    for end in (b"", member("1_eve_1.wav")[:200]):
        report = ingest(_tar(tmp_path, *members, end=end), tmp_path / f"out{len(end)}")
        assert report.set_aside == []
        assert "upload.tar is cut short: it ends after 2_ada_2.wav" in report.warnings[0]
        assert_survived(tmp_path / f"out{len(end)}", samples)


def test_a_damaged_header_costs_its_member_and_is_named(tmp_path: Path) -> None:
    members, samples = _good_members()
    broken = bytearray(member("1_eve_1.wav", bytes(5000)))
    broken[10] ^= 0xFF
    report = ingest(_tar(tmp_path, members[0], bytes(broken), *members[1:]), tmp_path / "out")
    assert_survived(tmp_path / "out", samples)
    begin = len(members[0])
    # The zeros of the lost member look like the end of an archive, and reading goes on behind them.
    assert of_the_archive(report.warnings) == [
        f"upload.tar is damaged from byte {begin:,} to {begin + 512:,}, where no member can be made out; members there "
        "are missing: make or upload it again"
    ]


@pytest.mark.parametrize("size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-0000000005\0", b"12x45678901\0"])
def test_sizes_that_are_none_end_in_a_warning(tmp_path: Path, size: bytes) -> None:
    """Among them the negative sizes on which other readers turn forever."""
    members, samples = _good_members()
    began = time.process_time()
    report = ingest(_tar(tmp_path, *members, header(size)), tmp_path / "out")
    assert time.process_time() - began < 5
    assert "upload.tar is damaged from byte" in report.warnings[0]
    assert_survived(tmp_path / "out", samples)


@pytest.mark.parametrize("kind", ["checksum", "bits"])
def test_a_compression_that_is_damaged_refuses_the_archive(tmp_path: Path, kind: str) -> None:
    """Nobody can say which members are whole: a tar has no checksums of its own."""
    members, _ = _good_members()
    data = bytearray(gzip.compress(b"".join(members) + bytes(1024)))
    at = -6 if kind == "checksum" else len(data) // 2
    data[at] ^= 0xFF
    path = tmp_path / "upload.tar.gz"
    path.write_bytes(data)
    with pytest.raises(
        IngestError, match=r"upload\.tar\.gz is damaged: its gzip stream cannot be unpacked beyond byte"
    ):
        ingest(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("upload.tar", b"hello, this is no archive\n" * 100),
        ("upload.tar", b"short"),
        ("upload.tar", b""),
        ("upload.tar.gz", gzip.compress(b"hello, this is no archive\n" * 100, mtime=0)),
        ("upload.tar.gz", gzip.compress(b"", mtime=0)[:-8]),
    ],
)
def test_what_is_no_tar_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(IngestError, match=rf"{name} is not a tar archive, or it is damaged or cut short .* again"):
        ingest(tmp_path / name, tmp_path / "out")


def test_what_is_no_gzip_is_refused_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "upload.zip").write_bytes(b"\x1f\x8b\x08" + bytes(100))
    with pytest.raises(
        IngestError, match=r"upload\.zip is damaged: its gzip stream cannot be unpacked beyond byte 0 \("
    ):
        ingest(tmp_path / "upload.zip", tmp_path / "out")


def test_any_damage_ends_in_a_report_or_a_refusal(tmp_path: Path) -> None:
    """Headers are changed at random: nothing but an IngestError, and only true samples survive."""
    files, samples_of = good(4)
    originals = {samples.tobytes() for samples in samples_of.values()}
    starts = []
    whole = b""
    for name, data in files.items():
        starts.append(len(whole))
        whole += member(name, data)
    whole += bytes(1024)
    chance = random.Random(0)
    kept = 0
    for attempt in range(100):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            data[chance.choice(starts) + chance.randrange(512)] = chance.randrange(256)
        packed = gzip.compress(bytes(data), 1) if attempt % 2 else bytes(data)
        path = tmp_path / "upload.tar"
        path.write_bytes(packed[: chance.randrange(len(packed))] if attempt % 5 == 0 else packed)
        try:
            ingest(path, tmp_path / f"out{attempt}")
        except IngestError as error:
            assert str(error)
            continue
        for u in read_manifest(tmp_path / f"out{attempt}" / "manifest.jsonl"):
            found = read_audio(
                tmp_path / f"out{attempt}" / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s
            )
            assert (found * 32768).astype(np.int16).tobytes() in originals
            kept += 1
    assert kept > 100
