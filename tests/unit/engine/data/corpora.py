"""The same recordings in every structure that datasets come in, and in every container."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.audio.reading import read_audio
from engine.data.example import Split
from engine.data.manifest import read_manifest
from tests.unit.engine.data.recordings import Samples, folder_of, jsonl, noise, wav, zip_of

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recording."""

    name: str
    samples: Samples
    text: str
    speaker: str | None
    split: Split | None


def spoken() -> list[Spoken]:
    """Seven recordings by four speakers, none of whom is in two splits."""
    made = [
        ("turn left", "103", "train"),
        ("turn right", "103", "train"),
        ("stop", "104", "train"),
        ("nach süden", "104", "train"),
        ("go on", "201", "validation"),
        ("stop", "305", "test"),
        ("turn left", "305", "test"),
    ]
    return [
        Spoken(f"{speaker}-7-{at:04d}", noise(500 + at, 0.2 + at / 40), text, speaker, split)  # type: ignore[arg-type]
        for at, (text, speaker, split) in enumerate(made)
    ]


# ---- structures ---------------------------------------------------------------------------------------------

_SPLIT_FILES = {"train": "train", "validation": "dev", "test": "test"}


def audiofolder_csv(corpus: list[Spoken]) -> Files:
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["file_name", "transcription", "speaker", "split"])
    writer.writerows([f"clips/{s.name}.wav", s.text, s.speaker, s.split] for s in corpus)
    return {"metadata.csv": table.getvalue().encode(), **{f"clips/{s.name}.wav": wav(s.samples) for s in corpus}}


def audiofolder_tsv(corpus: list[Spoken]) -> Files:
    rows = [f"{s.name}.wav\t{s.text}\t{s.speaker}\t{s.split}" for s in corpus]
    files = {f"{s.name}.wav": wav(s.samples) for s in corpus}
    return {**files, "metadata.tsv": "\n".join(["file_name\ttext\tspeaker_id\tsplit", *rows]).encode()}


def audiofolder_jsonl(corpus: list[Spoken]) -> Files:
    """With a folder for each split."""
    files: Files = {}
    for split in _SPLIT_FILES:
        rows = [s for s in corpus if s.split == split]
        files |= {f"{split}/{s.name}.flac": wav(s.samples, format="FLAC") for s in rows}
        files[f"{split}/metadata.jsonl"] = jsonl(
            *({"file_name": f"{s.name}.flac", "text": s.text, "speaker": s.speaker} for s in rows)
        )
    return files


def nemo(corpus: list[Spoken]) -> Files:
    """Whole files, with the absolute paths of another machine."""
    files = {f"audio/{s.name}.wav": wav(s.samples) for s in corpus}
    for split, name in _SPLIT_FILES.items():
        files[f"{name}_manifest.json"] = jsonl(
            *(
                {
                    "audio_filepath": f"/data/corpora/mine/audio/{s.name}.wav",
                    "duration": round(len(s.samples) / 16_000, 2),
                    "text": s.text,
                    "speaker": s.speaker,
                }
                for s in corpus
                if s.split == split
            )
        )
    return files


def nemo_parts(corpus: list[Spoken]) -> Files:
    """All recordings of a split in one long file, the lines shuffled."""
    files: Files = {}
    for split in _SPLIT_FILES:
        rows = [s for s in corpus if s.split == split]
        long, lines = _joined(rows)
        files[f"wavs/{split}.wav"] = wav(long)
        files[f"{split}.jsonl"] = jsonl(
            *(
                {
                    "audio_filepath": f"wavs/{split}.wav",
                    "offset": start_s,
                    "duration": duration_s,
                    "text": s.text,
                    "speaker": s.speaker,
                }
                for s, start_s, duration_s in reversed(lines)
            )
        )
    return files


