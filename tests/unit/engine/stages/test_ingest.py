"""Datasets as people make them, with the defects that they have."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.reading import read_audio
from engine.data.limits import IngestLimits
from engine.data.manifest import read_manifest
from engine.data.report import ACTIONS, CODES, IngestReport
from engine.data.shards import to_int16
from engine.errors import IngestError
from engine.models.catalogue import PROJECT_ROOT
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import (
    assert_survived,
    codes,
    folder_of,
    good,
    jsonl,
    noise,
    reason,
    wav,
    zip_of,
)

BUNDLED = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"


def _ingest(tmp_path: Path, files: dict[str, bytes], limits: IngestLimits | None = None) -> IngestReport:
    """The same through a folder and a zip."""
    limits = limits or IngestLimits()
    by_folder = ingest(folder_of(tmp_path / "source", files), tmp_path / "from_folder", limits)
    report = ingest(zip_of(tmp_path / "source.zip", files), tmp_path / "out", limits)
    assert by_folder == report
    for name in ("manifest.jsonl", "report.json"):
        assert (tmp_path / "from_folder" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert IngestReport.model_validate_json((tmp_path / "out" / "report.json").read_bytes()) == report
    assert report.items_found == report.items_good + len(report.set_aside)
    return report


# ---- layouts ------------------------------------------------------------------------------------------------


def test_names_of_files_give_text_and_speaker(tmp_path: Path) -> None:
    files = {
        "recordings/7_jackson_32.wav": wav(noise(1)),
        "recordings/turn-left_ada_1.wav": wav(noise(2)),
        "recordings/turn_right_ada_12.wav": wav(noise(3)),
        "recordings/4-2_eve_0.flac": wav(noise(4), format="FLAC"),
        "recordings/42_eve_1.wav": wav(noise(5)),
    }
    report = _ingest(tmp_path, files)
    found = {u.id: (u.target.text, u.group, u.split) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")}
    assert found == {
        "7_jackson_32": ("seven", "jackson", None),
        "turn-left_ada_1": ("turn left", "ada", None),
        "turn_right_ada_12": ("turn right", "ada", None),
        "4-2_eve_0": ("four two", "eve", None),
        "42_eve_1": ("42", "eve", None),
    }
    assert report.layout == "file_names"
    assert report.speakers == {"ada": 2, "eve": 2, "jackson": 1}
    assert report.formats == {"FLAC": 1, "WAV": 4}
    assert report.text.alphabet == " 24efghilnorstuvw"


def test_audiofolder_inside_one_top_folder(tmp_path: Path) -> None:
    text = 'file_name,transcription,Speaker_ID,split,note\r\nclips/a.wav,"well, yes",ada,train,x\r\n.\\clips\\b.wav,  no \t way ,,val,\r\n'
    files = {
        "my data/metadata.csv": b"\xef\xbb\xbf" + text.encode(),
        "my data/clips/a.wav": wav(noise(1)),
        "my data/clips/b.wav": wav(noise(2)),
    }
    report = _ingest(tmp_path, files)
    found = [(u.id, u.target.text, u.group, u.split) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")]
    assert found == [("clips.a", "well, yes", "ada", "train"), ("clips.b", "no way", None, "validation")]
    assert report.layout == "audiofolder"
    assert report.metadata_files == ["my data/metadata.csv"]
    assert report.without_speaker == 1
    assert report.splits == {"train": 1, "validation": 1}
    assert report.warnings == ["my data/metadata.csv: these columns were not read: note"]


@pytest.mark.parametrize("top", ["", "data/"])
def test_a_folder_for_each_split_each_with_its_metadata(tmp_path: Path, top: str) -> None:
    files = {}
    for seed, split in enumerate(("train", "validation", "test")):
        files[f"{top}{split}/metadata.jsonl"] = jsonl({"file_name": "a.wav", "text": split, "speaker": seed})
        files[f"{top}{split}/a.wav"] = wav(noise(seed))
    _ingest(tmp_path, files)
    found = {u.id: (u.target.text, u.group, u.split) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")}
    assert found == {
        "test.a": ("test", "2", "test"),
        "train.a": ("train", "0", "train"),
        "validation.a": ("validation", "1", "validation"),
    }


def test_split_folders_count_without_metadata_and_for_a_single_split(tmp_path: Path) -> None:
    _ingest(tmp_path, {"test/7_ada_1.wav": wav(noise(1)), "test/8_ada_1.wav": wav(noise(2))})
    assert [(u.id, u.split) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == [
        ("test.7_ada_1", "test"),
        ("test.8_ada_1", "test"),
    ]


@pytest.mark.parametrize("column", ["transcription", "transcript", "text", "sentence", "label", "TEXT"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_every_name_of_the_text_column(tmp_path: Path, column: str, form: str) -> None:
    metadata = (
        f"{column},file_name\nhello,a.wav\n".encode()
        if form == "csv"
        else jsonl({"file_name": "a.wav", column: "hello"})
    )
    _ingest(tmp_path, {f"metadata.{form}": metadata, "a.wav": wav(noise(1))})
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["hello"]


def test_ids_stay_unique(tmp_path: Path) -> None:
    files = {"a/x.wav": wav(noise(1)), "a.x.wav": wav(noise(2)), "a/x.flac": wav(noise(3), format="FLAC")}
    files["metadata.csv"] = b"file_name,text\n" + b"".join(f"{name},t\n".encode() for name in files)
    _ingest(tmp_path, files)
    assert [u.id for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["a.x", "a.x-2", "a.x-3"]


# ---- items with defects -------------------------------------------------------------------------------------


def test_every_bad_item_is_named_and_every_good_one_survives(tmp_path: Path) -> None:
    files, samples = good()
    whole = wav(noise(1, 1.0))
    nan = np.full(4000, np.nan, np.float32)
    bad = {
        "cut": (whole[:20_000], "truncated", "header says 32000 bytes of audio, the file has 19956"),
        "zero": (b"", "empty_file", "0 bytes"),
        "header": (wav(np.zeros(0, np.int16)), "empty_file", "no samples"),
        "text": (b"this is text, whatever its name says\n" * 50, "corrupt", "not audio that can be read"),
        "quiet": (wav(np.zeros(600 * 8000, np.int16), 8000), "silent", "nothing in its 600.00 s is louder than -60 dB"),
        "hush": (wav(noise(1) // 10_000), "silent", "nothing in its 0.30 s is louder"),
        "offset": (wav(np.full(8000, 5000, np.int16)), "silent", "nothing in its 0.50 s is louder"),
        "long": (wav(noise(1, 30.1)), "too_long", "it lasts 30.1 s; allowed: at most 30 s"),
        "short": (wav(noise(1, 0.04)), "too_short", "it lasts 0.040 s; allowed: at least 0.05 s"),
        "nan": (wav(nan, subtype="FLOAT"), "corrupt", "NaN or infinite"),
        "voc": (wav(noise(1), format="VOC"), "unsupported_format", "VOC audio; allowed: WAV, FLAC, OGG, OPUS, MP3"),
        "slow": (wav(noise(1), 1000), "unsupported_format", "sample rate of 1000 Hz"),
        "flac": (wav(noise(1, 1.0), format="FLAC")[:9000], "corrupt", "damaged or cut short"),
    }
    files |= {f"{name}_eve_1.wav": data for name, (data, _, _) in bad.items()}
    files |= {"noise.wav": wav(noise(5)), "notes.txt": b"hello", "talk_eve_1.m4a": b"\0\0\0\x20ftypM4A "}
    report = _ingest(tmp_path, files)
    assert codes(report) == {
        **{f"{name}_eve_1.wav": code for name, (_, code, _) in bad.items()},
        "noise.wav": "missing_text",
        "notes.txt": "not_audio",
        "talk_eve_1.m4a": "truncated",
    }
    for name, (_, code, message) in bad.items():
        found = reason(report, f"{name}_eve_1.wav")
        assert message in found, found
        assert found.endswith(ACTIONS[code])
        assert str(tmp_path) not in found
    assert "its name is not text_speaker_take" in reason(report, "noise.wav")
    assert report.items_good == 3
    assert sum(report.set_aside_by_code.values()) == len(report.set_aside)
    assert_survived(tmp_path / "out", samples)


def test_rows_and_files_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    files, samples = good()
    rows = [f"{name},t,ada" for name in files]
    rows += ["lost.wav,hello,ada", "mute.wav,  ,ada", ",nobody,ada", "0_ada_0.wav,T!,ada", "../../etc/passwd,x,ada"]
    rows += ["comma.wav,hello, world,ada"]
    files |= {"mute.wav": wav(noise(1)), "extra.wav": wav(noise(2)), "comma.wav": wav(noise(3)), "list.pdf": b"%PDF"}
    files["metadata.csv"] = "\n".join(["file_name,text,speaker", *rows]).encode()
    report = _ingest(tmp_path, files)
    assert codes(report) == {
        "../../etc/passwd": "unsafe_path",
        "0_ada_0.wav": "duplicate_name",
        "comma.wav": "missing_text",
        "extra.wav": "missing_text",
        "list.pdf": "not_audio",
        "lost.wav": "missing_audio",
        "metadata.csv:7": "missing_audio",
        "mute.wav": "missing_text",
    }
    assert reason(report, "lost.wav") == (
        "metadata.csv:5 names it, and there is no such file -> add the file, or remove its row"
    )
    assert reason(report, "mute.wav").startswith("its row metadata.csv:6 has no text -> give its text")
    assert reason(report, "extra.wav").startswith("no row of metadata.csv names it")
    assert reason(report, "0_ada_0.wav").startswith("metadata.csv:8 names it again; the row metadata.csv:2 was kept")
    assert "a text with commas stands in quotes" in reason(report, "comma.wav")
    assert_survived(tmp_path / "out", samples)


def test_a_named_file_is_read_by_its_content_whatever_its_ending(tmp_path: Path) -> None:
    files = {"a.dat": wav(noise(1)), "b": wav(noise(2)), "c.m4a": wav(noise(3)), "d.m4a": b"\0\0\0\x20ftypM4A xxxx"}
    files["metadata.csv"] = b"file_name,text\na.dat,one\nb,two\nc.m4a,three\nd.m4a,four\n"
    report = _ingest(tmp_path, files)
    assert report.items_good == 3
    assert codes(report) == {"d.m4a": "truncated"}


def test_lines_that_are_no_json_are_named(tmp_path: Path) -> None:
    files = {
        "a.wav": wav(noise(1)),
        "metadata.jsonl": b'{"file_name": "a.wav", "text": "one"}\n{"file_name": \n[1]\n\n',
    }
    report = _ingest(tmp_path, files)
    assert codes(report) == {"metadata.jsonl:2": "corrupt", "metadata.jsonl:3": "corrupt"}
    assert "the line is no JSON object" in reason(report, "metadata.jsonl:3")


def test_links_in_a_folder_are_followed_only_inside_it(tmp_path: Path) -> None:
    files, samples = good()
    source = folder_of(tmp_path / "source", files)
    (source / "real").mkdir()
    (source / "0_ada_0.wav").rename(source / "real" / ".0_ada_0.wav")
    (source / "0_ada_0.wav").symlink_to("real/.0_ada_0.wav")
    (tmp_path / "secret.wav").write_bytes(wav(noise(9)))
    (source / "1_eve_1.wav").symlink_to(tmp_path / "secret.wav")
    (source / "1_eve_2.wav").symlink_to("nowhere.wav")
    (source / "up").symlink_to(tmp_path)
    os.mkfifo(source / "1_eve_3.wav")
    report = ingest(source, source / "out")  # a target inside the source is not read
    assert codes(report) == {
        "1_eve_1.wav": "symlink",
        "1_eve_2.wav": "symlink",
        "1_eve_3.wav": "unsafe_path",
        "up": "symlink",
    }
    assert_survived(source / "out", samples)


# ---- audio --------------------------------------------------------------------------------------------------


def test_shards_hold_recordings_back_to_back(tmp_path: Path) -> None:
    samples = {f"{i}_ada_{i}": noise(i, 0.4) for i in range(6)}
    files = {f"{name}.wav": wav(values) for name, values in samples.items()}
    report = _ingest(tmp_path, files, IngestLimits(shard_s=1.0))
    out = tmp_path / "out"
    assert sorted(path.name for path in (out / "audio").iterdir()) == ["00000.wav", "00001.wav", "00002.wav"]
    info = soundfile.info(out / "audio" / "00000.wav")
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (16_000, 1, "PCM_16", 12_800)
    assert [(u.input.audio, u.input.start_s) for u in read_manifest(out / "manifest.jsonl")][:3] == [
        ("audio/00000.wav", 0.0),
        ("audio/00000.wav", 0.4),
        ("audio/00001.wav", 0.0),
    ]
    assert (report.audio_s, report.shortest_s, report.longest_s) == (2.4, 0.4, 0.4)
    assert_survived(out, samples)


def test_other_rates_channels_and_formats_become_16_khz_mono(tmp_path: Path) -> None:
    time_T = np.arange(44_100) / 44_100
    hz = {"a_x_1.flac": 440, "a_x_1.mp3": 560, "a_x_1.ogg": 680, "a_x_1.wav": 800}  # one tone in four forms is one item
    tones = {name: (0.5 * np.sin(2 * np.pi * each * time_T)).astype(np.float32) for name, each in hz.items()}
    stereo = np.stack([tones["a_x_1.flac"], np.zeros(44_100, np.float32)], axis=1)
    files = {
        "a_x_1.flac": wav(stereo, 44_100, "PCM_24", "FLAC"),
        "a_x_1.ogg": wav(tones["a_x_1.ogg"], 44_100, "VORBIS", "OGG"),
        "a_x_1.mp3": wav(tones["a_x_1.mp3"], 44_100, "MPEG_LAYER_III", "MP3"),
        "a_x_1.wav": wav(tones["a_x_1.wav"], 44_100, "FLOAT"),
    }
    report = _ingest(tmp_path, files)
    assert report.rates_hz == {44_100: 4}
    assert report.formats == {"FLAC": 1, "MP3": 1, "OGG": 1, "WAV": 1}
    found = {u.id: u for u in read_manifest(tmp_path / "out" / "manifest.jsonl")}
    for (name, u), each in zip(found.items(), hz.values(), strict=True):
        expected = 0.5 * np.sin(2 * np.pi * each * np.arange(16_000) / 16_000)
        wave_T = read_audio(tmp_path / "out" / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s)
        gain = 2 if name == "a_x_1" else 1  # the first is the stereo one
        assert u.input.duration_s == 1.0
        assert np.abs(gain * wave_T[2000:-2000] - expected[2000:-2000]).max() < 0.03, name


def test_samples_beyond_full_scale_are_made_quieter_and_not_clipped(tmp_path: Path) -> None:
    loud = np.linspace(-2.0, 2.0, 8000, dtype=np.float32)
    report = _ingest(tmp_path, {"a_x_1.wav": wav(loud, subtype="FLOAT"), "a_x_2.wav": wav(noise(1))})
    assert "1 recordings go beyond full scale and were made quieter: a_x_1.wav" in report.warnings
    u = read_manifest(tmp_path / "out" / "manifest.jsonl")[0]
    found = read_audio(tmp_path / "out" / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s)
    assert np.abs(found - loud / 2).max() < 1e-4


def test_int16_extremes_are_kept() -> None:
    extremes = np.array([-32768, 32767, 0, 1], np.int16)
    samples, scaled = to_int16(extremes.astype(np.float32) / 32768)
    assert not scaled
    assert np.array_equal(samples, extremes)
    assert to_int16(np.array([1.0, -1.0], np.float32))[0].tolist() == [32767, -32767]


def test_the_same_recording_twice_is_kept_once(tmp_path: Path) -> None:
    report = _ingest(tmp_path, {"1_ada_1.wav": wav(noise(1)), "1_eve_1.wav": wav(noise(1))})
    assert report.items_good == 1
    assert codes(report) == {"1_eve_1.wav": "duplicate_audio"}
    assert reason(report, "1_eve_1.wav").startswith(
        "it has the same samples as 1_ada_1.wav, which has another speaker; that one is kept -> nothing, unless"
    )


# ---- the whole ----------------------------------------------------------------------------------------------


def test_nothing_good_is_refused_with_its_reasons_and_a_report(tmp_path: Path) -> None:
    source = zip_of(tmp_path / "source.zip", {"1_ada_1.wav": b"", "2_ada_1.wav": b"text"})
    with pytest.raises(
        IngestError, match=r"none of 2 items can be used: 1_ada_1\.wav \(empty_file: .*2_ada_1\.wav \(corrupt"
    ):
        ingest(source, tmp_path / "out")
    report = IngestReport.model_validate_json((tmp_path / "out" / "report.json").read_bytes())
    assert codes(report) == {"1_ada_1.wav": "empty_file", "2_ada_1.wav": "corrupt"}
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    with pytest.raises(IngestError, match="found no recording; a dataset is a zip or a folder"):
        ingest(folder_of(tmp_path / "nothing", {".hidden": b""}), tmp_path / "out2")
    with pytest.raises(IngestError, match="found no recording"):
        ingest(zip_of(tmp_path / "nothing.zip", {}), tmp_path / "out3")
    with pytest.raises(IngestError, match="no archive, table or folder at"):
        ingest(tmp_path / "absent", tmp_path / "out4")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (
            b"name,text\nlost.wav,x\n",
            r"metadata\.csv has the columns name, text; none of them is the file, which is called file_name, path, audio "
            r"or the like: rename a column\. Its first rows: lost\.wav \| x",
        ),
        (
            b"file_name,words\na.wav,x\n",
            r"has the columns file_name, words; none of them is the text, which is called transcription, text, sentence",
        ),
        (b"\n\n", r"metadata\.csv is empty; its first line names the columns"),
    ],
)
def test_metadata_without_the_needed_columns_is_refused(tmp_path: Path, metadata: bytes, message: str) -> None:
    source = folder_of(tmp_path / "source", {"metadata.csv": metadata, "a.wav": wav(noise(1))})
    with pytest.raises(IngestError, match=message):
        ingest(source, tmp_path / "out")


def test_a_dataset_version_never_changes(tmp_path: Path) -> None:
    files, samples = good()
    source = folder_of(tmp_path / "source", files)
    ingest(source, tmp_path / "out")
    with pytest.raises(IngestError, match="already holds a dataset version, which never changes; give another folder"):
        ingest(source, tmp_path / "out")
    assert_survived(tmp_path / "out", samples)


def test_an_interruption_leaves_no_manifest_and_the_next_try_is_whole(tmp_path: Path) -> None:
    files, samples = good()
    source = folder_of(tmp_path / "source", files)
    seen: list[tuple[int, int]] = []

    def interrupt(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(source, tmp_path / "out", on_progress=interrupt)
    assert seen == [(1, 3), (2, 3)]
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
    (tmp_path / "out" / "audio" / "00007.wav").write_bytes(b"left behind by a kill")
    ingest(source, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "audio").iterdir()] == ["00000.wav"]
    assert_survived(tmp_path / "out", samples)


def test_a_file_that_says_it_holds_years_costs_no_time(tmp_path: Path) -> None:
    files, samples = good()
    data = bytearray(wav(np.zeros(16_000, np.int16), format="FLAC"))
    data[21] |= 0x0F
    data[22:26] = b"\xff\xff\xff\xff"  # 68 billion samples
    report = _ingest(tmp_path, {**files, "1_eve_1.flac": bytes(data)})
    assert codes(report) == {"1_eve_1.flac": "too_long"}
    assert_survived(tmp_path / "out", samples)


def test_every_code_says_what_to_do() -> None:
    assert set(ACTIONS) == set(CODES)
