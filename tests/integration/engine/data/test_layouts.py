"""Every structure in every container gives the same utterances; what is wrong with one is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.data.manifest import read_manifest
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import (
    CONTAINERS,
    STRUCTURES,
    Spoken,
    common_voice,
    expected,
    kaldi,
    kaldi_segments,
    librispeech,
    ljspeech,
    nemo,
    spoken,
    utterances,
)
from tests.unit.engine.data.recordings import UNJUDGED, codes, folder_of, jsonl, noise, reason, wav, zip_of


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_same_recordings_in_any_structure_and_container_give_the_same_utterances(
    tmp_path: Path, structure: str, container: str
) -> None:
    known = STRUCTURES[structure]
    corpus = spoken()
    report = ingest(CONTAINERS[container](tmp_path, known.write(corpus)), tmp_path / "out")
    assert (report.layout, report.layouts) == (known.kind, [known.kind])
    assert utterances(tmp_path / "out") == expected(known.expected(corpus))
    aside = {path.rpartition("/")[2]: code for path, code in codes(report).items()}
    assert aside == (
        {"other1.mp3": "not_validated", "bad1.mp3": "not_validated"} if known.kind == "common_voice" else {}
    )
    assert report.items_found == report.items_good + len(report.set_aside)


AWKWARD = [
    'she said "no, never", and left',
    "5|6; 7,8",
    "'tis \"",
    "中文 и кириллица",
    "emoji 🎤 and  two   spaces",
    "[noise] <uh> {x} #1",
    "u\u0308ber",
]


_SIMPLE_TEXTS = ("ljspeech", "file names", "speech commands")


@pytest.mark.parametrize("structure", [name for name in STRUCTURES if name not in _SIMPLE_TEXTS])
def test_awkward_texts_are_the_same_in_any_structure(tmp_path: Path, structure: str) -> None:
    corpus = [replace(s, text=text) for s, text in zip(spoken(), AWKWARD, strict=True)]
    source = folder_of(tmp_path / "source", STRUCTURES[structure].write(corpus))
    ingest(source, tmp_path / "out", validation=UNJUDGED)
    cleaned = {AWKWARD[4]: "emoji 🎤 and two spaces", AWKWARD[6]: "über"}
    assert utterances(tmp_path / "out") == expected([replace(s, text=cleaned.get(s.text, s.text)) for s in corpus])


def test_a_source_of_several_structures_gives_all_of_them(tmp_path: Path) -> None:
    corpus = spoken()
    files = {f"one/{name}": data for name, data in librispeech(corpus[:2]).items()}
    files |= {f"two/{name}": data for name, data in kaldi(corpus[2:6]).items()}
    files |= {f"three/{name}": data for name, data in nemo(corpus[6:]).items() if data}
    files |= {"7_ada_1.wav": wav(noise(77))}
    report = ingest(zip_of(tmp_path / "all.zip", files), tmp_path / "out")
    assert utterances(tmp_path / "out") == expected(corpus)
    assert report.layout == "kaldi"
    assert report.layouts == ["kaldi", "librispeech", "nemo"]
    # With metadata in the source, no text is guessed from a name.
    assert codes(report) == {"7_ada_1.wav": "missing_text"}
    assert reason(report, "7_ada_1.wav").startswith("no row of two/data/dev/wav.scp, ")


# ---- audio folders ------------------------------------------------------------------------------------------


def test_metadata_that_cannot_be_used_costs_only_its_own_recordings(tmp_path: Path) -> None:
    files = {
        "a/metadata.csv": b"name,words\n1.wav,x\n",
        "a/1.wav": wav(noise(1)),
        "b/metadata.csv": b"file_name,text\n1.wav,good\n",
        "b/1.wav": wav(noise(2)),
    }
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out")
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["good"]
    assert codes(report) == {"a/1.wav": "missing_text", "a/metadata.csv": "bad_metadata"}
    assert reason(report, "a/metadata.csv").startswith(
        "a/metadata.csv has the columns name, words; none of them is the text, which is called transcription, text, "
        "sentence or the like: rename a column. Its first rows: 1.wav | x"
    )
    assert reason(report, "a/metadata.csv").endswith("-> correct the metadata file as the reason says")


def test_every_faulty_metadata_file_is_named(tmp_path: Path) -> None:
    files = {"a/metadata.csv": b"name,words\n", "b/metadata.jsonl": jsonl({"text": "x"}), "a/1.wav": wav(noise(1))}
    with pytest.raises(IngestError) as raised:
        ingest(folder_of(tmp_path / "source", files), tmp_path / "out")
    assert "a/metadata.csv has the columns name, words" in str(raised.value)
    assert "b/metadata.jsonl has the columns text; none of them is the file" in str(raised.value)


# ---- NeMo ---------------------------------------------------------------------------------------------------


def test_a_manifest_names_its_recordings_as_another_machine_does(tmp_path: Path) -> None:
    rows = [
        {"audio_filepath": "C:\\corpora\\mine\\wavs\\1.wav", "text": "one", "duration": 0.3},
        {"audio_filepath": "C:\\corpora\\mine\\wavs\\sub\\1.wav", "text": "two", "duration": 0.3},
        {"audio_filepath": "C:\\corpora\\mine\\wavs\\sub\\lost.wav", "text": "three", "duration": 0.3},
    ]
    files = {"top/lists/m.jsonl": jsonl(*rows), "top/wavs/1.wav": wav(noise(1)), "top/wavs/sub/1.wav": wav(noise(2))}
    report = ingest(zip_of(tmp_path / "source.zip", files), tmp_path / "out")
    want = [Spoken("", noise(1), "one", None, None), Spoken("", noise(2), "two", None, None)]
    assert utterances(tmp_path / "out") == expected(want)
    lost = "top/wavs/sub/lost.wav (top/lists/m.jsonl:3)"
    assert codes(report) == {lost: "missing_audio"}
    assert reason(report, lost).startswith("top/lists/m.jsonl:3 names it, and there is no such file")
    assert report.warnings == [
        "top/lists/m.jsonl names its recordings below /C/corpora/mine/, which is not in the source; they were looked for "
        "in top"
    ]


def test_a_lost_recording_is_never_taken_from_another_folder(tmp_path: Path) -> None:
    """`x/1.wav` is missing: `y/1.wav` has the same name, and other words."""
    rows = [{"audio_filepath": f"/data/{name}/1.wav", "text": name} for name in ("x", "y")]
    report = ingest(folder_of(tmp_path / "s", {"m.json": jsonl(*rows), "y/1.wav": wav(noise(1))}), tmp_path / "out")
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["y"]
    assert codes(report) == {"x/1.wav": "missing_audio"}


def test_every_faulty_line_of_a_manifest_is_named(tmp_path: Path) -> None:
    good = {"audio_filepath": "a.wav", "text": "good"}
    rows = [
        good,
        {"text": "no file"},
        {"audio_filepath": "b.wav", "text": "x", "offset": "soon", "duration": -1},
        {"audio_filepath": "../../etc/a.wav", "text": "x"},
        {"audio_filepath": "c.wav"},
        good,
        {"audio_filepath": "d.wav", "text": "x", "offset": 0.1, "duration": 0},
    ]
    files = {f"{name}.wav": wav(noise(at)) for at, name in enumerate("abcd")}
    files["manifest.json"] = b"{broken\n" + jsonl(*rows)
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out")
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["good"]
    assert codes(report) == {
        "manifest.json:3": "missing_audio",
        "b.wav": "bad_times",
        "../../etc/a.wav": "unsafe_path",
        "c.wav": "missing_text",
        "a.wav": "duplicate_name",
        "d.wav (manifest.json:8)": "bad_times",
        "manifest.json:1": "corrupt",
    }
    assert reason(report, "b.wav") == (
        "offset is 'soon'; allowed: seconds, 0 or more and duration is '-1'; allowed: seconds, 0 or more (manifest.json:4)"
        " -> correct the times of its row"
    )
    assert "duration is 0; allowed: more than 0" in reason(report, "d.wav (manifest.json:8)")


# ---- Common Voice -------------------------------------------------------------------------------------------


def test_clips_beyond_the_splits_are_kept_and_a_leak_of_voices_is_told(tmp_path: Path) -> None:
    corpus = spoken()
    files = common_voice(corpus)
    top = "cv-corpus-21.0/en"
    files[f"{top}/validated.tsv"] += b'305\tmore.mp3\tx\tsay "hello\t2\t0\t\n400\tnew.mp3\tx\thello\t2\t0\t\n'
    files |= {f"{top}/clips/more.mp3": wav(noise(50)), f"{top}/clips/new.mp3": wav(noise(51))}
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out")
    more = [Spoken("", noise(50), 'say "hello', "305", None), Spoken("", noise(51), "hello", "400", None)]
    assert utterances(tmp_path / "out") == expected([*corpus, *more])
    assert report.warnings == [
        f"1 of 2 clips that only {top}/validated.tsv names are by speakers of the validation and test splits, and are in "
        "no split themselves: to train on them is to know those voices; remove validated.tsv, or name the test speakers"
    ]
    assert reason(report, f"{top}/clips/other1.mp3").startswith(
        f"it is only in other.tsv ({top}/other.tsv:2): listeners have not confirmed its text 'perhaps'"
    )
    assert "listeners have refused its text 'never'" in reason(report, f"{top}/clips/bad1.mp3")


def test_faults_of_common_voice_are_named(tmp_path: Path) -> None:
    header = b"client_id\tpath\tsentence\n"
    files = {
        "train.tsv": header + b"a\t1.mp3\tone\na\tlost\ttwo\na\t\tthree\na\t2.mp3\tx\ty\na\t../../3.mp3\tz\n",
        "test.tsv": header + b"b\t1.mp3\tagain\nb\told\tfour\n",
        "clips/1.mp3": wav(noise(1)),
        "clips/2.mp3": wav(noise(2)),
        "clips/old.mp3": wav(noise(3)),
        "clips/nobody.mp3": wav(noise(4)),
    }
    report = ingest(zip_of(tmp_path / "cv.zip", files), tmp_path / "out")
    assert sorted(u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")) == ["four", "one"]
    assert codes(report) == {
        "../3.mp3": "unsafe_path",
        "clips/1.mp3": "duplicate_name",
        "clips/2.mp3": "missing_text",
        "clips/lost": "missing_audio",
        "clips/nobody.mp3": "missing_text",
        "train.tsv:4": "missing_audio",
    }
    assert reason(report, "clips/1.mp3").startswith(
        "test.tsv:2 gives it another text, 'again'; 'one' (train.tsv:2) was kept, which is in the split train"
    )
    assert "its row has 4 fields, the first line has 3" in reason(report, "clips/2.mp3")


# ---- LibriSpeech, LJ Speech ---------------------------------------------------------------------------------


def test_faults_of_librispeech_are_named(tmp_path: Path) -> None:
    corpus = spoken()
    files = librispeech(corpus)
    folder = "LibriSpeech/train-clean-100/103/7"
    files[f"{folder}/103-7.trans.txt"] += b"103-7-0099 LOST\n103-7-0000 TURN LEFT\n103-7-0050\n"
    files[f"{folder}/103-7-0050.flac"] = wav(noise(50))
    files[f"{folder}/103-7-0051.flac"] = wav(noise(51))
    files["LibriSpeech/SPEAKERS.TXT"] = b"; READERS\n"
    report = ingest(zip_of(tmp_path / "libri.zip", files), tmp_path / "out")
    assert utterances(tmp_path / "out") == expected(corpus)
    assert codes(report) == {
        "LibriSpeech/SPEAKERS.TXT": "not_audio",
        f"{folder}/103-7-0000.flac": "duplicate_name",
        f"{folder}/103-7-0050.flac": "missing_text",
        f"{folder}/103-7-0051.flac": "missing_text",
        f"{folder}/103-7-0099.flac": "missing_audio",
    }


def test_faults_of_ljspeech_are_named(tmp_path: Path) -> None:
    corpus = spoken()[:2]
    files = ljspeech(corpus)
    files["LJSpeech-1.1/metadata.csv"] += b'LJ9|"Quoted|\nlost|x|y\nLJ8||\nLJ7|a|b|c\n../../x|a\n'
    files |= {f"LJSpeech-1.1/wavs/LJ{at}.wav": wav(noise(at)) for at in (7, 8, 9)}
    report = ingest(zip_of(tmp_path / "lj.zip", files), tmp_path / "out")
    assert sorted(u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")) == [
        '"Quoted',
        "turn left",
        "turn right",
    ]
    assert codes(report) == {
        "LJSpeech-1.1/metadata.csv:7": "unsafe_path",
        "LJSpeech-1.1/wavs/LJ7.wav": "missing_text",
        "LJSpeech-1.1/wavs/LJ8.wav": "missing_text",
        "LJSpeech-1.1/wavs/lost.wav": "missing_audio",
    }


def test_a_metadata_csv_with_bars_and_column_names_is_no_ljspeech(tmp_path: Path) -> None:
    files = {"metadata.csv": b"file_name|text\nwavs/a.wav|hello\n", "wavs/a.wav": wav(noise(1))}
    assert ingest(folder_of(tmp_path / "source", files), tmp_path / "out").layout == "audiofolder"


# ---- Kaldi --------------------------------------------------------------------------------------------------


def test_commands_are_named_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "was_run"
    corpus = spoken()[:2]
    files = kaldi(corpus)
    files["data/train/wav.scp"] += (
        f"c1 touch {mark} |\nc2 sph2pipe -f wav x.sph|\nark raw.ark:17\nstdin -\nabs /etc/passwd\n".encode()
    )
    files["data/train/text"] += b"c1 a\nc2 b\nark c\nstdin d\nabs e\nunknown f\n"
    files["data/dev/text"] = b""
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out")
    assert not mark.exists()
    assert utterances(tmp_path / "out") == expected(corpus)
    assert codes(report) == {
        "data/train/wav.scp:3": "command",
        "data/train/wav.scp:4": "command",
        "data/train/wav.scp:5": "unsupported_format",
        "data/train/wav.scp:6": "missing_audio",
        "etc/passwd": "missing_audio",
        "data/train/text:8": "missing_audio",
    }
    assert reason(report, "data/train/wav.scp:4") == (
        "found the command 'sph2pipe -f wav x.sph|'; allowed: a path: commands are never run -> run the command yourself, "
        "save what it gives as a file, and name that file"
    )
    assert "the utterance 'unknown' is not in wav.scp" in reason(report, "data/train/text:8")


def test_lists_with_tabs_and_line_ends_of_windows(tmp_path: Path) -> None:
    corpus = spoken()
    for name, write in (("kaldi", kaldi), ("libri", librispeech)):
        files = {
            path: data if path.endswith(".flac") else data.replace(b" ", b"\t \t", 1).replace(b"\n", b" \r\n")
            for path, data in write(corpus).items()
        }
        ingest(folder_of(tmp_path / name, files), tmp_path / f"out-{name}")
        assert utterances(tmp_path / f"out-{name}") == expected(corpus)


def test_faults_of_segments_are_named(tmp_path: Path) -> None:
    corpus = [s for s in spoken() if s.split == "train"]
    files = kaldi_segments(corpus)
    folder = "data/train"
    extra = [
        "u1 session 0.5 0.4",
        "u2 session x y",
        "u3 nowhere 0 1",
        "u4 session 99 100",
        "u5 piped 0 1",
        "u6 session 0.1 0.4",
        "u7 session 0 99",
        "u8 broken 0 1",
        "u9 broken 1 2",
        f"{corpus[0].name} session 0 1",
    ]
    files[f"{folder}/segments"] += "\n".join([*extra, ""]).encode()
    files[f"{folder}/wav.scp"] += b"piped cat x |\nunused audio/unused.wav\nbroken audio/broken.wav\n"
    files[f"{folder}/audio/unused.wav"] = wav(noise(1))
    files[f"{folder}/audio/broken.wav"] = b"no audio at all"
    files[f"{folder}/text"] += b"".join(f"u{at} text\n".encode() for at in range(1, 10) if at != 6)
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out")
    assert utterances(tmp_path / "out") == expected(corpus)
    session, broken = f"{folder}/audio/session.wav", f"{folder}/audio/broken.wav"
    assert codes(report) == {
        f"{folder}/segments:5": "bad_times",
        f"{folder}/segments:6": "bad_times",
        f"{folder}/segments:7": "missing_audio",
        f"{session} ({folder}/text:8)": "bad_times",
        f"{folder}/segments:9": "command",
        f"{session} ({folder}/segments:10)": "missing_text",
        f"{session} ({folder}/text:10)": "bad_times",
        f"{broken} ({folder}/text:11)": "corrupt",
        f"{broken} ({folder}/text:12)": "corrupt",
        f"{folder}/segments:14": "duplicate_name",
        f"{folder}/audio/unused.wav": "missing_text",
    }
    assert reason(report, f"{session} ({folder}/text:8)") == (
        "its row goes from 99 s to 100 s; its file lasts 1.450 s: allowed: times inside it -> correct the times of its row"
    )
    assert "it goes from 0.5 s to 0.4 s; allowed: 0 <= START < END" in reason(report, f"{folder}/segments:5")
    assert "its recording 'piped' (data/train/wav.scp:2) is not read: found the command" in reason(
        report, f"{folder}/segments:9"
    )
