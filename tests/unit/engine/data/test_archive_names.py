"""Names in archives and folders that are not UTF-8, and are those that the metadata names."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zlib
from pathlib import Path

import pytest

from engine.data.manifest import read_manifest
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import tar_of
from tests.unit.engine.data.recordings import UNJUDGED, folder_of, noise, raw_zip, wav

NAMES = {
    "cp932": ("音声", "こんにちは", "表示"),  # 表 ends in the byte of a backslash
    "gbk": ("录音", "今天天气", "北京"),
    "big5": ("錄音", "今天天氣", "功課"),
    "euc_kr": ("음성", "안녕하세요", "한국"),
    "cp866": ("запись", "доброе утро", "голос"),
    "cp1251": ("запись", "доброе утро", "голос"),
    "cp437": ("über", "größe", "jürg"),
    "cp850": ("ação", "não", "mañana"),
    "cp1252": ("ação", "não", "mañana"),
    "cp852": ("ąę", "źdźbło", "żółw"),
    "cp1256": ("صوت", "مرحبا", "كتاب"),
}


def _zip(path: Path, members: list[tuple[bytes, bytes]]) -> Path:
    path.write_bytes(raw_zip([(name, data, {"flags": 0}) for name, data in members]))
    return path


def _found(source: Path, out: Path) -> tuple[dict[str, str], list[str]]:
    report = ingest(source, out, validation=UNJUDGED)
    return {u.id: u.target.text for u in read_manifest(out / "manifest.jsonl")}, report.warnings


@pytest.mark.parametrize(
    ("encoding", "metadata_encoding"),
    [(encoding, "utf-8") for encoding in NAMES]
    + [(encoding, encoding) for encoding in ("cp932", "gbk", "big5", "euc_kr", "cp866", "cp1251", "cp437", "cp1256")],
)
def test_names_are_read_in_the_code_page_of_the_metadata(tmp_path: Path, encoding: str, metadata_encoding: str) -> None:
    names = NAMES[encoding]
    table = "file_name,text\n" + "".join(f"{name}.wav,said in {name}\n" for name in names)
    data = table.encode(metadata_encoding)
    members = [(f"{name}.wav".encode(encoding), wav(noise(at))) for at, name in enumerate(names)]
    found, warnings = _found(_zip(tmp_path / "a.zip", [*members, (b"metadata.csv", data)]), tmp_path / "out")
    assert found == {name: f"said in {name}" for name in names}
    (warning,) = [warning for warning in warnings if "names of files" in warning]
    assert warning.startswith("3 names of files are not UTF-8; they were read as ")
    assert warning.endswith(f"in which they are the names in the metadata: {names[0]}.wav")


def test_folders_are_named_in_a_code_page_too(tmp_path: Path) -> None:
    members = [("表/音声.wav".encode("cp932"), wav(noise(1))), ("表/metadata.jsonl".encode("cp932"), _line("音声.wav"))]
    found, _ = _found(_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert found == {"音声": "hello"}


def _line(name: str) -> bytes:
    return f'{{"file_name": "{name}", "text": "hello"}}\n'.encode()


def test_names_without_metadata_are_read_by_their_letters(tmp_path: Path) -> None:
    words = ("доброе утро", "спокойной ночи", "до свидания", "большое спасибо")
    members = [(f"{word}_анна_{at}.wav".encode("cp866"), wav(noise(at))) for at, word in enumerate(words)]
    source = _zip(tmp_path / "a.zip", members)
    report = ingest(source, tmp_path / "out", validation=UNJUDGED)
    assert sorted(u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")) == sorted(words)
    assert "they were read as cp866, by their letters" in report.warnings[0]


def test_the_field_of_info_zip_is_read(tmp_path: Path) -> None:
    raw = "音声.wav".encode("cp932")
    good = _extra(raw, "違う.wav")
    found, warnings = _found(_with_extra(tmp_path / "a.zip", raw, good, "違う.wav"), tmp_path / "out")
    assert found == {"違う": "hello"}
    assert "not marked as UTF-8" in warnings[0]
    stale = _extra(b"other name", "違う.wav")
    found, warnings = _found(_with_extra(tmp_path / "b.zip", raw, stale, "音声.wav"), tmp_path / "out2")
    assert found == {"音声": "hello"}
    assert "read as cp932" in warnings[0]


def _extra(raw_name: bytes, name: str) -> bytes:
    data = struct.pack("<BI", 1, zlib.crc32(raw_name)) + name.encode()
    return struct.pack("<HH", 0x7075, len(data)) + data


def _with_extra(path: Path, raw_name: bytes, extra: bytes, named: str) -> Path:
    """A zip of a recording and its metadata, the first with an extra field in the list of members."""
    archive = raw_zip([(raw_name, wav(noise(1)), {"flags": 0}), (b"metadata.jsonl", _line(named), {})])
    at = archive.index(b"PK\1\2")
    entry_end = at + 46 + len(raw_name)
    entry = bytearray(archive[at:entry_end])
    entry[30:32] = struct.pack("<H", len(extra))
    end = bytearray(archive[archive.index(b"PK\5\6") :])
    size = struct.unpack("<I", end[12:16])[0]
    end[12:16] = struct.pack("<I", size + len(extra))
    rest = archive[entry_end : archive.index(b"PK\5\6")]
    path.write_bytes(archive[:at] + bytes(entry) + extra + rest + bytes(end))
    return path


def test_names_that_cannot_be_told_are_shown_with_what_to_do(tmp_path: Path) -> None:
    source = _zip(
        tmp_path / "a.zip", [(b"\x81\xfe\xff.wav", wav(noise(1))), (b"metadata.csv", b"file_name,text\nx.wav,y\n")]
    )
    with pytest.raises(IngestError) as raised:
        ingest(source, tmp_path / "out")
    assert "1 names of files are not UTF-8" in str(raised.value)
    assert "pack the archive with UTF-8 names (7-Zip: parameter cu=on; or make a tar)" in str(raised.value)


def test_a_name_that_cannot_be_told_gives_no_text(tmp_path: Path) -> None:
    members = [(b"\x81\xfe\xff_ann_1.wav", wav(noise(1))), (b"seven_ann_1.wav", wav(noise(2)))]
    report = ingest(_zip(tmp_path / "a.zip", members), tmp_path / "out", validation=UNJUDGED)
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["seven"]
    assert [item.code for item in report.set_aside] == ["unreadable_text"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp932", "gbk", "koi8-r"])
def test_names_in_a_tar(tmp_path: Path, encoding: str) -> None:
    name = {"latin-1": "jürg", "cp932": "音声", "gbk": "录音", "koi8-r": "голос"}[encoding]
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding=encoding) as archive:
        for member, data in ((f"{name}.wav", wav(noise(1))), ("metadata.jsonl", _line(f"{name}.wav"))):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    found, warnings = _found(path, tmp_path / "out")
    assert found == {name: "hello"}
    assert "names of files are not UTF-8" in warnings[0]


def test_names_in_an_archive_of_a_folder(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "s", {"metadata.jsonl": _line("音声.wav")})
    _zip(source / "part.zip", [("音声.wav".encode("cp932"), wav(noise(1)))])
    _zip(source / "train.zip", [("表.wav".encode("cp932"), wav(noise(2))), (b"metadata.jsonl", _line("表.wav"))])
    report = ingest(source, tmp_path / "out", validation=UNJUDGED)
    found = [(u.id, u.split) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")]
    assert sorted(found, key=str) == [("part.音声", None), ("train.表", "train")]
    assert report.set_aside == []


def test_names_of_files_that_were_unpacked_without_a_code_page(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "s", {"metadata.jsonl": _line("音声.wav")})
    (source / os.fsdecode("音声.wav".encode("cp932"))).write_bytes(wav(noise(1)))
    found, _ = _found(source, tmp_path / "out")
    assert found == {"音声": "hello"}


def test_tars_of_utf8_are_as_before(tmp_path: Path) -> None:
    found, warnings = _found(
        tar_of(tmp_path / "a.tar", {"音声.wav": wav(noise(1)), "metadata.jsonl": _line("音声.wav")}), tmp_path / "out"
    )
    assert (found, warnings) == ({"音声": "hello"}, [])