def common_voice(corpus: list[Spoken]) -> Files:
    header = "client_id\tpath\tsentence_id\tsentence\tup_votes\tdown_votes\tage"

    def table(rows: list[Spoken]) -> bytes:
        lines = [f"{s.speaker}\t{s.name}.mp3\tx1\t{s.text}\t2\t0\t" for s in rows]
        return "\n".join([header, *lines, ""]).encode()

    files = {f"clips/{s.name}.mp3": wav(s.samples, format="FLAC") for s in corpus}  # bit for bit, whatever the name
    for split, name in _SPLIT_FILES.items():
        files[f"{name}.tsv"] = table([s for s in corpus if s.split == split])
    extra = [Spoken("other1", noise(900), "perhaps", "999", None), Spoken("bad1", noise(901), "never", "998", None)]
    files |= {f"clips/{s.name}.mp3": wav(s.samples, format="FLAC") for s in extra}
    files["validated.tsv"] = table(corpus)
    files["other.tsv"] = table(extra[:1])
    files["invalidated.tsv"] = table([*extra[1:], Spoken("left out of the release", noise(1), "no", "1", None)])
    return {f"cv-corpus-21.0/en/{name}": data for name, data in files.items()}


def librispeech(corpus: list[Spoken]) -> Files:
    folders = {"train": "train-clean-100", "validation": "dev-other", "test": "test-clean"}
    files: Files = {}
    for s in corpus:
        folder = f"LibriSpeech/{folders[s.split or 'train']}/{s.speaker}/7"
        files[f"{folder}/{s.name}.flac"] = wav(s.samples, format="FLAC")
        lines = files.get(f"{folder}/{s.speaker}-7.trans.txt", b"")
        files[f"{folder}/{s.speaker}-7.trans.txt"] = lines + f"{s.name} {s.text}\n".encode()
    return files


def ljspeech(corpus: list[Spoken]) -> Files:
    files = {f"LJSpeech-1.1/wavs/{s.name}.wav": wav(s.samples) for s in corpus}
    lines = [f"{s.name}|{s.text.upper()} Nr. 5|{s.text}" for s in corpus]
    return {**files, "LJSpeech-1.1/metadata.csv": "\n".join([*lines, ""]).encode()}


def kaldi(corpus: list[Spoken]) -> Files:
    files = {f"corpus/{s.name}.flac": wav(s.samples, format="FLAC") for s in corpus}
    for split, name in _SPLIT_FILES.items():
        rows = [s for s in corpus if s.split == split]
        lists = {
            "wav.scp": [f"{s.name} corpus/{s.name}.flac" for s in rows],
            "text": [f"{s.name} {s.text}" for s in rows],
            "utt2spk": [f"{s.name} {s.speaker}" for s in rows],
        }
        files |= {f"data/{name}/{key}": "\n".join([*lines, ""]).encode() for key, lines in lists.items()}
    return files


def kaldi_segments(corpus: list[Spoken]) -> Files:
    files: Files = {}
    for split, name in _SPLIT_FILES.items():
        rows = [s for s in corpus if s.split == split]
        if not rows:
            continue
        long, parts = _joined(rows)
        files[f"data/{name}/audio/session.wav"] = wav(long)
        lists = {
            "wav.scp": ["session audio/session.wav"],
            "segments": [f"{s.name} session {start_s} {start_s + duration_s}" for s, start_s, duration_s in parts],
            "text": [f"{s.name} {s.text}" for s in rows],
            "utt2spk": [f"{s.name} {s.speaker}" for s in rows],
        }
        files |= {f"data/{name}/{key}": "\n".join([*lines, ""]).encode() for key, lines in lists.items()}
    return files


def parquet(corpus: list[Spoken]) -> Files:
    """Two shards for the training split, with small row groups."""
    shards = {
        "data/train-00000-of-00002.parquet": [s for s in corpus if s.split == "train"][:2],
        "data/train-00001-of-00002.parquet": [s for s in corpus if s.split == "train"][2:],
        "data/validation-00000-of-00001.parquet": [s for s in corpus if s.split == "validation"],
        "data/test-00000-of-00001.parquet": [s for s in corpus if s.split == "test"],
    }
    return {name: parquet_of(rows) for name, rows in shards.items()}


