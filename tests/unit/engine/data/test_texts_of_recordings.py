"""Texts that stand in files of any name, and those that are guessed: what is right, what is refused, what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.digit_words import digit_words
from engine.data.limits import IngestLimits
from engine.data.manifest import read_manifest
from engine.data.report import IngestReport
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import tar_of
from tests.unit.engine.data.recordings import UNJUDGED, codes, folder_of, noise, reason, wav, zip_of

Found = dict[str, tuple[str, str | None, str | None]]


def _read(tmp_path: Path, files: dict[str, bytes | str], language: str | None = None) -> tuple[Found, IngestReport]:
    """Text, speaker and split of each recording, by its name without an ending."""
    data = {name: content.encode() if isinstance(content, str) else content for name, content in files.items()}
    source = folder_of(tmp_path / "source", data)
    report = ingest(source, tmp_path / "out", validation=UNJUDGED, language=language)
    assert report.items_found == report.items_good + len(report.set_aside)
    utterances = read_manifest(tmp_path / "out" / "manifest.jsonl")
    return {u.id.rpartition(".")[2]: (u.target.text, u.group, u.split) for u in utterances}, report


def _wavs(*names: str) -> dict[str, bytes | str]:
    return {f"{name}.wav": wav(noise(at + 1)) for at, name in enumerate(names)}


def _refused(tmp_path: Path, files: dict[str, bytes | str]) -> str:
    with pytest.raises(IngestError) as raised:
        _read(tmp_path, files)
    return str(raised.value)


# ---- lists --------------------------------------------------------------------------------------------------

GUJARATI = {"guf_02497_00076437900": "નવ પાંચ આઠ", "guf_02498_00076437901": "ત્રણ શૂન્ય", "guf_02497_00076437902": "છ એક"}


def _lines(form: str, first: str = "") -> str:
    return first + "".join(
        form.format(id=name, text=text, speaker=name.split("_")[1]) for name, text in GUJARATI.items()
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("line_index.tsv", _lines("{id}\t{text}\n")),
        ("line_index.tsv", _lines("{id}\t{text}\r\n")),
        ("line_index_female.tsv", _lines("{id}\t\t{text}\n")),
        ("line_index.tsv", _lines(" {id} \t {text} \t\t\n")),
        ("line_index.tsv", _lines('"{id}"\t"{text}"\n')),
        ("line_index.tsv", _lines("{id}\t{text}\n", "file_id\tsentence\n")),
        ("line_index.tsv", "\ufeff" + _lines("{id}\t{text}\n", "filename\ttranscript\n")),
        ("index.csv", _lines('{id},"{text}"\n')),
        ("index.csv", _lines("{id};{text}\n")),
        ("utt_spk_text.tsv", _lines("{id}\t{speaker}\t{text}\n")),
        ("filelist.txt", _lines("wavs/{id}.wav|{text}\n")),
        ("filelist.txt", _lines("/home/me/corpus/wavs/{id}.wav|{speaker}|{text}\n")),
        ("all.list", _lines("wavs\\{id}.wav|{speaker}|gu|{text}\n")),
        ("text", _lines("{id} {text}\n")),
        ("etc/txt.done.data", _lines('( {id} "{text}" )\n')),
        ("etc/corpus.transcription", _lines("<s> {text} </s> ({id})\n")),
        ("README", _lines("{id}\t{text}\n")),
        ("train.trn", _lines("data/wavs/{id}.wav :: {text}\n")),
        ("transcript_utf8.txt", _lines("{id}:{text}\n")),
        ("transcripts.txt", _lines("{id}.wav: {text}\n")),
        ("prompts.txt", _lines("{id} = {text}\n")),
        ("prompts.txt", _lines("{id}.wav -> {text}\n")),
        ("prompts.txt", _lines("{id} - {text}\n")),
        ("corpus.trans", _lines("{id} <s> {text} </s>\n")),
    ],
)
def test_a_list_of_any_name_and_form_gives_the_texts(tmp_path: Path, name: str, content: str) -> None:
    found, report = _read(tmp_path, {**_wavs(*(f"wavs/{key}" for key in GUJARATI)), name: content})
    split = "train" if name.startswith("train") else None
    assert found == {key: (text, key.split("_")[1], split) for key, text in GUJARATI.items()}
    names_its_columns = "transcript" in content
    assert report.layouts == ["audiofolder" if names_its_columns else "lists"]
    assert report.metadata_files == [name]
    assert report.set_aside == []
    assert report.text_source.endswith(f" of {name.rpartition('/')[2]}")
    assert "text" in report.columns_read.values()


def test_lists_of_splits_come_before_a_list_of_all(tmp_path: Path) -> None:
    files = {**_wavs("wavs/a", "wavs/b", "wavs/c"), "all.txt": "a|one\nb|two\nc|three\n", "dev_filelist.txt": "b|two\n"}
    found, report = _read(tmp_path, {**files, "train.txt": "wavs/a.wav|one\n"})
    assert found == {"a": ("one", None, "train"), "b": ("two", None, "validation"), "c": ("three", None, None)}
    assert report.warnings == []


def test_files_of_names_alone_make_the_splits_of_texts_that_stand_elsewhere(tmp_path: Path) -> None:
    files = {**_wavs("a", "b", "c"), "prompts.txt": "a one\nb two\nc three\n", "test.txt": "b.wav\n", "val.lst": "c\n"}
    found, report = _read(tmp_path, files)
    assert found == {"a": ("one", None, "train"), "b": ("two", None, "test"), "c": ("three", None, "validation")}
    assert report.set_aside == []


def test_a_list_of_times_and_addresses_gives_no_texts(tmp_path: Path) -> None:
    """As MLS has it: `segments.txt` names every recording, too."""
    files = _wavs("audio/4800/10003/4800_10003_000000", "audio/4800/10003/4800_10003_000001")
    ids = ["4800_10003_000000", "4800_10003_000001"]
    files["segments.txt"] = "".join(
        f"{name}\thttps://archive.org/{name}.mp3\t401.76\t{412 + at}.3\n" for at, name in enumerate(ids)
    )
    files["transcripts.txt"] = "".join(f"{name}\ttexte {name[-1]}\n" for name in ids)
    found, report = _read(tmp_path, files)
    assert found == {name: (f"texte {name[-1]}", "4800", None) for name in ids}
    assert codes(report) == {"segments.txt": "not_audio"}


@pytest.mark.parametrize(
    "line",
    [
        "{} 1 ann 0.00 2.80 <o,f0,female> nine five\n",
        "{} A ann 0.00 2.80 nine five\n",
        "{} 1 0.00 0.45 nine\n",
        "{} 0.00 2.80 nine five\n",
        "{} [00:00:00.000 --> 00:00:02.800] nine five\n",
    ],
)
def test_a_list_with_times_before_its_texts_is_refused_and_shown(tmp_path: Path, line: str) -> None:
    """Such as `.stm` and `.ctm`: the times are not said."""
    files = {**_wavs("a_x_1", "b_x_2"), "all.stm": line.format("a_x_1") + line.format("b_x_2")}
    message = _refused(tmp_path, files)
    assert f"all.stm holds times before its texts ({line[3:-1]!r})" in message
    assert "write a metadata.csv with the columns file_name, start, end and text" in message


@pytest.mark.parametrize(
    "content",
    [
        "1\n00:00:00,000 --> 00:00:03,000\nnine five\n\n2\n00:00:03,000 --> 00:00:06,000\neight seven\nsix one\n",
        "Ann Mill  0:00\nnine five\n\nBen King  0:03\neight seven\n\nTranscribed by a program\n",
        "ann\t\t500\t3000\t2500\tnine five\nann\t\t3500\t6000\t2500\teight seven\n",
        "ann\t00:00:00.500\t00:00:03.000\tnine five\nann\t00:00:03.500\t00:00:06.000\teight seven\n",
    ],
)
def test_subtitles_and_exports_with_times_are_no_text_of_a_recording(tmp_path: Path, content: str) -> None:
    """Under `.txt`: neither times nor names of speakers are said."""
    _, report = _read(
        tmp_path, {**_wavs("a", "b"), "a.txt": content, "b.txt": "we left at 10:30\nand came home\nat noon\n"}
    )
    assert "a.txt holds labels with times" in reason(report, "a.wav")
    assert codes(report) == {"a.wav": "missing_text"}


def test_two_columns_that_could_be_the_text_are_refused_and_shown(tmp_path: Path) -> None:
    files = {**_wavs("a_x_1", "b_x_2"), "lines.tsv": "a_x_1\tto go\tzu gehen\nb_x_2\tto stay\tzu bleiben\n"}
    message = _refused(tmp_path, files)
    assert "lines.tsv has 2 columns that could be the text (the first row is 'a_x_1 | to go | zu gehen')" in message
    assert "name its columns in a first line, such as file_name, text" in message
    files["lines.tsv"] = "id\tgerman\ttext\n" + str(files["lines.tsv"])
    found, report = _read(tmp_path / "again", files)
    assert found == {"a_x_1": ("zu gehen", None, None), "b_x_2": ("zu bleiben", None, None)}
    assert report.columns_ignored == ["german of lines.tsv"]


def test_a_list_whose_recordings_are_not_named_plainly_is_no_repetition(tmp_path: Path) -> None:
    """Objects in a list: what is wrong is said of the list, not that its texts are known from elsewhere."""
    files = {**_wavs("a_x_1", "b_x_2"), "data.list": ""}
    files["data.list"] = "".join(
        f'{{"key": "{at}", "wav": "/data/{name}.wav", "txt": "well yes"}}\n'
        for at, name in enumerate(("a_x_1", "b_x_2"))
    )
    message = _refused(tmp_path, files)
    assert "read from other files" not in message
    assert "data.list" in message


def test_a_list_of_numbers_is_refused_unless_it_says_that_they_are_the_texts(tmp_path: Path) -> None:
    files = {**_wavs("a_x_1", "b_x_2"), "pins.txt": "a_x_1|4711\nb_x_2|0815\n"}
    assert "pins.txt names recordings and holds numbers" in _refused(tmp_path, files)
    files["pins.txt"] = "id|text\n" + str(files["pins.txt"])
    found, _ = _read(tmp_path / "again", files)
    assert found == {"a_x_1": ("4711", None, None), "b_x_2": ("0815", None, None)}


def test_every_faulty_line_of_a_list_is_named(tmp_path: Path) -> None:
    files = _wavs("x/a", "x/b", "x/twice", "y/twice", "x/left")
    files["list.csv"] = "a,one\nb,two, three\nlost,four\ntwice,five\na,One.\n"
    found, report = _read(tmp_path, files)
    assert found == {"a": ("one", None, None)}
    assert codes(report) == {
        "x/a.wav": "duplicate_name",
        "x/b.wav": "missing_text",
        "list.csv:3": "missing_audio",
        "list.csv:4": "missing_audio",
        "x/twice.wav": "missing_text",
        "y/twice.wav": "missing_text",
        "x/left.wav": "missing_text",
    }
    assert "2 recordings are called 'twice': x/twice.wav, y/twice.wav" in reason(report, "list.csv:4")
    assert "its row has 3 fields, the others have 2" in reason(report, "x/b.wav")


def test_a_list_that_contradicts_what_was_read_is_shown(tmp_path: Path) -> None:
    files = {
        **_wavs("a", "b"),
        "metadata.csv": "file_name,text\na.wav,one\nb.wav,two\n",
        "old.txt": "a One.\nb three\n",
    }
    found, report = _read(tmp_path, files)
    assert found == {"a": ("one", None, None), "b": ("two", None, None)}
    assert report.layouts == ["audiofolder", "lists"]
    assert report.warnings == [
        "old.txt has another text for 1 of 2 recordings that have one already: old.txt:2 says 'three', and it was taken as "
        "'two'"
    ]
    assert report.set_aside == []


# ---- Speech Commands ----------------------------------------------------------------------------------------


def test_folders_and_hashes_of_speech_commands(tmp_path: Path) -> None:
    files = _wavs(
        "sc/yes/0a7c_nohash_0", "sc/no/0a7c_nohash_0", "sc/no/bb_nohash_1", "sc/_background_noise_/pink_noise"
    )
    files |= {"sc/validation_list.txt": "no/bb_nohash_1.wav\n", "sc/README.md": "# Speech Commands\n"}
    found, report = _read(tmp_path, files)
    assert found == {"0a7c_nohash_0": ("yes", "0a7c", "train"), "bb_nohash_1": ("no", "bb", "validation")}
    assert report.items_good == 3
    assert codes(report) == {"sc/README.md": "not_audio", "sc/_background_noise_/pink_noise.wav": "missing_text"}
    del files["sc/validation_list.txt"]
    found, report = _read(tmp_path / "again", files)
    assert report.splits == {}


# ---- a file for each recording ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "content"),
    [
        ("{}.txt", "{text}\n"),
        ("{}.TXT", "{text}\r\n"),
        ("{}.lab", "{text}"),
        ("{}.wav.txt", "\ufeff{text}"),
        ("{}.wav.trn", "{text}\n"),
        ("{}.transcript.txt", "{text}\n"),
        ("{}.txt", "{id} {text}\n"),
        ("{}.txt", "{id}.wav: {text}\n"),
        ("{}.txt", "{text} ({id})\n"),
        ("{}.txt", "0 46797 {text}\n"),
        ("{}.wrd", "7470 11362 seven\n11362 16000 two\n"),
        ("{}.json", '{{"text": "{text}", "duration": 1.5}}'),
        ("{}.cls", "{text}"),
        ("text/{}.txt", "{text}\n"),
        ("../txt/{}.txt", "{text}\n"),
    ],
)
def test_a_text_file_for_each_recording_is_its_text(tmp_path: Path, names: str, content: str) -> None:
    """The names are such that a text could be guessed from them."""
    ids = ("greeting_anna_0", "greeting_anna_1")
    files = _wavs(*(f"top/wav/{name}" for name in ids))
    for name in ids:
        path = "top/" + ("wav/" + names).replace("wav/../", "").format(name)
        files[path] = content.format(text="seven two", id=name)
    found, report = _read(tmp_path, files)
    assert found == dict.fromkeys(ids, ("seven two", None, None))
    assert report.layouts == ["text_files"]
    assert report.text_source.startswith("X.")
    assert report.set_aside == []
    assert report.warnings == []


@pytest.mark.parametrize("encoding", ["utf-16", "cp1251"])
def test_text_files_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    """One text alone hardly shows its encoding: all of them together do."""
    texts = {
        f"a{at}": text for at, text in enumerate(["привет", "как дела сегодня", "это хорошая погода", "до свидания"])
    }
    files = {**_wavs(*texts), **{f"{name}.txt": text.encode(encoding) for name, text in texts.items()}}
    found, report = _read(tmp_path, files)
    if encoding == "utf-16":
        assert {name: text for name, (text, _, _) in found.items()} == texts
    assert len(report.warnings) <= 1


def test_of_several_texts_the_spoken_one_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    files = {**_wavs("84/1/84_1_0"), "84/1/84_1_0.original.txt": "At 5.", "84/1/84_1_0.normalized.txt": "at five"}
    files["84/1/84_1.trans.tsv"] = "84_1_0\tAt 5 o'clock.\tat five o'clock\n"  # which of both, it does not say
    found, report = _read(tmp_path, files)
    assert found == {"84_1_0": ("at five", "84", None)}
    assert codes(report) == {"84/1/84_1.trans.tsv": "not_audio"}
    assert "1 files X.original.txt were not read, because the text is taken from X.normalized.txt" in report.warnings


def test_splits_and_speakers_beside_texts(tmp_path: Path) -> None:
    files = {**_wavs("a", "b", "c"), "a.txt": "one", "b.txt": "two", "c.txt": "three", "test.txt": "b\n"}
    files["a.json"] = '{"speaker": "ann", "duration": 0.3}'
    found, report = _read(tmp_path, files)
    assert found == {"a": ("one", "ann", "train"), "b": ("two", None, "test"), "c": ("three", None, "train")}
    assert (report.warnings, report.set_aside) == ([], [])


def test_shards_of_webdataset(tmp_path: Path) -> None:
    """The same keys in every shard, which says its split."""
    source = tmp_path / "shards"
    source.mkdir()
    for seed, name in enumerate(("train-000000", "train-000001", "val-000000")):
        members = {"000000.flac": wav(noise(seed), format="FLAC"), "000000.txt": name.encode(), "000000.cls": b"3"}
        tar_of(source / f"{name}.tar", members)
    report = ingest(source, tmp_path / "out")
    utterances = {(u.target.text, u.split) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")}
    assert utterances == {("train-000000", "train"), ("train-000001", "train"), ("val-000000", "validation")}
    assert report.layouts == ["text_files"]


def test_texts_in_several_languages_are_not_chosen_from(tmp_path: Path) -> None:
    files = {**_wavs("a", "b"), "a.de.txt": "eins", "a.en.txt": "one", "b.de.txt": "zwei"}
    found, report = _read(tmp_path, files)
    assert found == {"b": ("zwei", None, None)}
    assert "it has several texts: a.de.txt, a.en.txt; allowed: one" in reason(report, "a.wav")


def test_faults_of_text_files_are_named(tmp_path: Path) -> None:
    files = _wavs("good", "empty", "class", "number", "keys", "phones", "none_x_1", "huge")
    files["number.json"] = '{"label": 3}'
    files |= {"good.txt": "hello\nthere\n", "empty.txt": " \n", "class.cls": "3", "keys.json": '{"words": "x"}'}
    files |= {"phones.lab": "0 2400000 h\n2400000 3300000 e\n", "huge.txt": "x" * (2 << 20), "stray.txt": "hello"}
    found, report = _read(tmp_path, files)
    assert found == {"good": ("hello there", None, None)}
    assert codes(report) == {
        **{
            f"{name}.wav": "missing_text" for name in ("empty", "class", "number", "keys", "phones", "none_x_1", "huge")
        },
        "stray.txt": "not_audio",
    }
    assert "class.cls holds 3, the number of a class" in reason(report, "class.wav")
    assert "keys.json has the keys words; the text is looked for in one of transcription" in reason(report, "keys.wav")
    assert "phones.lab holds labels with times ('0 2400000 h', ...)" in reason(report, "phones.wav")
    assert "its text file huge.txt cannot be read: found 2,097,152 bytes" in reason(report, "huge.wav")
    assert report.warnings == ["1 of 7 text files have several lines, which were joined: good.txt"]


def test_one_microphone_of_a_sentence_is_taken(tmp_path: Path) -> None:
    files = _wavs("wav48/p225/p225_001_mic1", "wav48/p225/p225_001_mic2", "wav48/p280/p280_002_mic2")
    files |= {
        "txt/p225/p225_001.txt": "please call",
        "txt/p280/p280_002.txt": "ask her",
        "speaker-info.txt": "ID AGE\n",
    }
    found, report = _read(tmp_path, files)
    assert found == {"p225_001_mic1": ("please call", "p225", None), "p280_002_mic2": ("ask her", "p280", None)}
    assert codes(report) == {"wav48/p225/p225_001_mic2.wav": "other_microphone", "speaker-info.txt": "not_audio"}
    assert report.warnings == ["1 recordings were left out, because another microphone took the same sentence"]


def test_a_text_is_never_that_of_a_recording_in_another_folder(tmp_path: Path) -> None:
    """`a/1.wav` is lost, and `b/1.wav` has no text: both folders hold recordings."""
    files = {**_wavs("a/2", "b/1"), "a/1.txt": "one", "a/2.txt": "two"}
    found, report = _read(tmp_path, files)
    assert found == {"2": ("two", None, None)}
    assert codes(report) == {"a/1.txt": "not_audio", "b/1.wav": "missing_text"}


def test_metadata_comes_before_text_files(tmp_path: Path) -> None:
    files = {**_wavs("a", "b"), "metadata.csv": "file_name,text\na.wav,one\n", "a.txt": "uno", "b.txt": "dos"}
    found, report = _read(tmp_path, files)
    assert found == {"a": ("one", None, None), "b": ("dos", None, None)}
    assert sorted(report.layouts) == ["audiofolder", "text_files"]
    assert codes(report) == {"a.txt": "not_audio"}


def test_all_text_files_together_have_a_limit(tmp_path: Path) -> None:
    files = {"a.wav": wav(noise(1)), "a.txt": b"x" * 600, "b.wav": wav(noise(2)), "b.txt": b"x" * 600}
    with pytest.raises(IngestError, match=r"the text files up to b\.txt have more than 1,000 bytes, the most allowed"):
        ingest(zip_of(tmp_path / "s.zip", files), tmp_path / "out", IngestLimits(max_metadata_bytes=1000))


# ---- guesses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus.xml", '<u id="yes_anna_1">ja</u>\n<u id="no_anna_2">nein</u>', "corpus.xml names the recordings"),
        ("texts.yaml", "- yes_anna_1.wav: ja\n- no_anna_2.wav: nein\n", "texts.yaml names the recordings"),
        ("texts.xlsx", b"PK\3\4\0\0", "texts.xlsx is a spreadsheet, which is not read; save it as a metadata.csv"),
        ("transcripts.pdf", b"%PDF-1.7", "transcripts.pdf is a document, which is not read"),
        ("line_index.tsv.gz", b"\x1f\x8b", "line_index.tsv.gz is a packed text file, which is not read; unpack it"),
        ("yes_anna_1.TextGrid", 'File type = "ooTextFile"', ".textgrid files are called as recordings"),
        (
            "data.json",
            '{"u": [{"f": "yes_anna_1.wav"}, {"f": "no_anna_2.wav"}]}',
            "data.json has the columns f; none of them",
        ),
        (
            "deep.json",
            '[[{"f": "yes_anna_1.wav"}], [{"f": "no_anna_2.wav"}]]',
            "deep.json names the recordings and is in no",
        ),
    ],
)
def test_beside_a_file_with_the_texts_no_name_is_believed(
    tmp_path: Path, name: str, content: bytes | str, message: str
) -> None:
    files = {**_wavs("yes_anna_1", "no_anna_2"), name: content}
    if name.endswith("TextGrid"):
        files["no_anna_2.TextGrid"] = content
    assert message in _refused(tmp_path, files)
    files["more/metadata.csv"], files["more/a.wav"] = "file_name,text\na.wav,good\n", wav(noise(9))
    found, report = _read(tmp_path / "more", files)
    assert found == {"a": ("good", None, None)}
    assert codes(report)["yes_anna_1.wav"] == "missing_text"


def test_other_files_do_not_keep_names_from_being_read(tmp_path: Path) -> None:
    files = {
        **_wavs("yes_anna_1", "no_anna_2"),
        "README.md": "Recordings of Anna.\n",
        "durations.txt": "yes_anna_1 0.30\n",
    }
    files |= {
        "yes_anna_1.png": b"\x89PNG\0",
        "consent.pdf": b"%PDF",
        "durations.csv": "file,seconds\nyes_anna_1.wav,0.3\nno_anna_2.wav,0.3\n",
    }
    found, report = _read(tmp_path, files)
    assert found == {"yes_anna_1": ("yes", "anna", None), "no_anna_2": ("no", "anna", None)}
    assert report.text_source == "names of the files"
    assert report.warnings == [
        "texts were guessed from file names, because no file of the source gives any: no_anna_2.wav -> 'no', said by "
        "'anna', yes_anna_1.wav -> 'yes', said by 'anna'"
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("guf_02497_00076437900", "its name is one of OpenSLR's"),
        ("3bdf05d3_x_0", "'3bdf05d3' looks like a number of the recording"),
        ("recording_anna_1", "its name gives the text 'recording', which is a word for files"),
        ("common_voice_en_12345", "its name gives the text 'common voice', which is a word for files"),
        ("0001_anna_1", "'0001' looks like a number of the recording"),
        ("20240131_120000_1", "'20240131' looks like a number of the recording"),
        ("4800_10003_000000", "'4800' looks like a number of the recording"),
    ],
)
def test_names_that_are_no_words_are_not_believed(tmp_path: Path, name: str, message: str) -> None:
    assert message in _refused(tmp_path, _wavs(name))


def test_a_name_that_its_folder_contradicts_is_not_believed(tmp_path: Path) -> None:
    files = _wavs("yes/no_x_1", "yes/yes_x_2", "no/no_x_3", "no/no_x_4")
    found, report = _read(tmp_path, files)
    assert sorted(found) == ["no_x_3", "no_x_4", "yes_x_2"]
    assert "its name gives the text 'no' and its folder 'yes'" in reason(report, "yes/no_x_1.wav")
    found, _ = _read(tmp_path / "speakers", _wavs("ann/no_ann_1", "ann/yes_ann_2", "bob/no_bob_1", "bob/yes_bob_2"))
    assert found["yes_bob_2"] == ("yes", "bob", None)


def test_folders_of_labels_are_a_guess_that_is_said(tmp_path: Path) -> None:
    files = _wavs("train/turn_left/a", "train/turn_left/b", "train/stop/c", "test/stop/d")
    found, report = _read(tmp_path, files)
    assert found == {
        "a": ("turn left", None, "train"),
        "b": ("turn left", None, "train"),
        "c": ("stop", None, "train"),
        "d": ("stop", None, "test"),
    }
    assert report.layouts == ["label_folders"]
    assert report.warnings[0].startswith("texts were guessed from the names of folders")
    assert "test/stop/d.wav -> 'stop'" in report.warnings[0]


@pytest.mark.parametrize(
    "paths",
    [
        ("p225/a", "p225/b", "p226/c", "p226/d"),
        ("1/a", "1/b", "2/c", "2/d"),
        ("clean/a", "clean/b", "noisy/c", "noisy/d"),
        ("session one/a", "session one/b", "session two/c", "session two/d"),
        ("yes/a", "yes/b", "no/c", "d"),
        ("yes/a", "yes/b"),
    ],
)
def test_folders_that_are_no_labels_are_not_believed(tmp_path: Path, paths: tuple[str, ...]) -> None:
    assert "its name is not text_speaker_take" in _refused(tmp_path, _wavs(*paths))


# ---- digits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("de", ("sieben", "null drei")),
        ("de-AT", ("sieben", "null drei")),
        ("gu", ("સાત", "શૂન્ય ત્રણ")),
        ("ar", ("سبعة", "صفر ثلاثة")),
        ("no", ("sju", "null tre")),
        ("en", ("seven", "zero three")),
    ],
)
def test_digits_in_names_are_words_of_the_language(tmp_path: Path, language: str, texts: tuple[str, str]) -> None:
    found, report = _read(tmp_path, _wavs("7_ravi_1", "0-3_ravi_2"), language)
    assert (found["7_ravi_1"][0], found["0-3_ravi_2"][0]) == texts
    assert not [warning for warning in report.warnings if "--language" in warning]


def test_without_a_language_english_words_are_said_to_be_a_guess(tmp_path: Path) -> None:
    found, report = _read(tmp_path, _wavs("7_ravi_1", "ja_ravi_2"))
    assert found["7_ravi_1"] == ("seven", "ravi", None)
    assert report.warnings[-1] == (
        "digits in file names were written as English words ('7' -> 'seven'); if another language is spoken, say which: "
        "--language de"
    )
    _, report = _read(tmp_path / "words", _wavs("ja_ravi_2"))
    assert not [warning for warning in report.warnings if "digits" in warning]


def test_digits_of_other_scripts(tmp_path: Path) -> None:
    found, _ = _read(tmp_path, _wavs("७_ravi_1"), "hi")
    assert found["७_ravi_1"][0] == "सात"
    found, _ = _read(tmp_path / "unknown", _wavs("७_ravi_1"))
    assert found["७_ravi_1"][0] == "७"


def test_a_language_without_words_for_digits_is_refused_with_those_that_have_them(tmp_path: Path) -> None:
    with pytest.raises(
        IngestError, match=r"found the language 'xx'; digits in file names can be written in: af, ar, .*zh"
    ):
        _read(tmp_path, _wavs("7_ravi_1"), "xx")


def test_the_table_of_digits_has_ten_different_words_for_each_language() -> None:
    """Held against words that were written down apart from it."""
    known = {
        "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
        "fi": "nolla yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän",
        "fr": "zéro un deux trois quatre cinq six sept huit neuf",
        "ko": "영 일 이 삼 사 오 육 칠 팔 구",
        "ru": "ноль один два три четыре пять шесть семь восемь девять",
        "sw": "sifuri moja mbili tatu nne tano sita saba nane tisa",
        "tr": "sıfır bir iki üç dört beş altı yedi sekiz dokuz",
        "zh": "零 一 二 三 四 五 六 七 八 九",
    }
    for language, words in known.items():
        assert digit_words(language) == words.split()
    for language in [
        "ar",
        "bn",
        "cs",
        "de",
        "el",
        "en",
        "fa",
        "gu",
        "he",
        "hi",
        "id",
        "it",
        "ja",
        "mr",
        "nl",
        "pl",
        "pt",
        "ro",
        "sv",
        "ta",
        "te",
        "uk",
        "ur",
        "vi",
    ]:  # and those above
        words = digit_words(language)
        assert len(set(words)) == 10
        assert all(word == word.lower() and word.strip() == word for word in words)
