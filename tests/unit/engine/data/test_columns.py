"""Columns by many names, in many languages; one column of texts for all rows; what is not read is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.columns import columns_of
from engine.errors import IngestError
from tests.unit.engine.data.recordings import jsonl
from tests.unit.engine.data.sources import taken, texts

AB = ["a.wav", "b.wav"]


@pytest.mark.parametrize(
    "column",
    [
        "speaker",
        "Speaker ID",
        "speaker_name",
        "spk",
        "spk_id",
        "user_id",
        "reader_id",
        "client_id",
        "speakerId",
        "Sprecher",
        "SPEAKER-ID",
        "narrator",
        "locuteur",
        "диктор",
        "说话人",
        "話者",
        "화자",
        "participant_id",
        "voice",
    ],
)
def test_names_of_the_speaker(tmp_path: Path, column: str) -> None:
    found, report = taken(tmp_path, {"metadata.csv": f"file_name,text,{column}\na.wav,one,ann\nb.wav,two,bob\n"}, AB)
    assert [speaker for *_, speaker, _ in found] == ["ann", "bob"]
    assert report.columns_read[column] == "speaker"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("audio", "sentence"), ("path", "Transcript"), ("wav_filename", "transcript"), ("audioFilePath", "utterance"),
        ("Datei", "Satz"), ("fichier", "texte"), ("archivo", "transcripción"), ("файл", "текст"), ("文件名", "文本"),
        ("ファイル名", "テキスト"), ("파일명", "텍스트"), ("plik", "transkrypcja"), ("recording", "normalized_text"),
        ("clip", "transcript (corrected)"), ("File Name", "text_de"), ("Anything", "Text"), ("id", "verbatim"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_names_of_the_file_and_the_text(tmp_path: Path, file: str, text: str, form: str) -> None:
    table = f"{text},{file}\none,a.wav\ntwo,b.wav\n"
    lines = jsonl({text: "one", file: "a.wav"}, {text: "two", file: "b.wav"})
    found, report = taken(tmp_path, {f"metadata.{form}": table if form == "csv" else lines}, AB)
    assert texts(found) == {"a": "one", "b": "two"}
    assert report.columns_read == {file: "file", text: "text"}


@pytest.mark.parametrize(
    "name", ["text_length", "file_size", "speaker_gender", "audio_duration", "sentence_domain", "age"]
)
@pytest.mark.parametrize("role", ["file", "text", "speaker", "split"])
def test_names_that_only_hold_such_a_word_are_not_taken(name: str, role: str) -> None:
    assert columns_of([name], role) == []  # type: ignore[arg-type]


def test_the_file_is_the_column_that_names_recordings(tmp_path: Path) -> None:
    table = "path,clip,text\n/x/list.txt,a.wav,one\n/x/list.txt,b.wav,two\n"
    found, report = taken(tmp_path, {"metadata.csv": table}, AB)
    assert texts(found) == {"a": "one", "b": "two"}
    assert report.columns_read["clip"] == "file"


def test_of_two_texts_one_is_read_for_all_rows_and_the_choice_is_said(tmp_path: Path) -> None:
    rows = [
        {"audio": "a.wav", "text": "It costs 5", "normalized_text": "it costs five"},
        {"audio": "b.wav", "text": "Two.", "normalized_text": None},
    ]
    found, report = taken(tmp_path, {"metadata.jsonl": jsonl(*rows)}, AB)
    assert texts(found) == {"a": "it costs five"}
    assert [(item.path, item.code) for item in report.set_aside] == [("b.wav", "missing_text")]
    assert report.warnings == [
        "metadata.jsonl: two columns may be the text; 'normalized_text' was read ('it costs five'), and not 'text' "
        "('It costs 5')",
        "metadata.jsonl: these columns were not read: text",
    ]


def test_a_column_of_texts_that_is_empty_is_passed_over(tmp_path: Path) -> None:
    found, _ = taken(tmp_path, {"metadata.csv": "file,normalized_text,text\na.wav,,one\nb.wav,nan,two\n"}, AB)
    assert texts(found) == {"a": "one", "b": "two"}


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    table = "file,text,age,Unnamed: 3,mood,,\na.wav,one,30,0,x,,\nb.wav,two,31,1,y,,\n"
    _, report = taken(tmp_path, {"metadata.csv": table}, AB)
    assert report.warnings == ["metadata.csv: these columns were not read: age, mood"]
    assert report.columns_ignored == ["age", "mood"]
    assert report.validation is not None
    (finding,) = [found for found in report.validation.findings if found.code == "no_speakers"]
    assert finding.reason == "no column that was read names the speaker of any of 2 items; not read: age, mood"


def test_two_columns_of_speakers_that_disagree_are_told(tmp_path: Path) -> None:
    table = "file,text,speaker,client_id\na.wav,one,ann,1\nb.wav,two,ann,2\n"
    found, report = taken(tmp_path, {"metadata.csv": table}, AB)
    assert {speaker for *_, speaker, _ in found} == {"ann"}
    assert report.warnings[0] == (
        "metadata.csv: speakers are taken from the column 'speaker'; 'client_id' divides them otherwise, and was not read"
    )


def test_several_languages_are_told(tmp_path: Path) -> None:
    table = "file,text,language\na.wav,one,en\nb.wav,zwei,de\n"
    _, report = taken(tmp_path, {"metadata.csv": table}, AB)
    assert report.warnings == [
        "metadata.csv: its rows are in several languages by the column 'language': en (1), de (1)"
    ]


def test_metadata_of_which_nothing_can_be_read_is_shown(tmp_path: Path) -> None:
    with pytest.raises(IngestError) as raised:
        taken(tmp_path, {"metadata.csv": "Nr,Aussage\n7,ja\n8,nein\n"}, AB)
    assert str(raised.value) == (
        "metadata.csv has the columns Nr, Aussage; none of them is the file, which is called file_name, path, audio or the "
        "like: rename a column. Its first rows: 7 | ja; 8 | nein"
    )


# ---- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "null"), (True, "true"), (float("nan"), "nan"), (["one"], "a list"), ({"text": "one"}, "an object"),
        (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_values_that_are_no_text(tmp_path: Path, value: object, found: str) -> None:
    rows = [
        {"file_name": "a.wav", "transcription": "well yes", "label": "neutral"},
        {"file_name": "b.wav", "transcription": value, "label": "happy"},
    ]
    items, report = taken(tmp_path, {"metadata.jsonl": jsonl(*rows)}, AB)
    assert texts(items) == {"a": "well yes"}
    assert [(item.path, item.code) for item in report.set_aside] == [("b.wav", "missing_text")]
    assert report.set_aside[0].reason == f"its transcription is {found}; allowed: text (metadata.jsonl:2)"


NOTHINGS = [
    "nan",
    "NaN",
    "None",
    "NULL",
    "null",
    "<NA>",
    "N/A",
    "NA",
    "#N/A",
    "#REF!",
    "#DIV/0!",
    "#NAME?",
    "#¡VALOR!",
    "\\N",
    "<NULL>",
    "(null)",
]


@pytest.mark.parametrize(
    "files",
    [
        {"metadata.csv": "a|well yes\nb|{}\n"},
        {"train.tsv": "client_id\tpath\tsentence\nann\ta.wav\twell yes\nann\tb.wav\t{}\n"},
        {"text": "a well yes\nb {}\n", "wav.scp": "a a.wav\nb b.wav\n"},
        {"lines.tsv": "a\twell yes\nb\t{}\n"},
        {"a.txt": "well yes\n", "b.txt": "{}\n"},
    ],
)
def test_no_layout_takes_what_programs_write_for_a_text(tmp_path: Path, files: dict[str, str]) -> None:
    for at, value in enumerate(NOTHINGS):
        written: dict[str, str | bytes] = {name: text.replace("{}", value) for name, text in files.items()}
        found, report = taken(tmp_path / str(at), written, AB)
        assert texts(found) == {"a": "well yes"}
        assert [(item.path, item.code) for item in report.set_aside] == [("b.wav", "missing_text")]


def test_in_names_of_files_these_are_words(tmp_path: Path) -> None:
    found, _ = taken(tmp_path, {}, ["nan_ann_1.wav", "roti_ann_1.wav"])
    assert texts(found) == {"nan_ann_1": "nan", "roti_ann_1": "roti"}


def test_a_label_is_no_text_where_any_row_has_one(tmp_path: Path) -> None:
    rows = "file,text,label\na.wav,well yes,angry\nb.wav,,happy\nc.wav,,sad\n"
    found, report = taken(tmp_path, {"metadata.csv": rows}, [*AB, "c.wav"])
    assert texts(found) == {"a": "well yes"}
    assert report.columns_ignored == ["label"]


def test_numbers_of_classes_are_told(tmp_path: Path) -> None:
    found, report = taken(tmp_path, {"metadata.csv": "file,label\na.wav,0\nb.wav,1\n"}, AB)
    assert texts(found) == {"a": "0", "b": "1"}
    assert "metadata.csv: the values of 'label' are numbers, and were read as texts such as '0'" in report.warnings[0]


def test_genders_are_no_speakers(tmp_path: Path) -> None:
    rows = "file,text,voice\na.wav,one,male\nb.wav,two,Female\n"
    found, report = taken(tmp_path, {"metadata.csv": rows}, AB)
    assert [speaker for *_, speaker, _ in found] == [None, None]
    assert "metadata.csv: the column 'voice' tells genders, not speakers, and was not read" in report.warnings
    both = "file,text,voice,narrator\na.wav,one,male,ann\nb.wav,two,male,-1\n"
    found, _ = taken(tmp_path / "both", {"metadata.csv": both}, AB)
    assert [speaker for *_, speaker, _ in found] == ["ann", None]


@pytest.mark.parametrize("value", NOTHINGS)
def test_what_programs_write_for_no_text_is_none(tmp_path: Path, value: str) -> None:
    items, report = taken(tmp_path, {"metadata.csv": f"file,text\na.wav,well yes\nb.wav,{value}\n"}, AB)
    assert texts(items) == {"a": "well yes"}
    assert report.set_aside[0].reason == (
        f"its text is {value!r}, which programs write where there is no text (metadata.csv:3)"
    )


def test_null_is_a_word_among_words(tmp_path: Path) -> None:
    found, report = taken(tmp_path, {"metadata.csv": "file,text\na.wav,eins\nb.wav,null\n"}, AB)
    assert texts(found) == {"a": "eins", "b": "null"}
    assert "1 texts are 'null'" in report.warnings[0]


def test_numbers_are_texts(tmp_path: Path) -> None:
    rows = [{"file_name": "a.wav", "text": 42}, {"file_name": "b.wav", "text": 7.0}]
    found, report = taken(tmp_path, {"metadata.jsonl": jsonl(*rows)}, AB)
    assert texts(found) == {"a": "42", "b": "7"}
    assert report.warnings == [
        "metadata.jsonl: 1 values of 'text' are numbers with a point, not text; they were read as texts such as '7'"
    ]


@pytest.mark.parametrize(("first", "second"), [("42.0", "7.0"), ("42,0", "7,0")])
def test_digits_that_a_program_made_floats_are_whole_again(tmp_path: Path, first: str, second: str) -> None:
    table = f"file;text\na.wav;{first}\nb.wav;{second}\n"
    found, report = taken(tmp_path, {"metadata.csv": table}, AB)
    assert texts(found) == {"a": "42", "b": "7"}
    assert (
        "2 values of 'text' are numbers with a point, not text; they were read as texts such as '42'"
        in (report.warnings[-1])
    )
    found, _ = taken(tmp_path / "mixed", {"metadata.csv": f"file;text\na.wav;version {first}\nb.wav;{second}\n"}, AB)
    assert texts(found) == {"a": f"version {first}", "b": second}


@pytest.mark.parametrize(
    ("value", "kind"),
    [("['well no']", "a list"), ("b'well no'", "bytes"), ("{'text': 'well no'}", "an object")],
)
def test_values_of_python_written_as_text_are_none(tmp_path: Path, value: str, kind: str) -> None:
    """As pandas writes a column of lists into a CSV."""
    items, report = taken(tmp_path, {"metadata.csv": f"file;text\na.wav;well yes\nb.wav;{value}\n"}, AB)
    assert texts(items) == {"a": "well yes"}
    assert report.set_aside[0].reason == f"its text is {kind}, {value!r}; allowed: text (metadata.csv:3)"


@pytest.mark.parametrize(
    "named", ["texts/{}.txt", "./texts/{}.txt", "{}.txt", "texts\\{}.txt", "/home/me/labels/{}.lab"]
)
def test_names_of_text_files_are_no_texts(tmp_path: Path, named: str) -> None:
    """A column of texts that says where they are."""
    table = f"file|text\na.wav|{named.format('a')}\nb.wav|well.yes\n"
    files: dict[str, str | bytes] = {"metadata.csv": table, "texts/a.txt": "well yes"}
    items, report = taken(tmp_path, files, AB)
    assert texts(items) == {"b": "well.yes"}
    reasons = {item.path: item.reason for item in report.set_aside}
    assert reasons["a.wav"].endswith("is the name of a file, not what is said (metadata.csv:2)")


@pytest.mark.parametrize(
    "value", [None, float("nan"), "", "nan", "None", "null", "<NA>", "unknown", " - ", True, ["x"]]
)
def test_values_that_are_no_speaker(tmp_path: Path, value: object) -> None:
    rows = [{"file": "a.wav", "text": "one", "speaker": "ann"}, {"file": "b.wav", "text": "two", "speaker": value}]
    found, _ = taken(tmp_path, {"metadata.jsonl": jsonl(*rows)}, AB)
    assert [speaker for *_, speaker, _ in found] == ["ann", None]


def test_a_manifest_without_a_text_takes_none_from_another_key(tmp_path: Path) -> None:
    rows = [
        {
            "audio_filepath": "a.wav",
            "duration": 0.3,
            "text": "one",
            "label": "x",
            "Speaker Name": "ann",
            "pred_text": "on",
        },
        {
            "audio_filepath": "b.wav",
            "duration": 0.3,
            "text": None,
            "label": "y",
            "Speaker Name": None,
            "pred_text": "to",
        },
    ]
    found, report = taken(tmp_path, {"train.json": jsonl(*rows)}, AB)
    assert found == [("a", "one", "ann", "train")]
    assert report.layout == "nemo"
    assert [item.code for item in report.set_aside] == ["missing_text"]
    assert report.columns_read["speaker name"] == "speaker"
    assert report.columns_ignored == ["label", "pred_text"]