def parquet_of(rows: list[Spoken], row_group_size: int = 1) -> bytes:
    audio = [{"bytes": wav(s.samples, format="FLAC"), "path": f"{s.name}.flac"} for s in rows]
    table = pa.table({"audio": audio, "sentence": [s.text for s in rows], "client_id": [s.speaker for s in rows]})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=row_group_size)
    return file.getvalue()


def _audio_folders(corpus: list[Spoken], folder: str) -> dict[str, Spoken]:
    """Recordings in a folder for each split and speaker."""
    return {f"{folder}/{_SPLIT_FILES[s.split or 'train']}/{s.speaker}/{s.name}": s for s in corpus}


def text_files(corpus: list[Spoken]) -> Files:
    """As LibriTTS: two texts for each recording, of which the normalised one is spoken."""
    files: Files = {}
    for path, s in _audio_folders(corpus, "LibriTTS").items():
        files |= {f"{path}.wav": wav(s.samples), f"{path}.normalized.txt": s.text.encode()}
        files[f"{path}.original.txt"] = s.text.upper().encode()
    return files


def parallel_text_files(corpus: list[Spoken]) -> Files:
    """As VCTK: texts in a folder of their own."""
    audio = {f"{path}.flac": wav(s.samples, format="FLAC") for path, s in _audio_folders(corpus, "VCTK/wav48").items()}
    return audio | {f"{path}.txt": f"{s.text}\n".encode() for path, s in _audio_folders(corpus, "VCTK/txt").items()}


def webdataset(corpus: list[Spoken]) -> Files:
    """The members of a tar: an object for each recording."""
    files = {f"{s.name}.flac": wav(s.samples, format="FLAC") for s in corpus}
    rows = {f"{s.name}.json": {"text": s.text, "speaker": s.speaker, "split": s.split} for s in corpus}
    return files | {name: json.dumps(row).encode() for name, row in rows.items()}


def lists(corpus: list[Spoken]) -> Files:
    """As MLS: for each split a list, without column names."""
    files = {f"{path}.flac": wav(s.samples, format="FLAC") for path, s in _audio_folders(corpus, "mls/audio").items()}
    for split, name in _SPLIT_FILES.items():
        lines = [f"{s.name}\t{s.text}" for s in corpus if s.split == split]
        files[f"mls/{name}/transcripts.txt"] = "\n".join([*lines, ""]).encode()
    return files


def speech_commands(corpus: list[Spoken]) -> Files:
    paths = {f"{s.text.replace(' ', '_')}/{s.speaker}_nohash_{at}.wav": s for at, s in enumerate(corpus)}
    files = {path: wav(s.samples) for path, s in paths.items()}
    for split, name in (("validation", "validation_list.txt"), ("test", "testing_list.txt")):
        files[name] = "".join(f"{path}\n" for path, s in paths.items() if s.split == split).encode()
    return files


def file_names(corpus: list[Spoken]) -> Files:
    return {f"{s.split}/{s.text.replace(' ', '-')}_{s.speaker}_{at}.wav": wav(s.samples) for at, s in enumerate(corpus)}


@dataclass(frozen=True, slots=True)
class Structure:
    """How to write a corpus, and what it is found to be."""

    write: Callable[[list[Spoken]], Files]
    kind: str
    has_speakers: bool = True
    has_splits: bool = True

    def expected(self, corpus: list[Spoken]) -> list[Spoken]:
        """What can be known of a corpus that was written so."""
        return [
            replace(s, speaker=s.speaker if self.has_speakers else None, split=s.split if self.has_splits else None)
            for s in corpus
        ]


STRUCTURES = {
    "audiofolder csv": Structure(audiofolder_csv, "audiofolder"),
    "audiofolder tsv": Structure(audiofolder_tsv, "audiofolder"),
    "audiofolder jsonl": Structure(audiofolder_jsonl, "audiofolder"),
    "nemo": Structure(nemo, "nemo"),
    "nemo parts": Structure(nemo_parts, "nemo"),
    "common voice": Structure(common_voice, "common_voice"),
    "librispeech": Structure(librispeech, "librispeech"),
    "ljspeech": Structure(ljspeech, "ljspeech", has_speakers=False, has_splits=False),
    "kaldi": Structure(kaldi, "kaldi"),
    "kaldi segments": Structure(kaldi_segments, "kaldi"),
    "parquet": Structure(parquet, "parquet"),
    "text files": Structure(text_files, "text_files"),
    "parallel text files": Structure(parallel_text_files, "text_files"),
    "webdataset": Structure(webdataset, "text_files"),
    "lists": Structure(lists, "lists"),
    "speech commands": Structure(speech_commands, "speech_commands"),
    "file names": Structure(file_names, "file_names"),
}


def _joined(rows: list[Spoken]) -> tuple[Samples, list[tuple[Spoken, float, float]]]:
    """One long recording with pauses, and where each of its parts is."""
    pieces, parts, at = [], [], 0
    for s in rows:
        pause = np.zeros(1600, np.int16)
        at += len(pause)
        parts.append((s, at / 16_000, len(s.samples) / 16_000))
        at += len(s.samples)
        pieces += [pause, s.samples]
    return np.concatenate([*pieces, np.zeros(1600, np.int16)]), parts


# ---- containers ---------------------------------------------------------------------------------------------


def tar_of(path: Path, members: Files, mode: str = "w", format: int = tarfile.PAX_FORMAT) -> Path:
    """A tar by the standard library."""
    with tarfile.open(path, mode, format=format) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def _last(members: Files) -> Files:
    """The metadata at the very end of the archive, below one folder."""
    ordered = sorted(members.items(), key=lambda member: (len(member[1]), member[0]), reverse=True)
    return {f"my corpus/{name}": data for name, data in ordered}


CONTAINERS: dict[str, Callable[[Path, Files], Path]] = {
    "folder": lambda path, files: folder_of(path / "corpus", files),
    "nested folders": lambda path, files: folder_of(path / "corpus", {f"a/b c/{k}": v for k, v in files.items()}),
    "zip": lambda path, files: zip_of(path / "corpus.zip", files),
    "zip with a top folder": lambda path, files: zip_of(path / "corpus.zip", _last(files), zipfile.ZIP_STORED),
    "tar": lambda path, files: tar_of(path / "corpus.tar", files),
    "tar with a top folder": lambda path, files: tar_of(path / "corpus.tar", _last(files), format=tarfile.GNU_FORMAT),
    "ustar": lambda path, files: tar_of(path / "corpus", files, format=tarfile.USTAR_FORMAT),
    "tar.gz": lambda path, files: tar_of(path / "corpus.tar.gz", _last(files), "w:gz"),
    "tar.bz2": lambda path, files: tar_of(path / "corpus.tar.bz2", files, "w:bz2"),
    "tar.xz": lambda path, files: tar_of(path / "corpus.txz", files, "w:xz"),
}


# ---- what comes out -----------------------------------------------------------------------------------------


def utterances(dataset: Path) -> list[tuple[bytes, str, str | None, str | None]]:
    """Samples, text, speaker and split of everything in a dataset version, in an order of their own."""
    found = []
    for u in read_manifest(dataset / "manifest.jsonl"):
        wave_T = read_audio(dataset / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s) * 32768
        found.append((wave_T.astype(np.int16).tobytes(), u.target.text, u.group, u.split))
    return sorted(found, key=str)


def expected(corpus: list[Spoken]) -> list[tuple[bytes, str, str | None, str | None]]:
    """The same of a corpus."""
    return sorted(((s.samples.tobytes(), s.text, s.speaker, s.split) for s in corpus), key=str)
