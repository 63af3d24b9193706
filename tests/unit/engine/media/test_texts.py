"""Texts are read from tables and folders, with their classes or answers."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.config.division import DivisionConfig
from engine.data.decisions import ItemDecision
from engine.data.items import read_items
from engine.data.manifest import read_examples
from engine.data.report import IngestReport
from engine.data.targets import written
from engine.data.version_files import ITEMS_NAME, MANIFEST_NAME
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import codes, folder_of, jsonl

LABELS = ("label", "labels")


def _made(folder: Path, files: dict[str, bytes], *types: str, **options: object) -> IngestReport:
    source = folder_of(folder / "source", files)
    kinds = types or LABELS
    return ingest(source, folder / "out", target_types=kinds, medium="text", threads=1, **options)  # type: ignore[arg-type]


def _pairs(folder: Path) -> dict[str, str]:
    examples = read_examples(folder / "out" / MANIFEST_NAME)
    return {example.input.text: written(example.target) for example in examples}


@pytest.mark.parametrize(("name", "delimiter"), [("reviews.csv", ","), ("reviews.csv", ";"), ("reviews.tsv", "\t")])
def test_tables_of_texts_and_labels(tmp_path: Path, name: str, delimiter: str) -> None:
    rows = [("id", "Review", "sentiment_note", "Label", "user"), ("1", '"good, really"', "x", "pos", "u1")]
    rows += [("2", '"bad\nin two lines"', "y", "neg", "u2")]
    data = "\n".join(delimiter.join(row) for row in rows).encode()
    report = _made(tmp_path, {name: data})
    assert _pairs(tmp_path) == {"good, really": "pos", "bad\nin two lines": "neg"}
    assert report.columns_read == {"Review": "input", "Label": "label", "user": "group"}
    assert report.columns_ignored == ["id", "sentiment_note"]
    assert (report.layouts, report.text_source) == (["rows"], f"column 'Label' of {name}")
    assert report.speakers == {"u1": 1, "u2": 1}


def test_json_lines_may_have_several_labels(tmp_path: Path) -> None:
    data = jsonl({"text": "one", "tags": ["a", "b"]}, {"tags": ["a"], "text": "two"}, {"text": "three", "tags": []})
    report = _made(tmp_path, {"train.jsonl": data})
    assert _pairs(tmp_path) == {"one": "a; b", "two": "a", "three": "[]"}
    assert (report.target, report.splits) == ("labels", {"train": 3})


def test_parquet_with_numbers_of_classes(tmp_path: Path) -> None:
    about = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["neg", "pos"]}}}}
    table = pa.table({"text": ["one", "two", "three"], "label": [1, 0, 7]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(table, tmp_path / "test.parquet", row_group_size=2)
    report = _made(tmp_path, {"test.parquet": (tmp_path / "test.parquet").read_bytes()})
    assert _pairs(tmp_path) == {"one": "pos", "two": "neg"}
    assert codes(report) == {"test.parquet:3": "missing_label"}


def test_questions_and_answers(tmp_path: Path) -> None:
    data = jsonl(
        {"question": "Who is it?", "answer": "It is Ann.\u200b"},
        {"question": "Where?", "answer": None},
        {"question": None, "answer": "there"},
        {"question": "Why?", "answer": "b\ufffdcause"},
    )
    report = _made(tmp_path, {"data.jsonl": data}, "text")
    assert _pairs(tmp_path) == {"Who is it?": "It is Ann."}
    assert codes(report) == {
        "data.jsonl:2": "missing_text",
        "data.jsonl:3": "missing_text",
        "data.jsonl:4": "unreadable_text",
    }
    assert report.validation is not None
    assert "no_groups" in report.validation.findings_by_code and "no_speakers" not in report.validation.findings_by_code


def test_a_column_is_the_input_or_the_answer_and_not_both(tmp_path: Path) -> None:
    report = _made(tmp_path, {"a.csv": b"text,question\nIt is Ann.,Who is it?\n"}, "text")
    assert _pairs(tmp_path) == {"Who is it?": "It is Ann."}
    assert report.columns_read == {"question": "input", "text": "text"}


def test_a_division_counts_characters(tmp_path: Path) -> None:
    rows = [f"short text {at},a" for at in range(19)] + ["long " * 2000 + ",a"]
    division = DivisionConfig(test_fraction=0.1, validation_fraction=0.0)
    _made(tmp_path, {"a.csv": "\n".join(["text,label", *rows]).encode()}, division=division)
    splits = [example.split for example in read_examples(tmp_path / "out" / MANIFEST_NAME)]
    assert splits[-1] == "train" and splits.count("test") > 10  # the short ones are a fortieth of the characters


def test_a_table_without_the_columns_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="a.csv has the columns text, number; none of them is the label") as raised:
        _made(tmp_path / "1", {"a.csv": b"text,number\none,1\n"})
    assert "called label, class, category" in str(raised.value)
    with pytest.raises(IngestError, match="none of them is the input, which is called text, review, question"):
        _made(tmp_path / "2", {"a.csv": b"number,label\n1,one\n"})


def test_texts_are_stored_as_they_can_be_read(tmp_path: Path) -> None:
    text = "  cafe\u0301\u200b\tau lait\r\n    indented  \n"
    report = _made(tmp_path, {"a/1.txt": text.encode("utf-16"), "b/2.txt": b"x &amp; y"})
    assert _pairs(tmp_path) == {"café au lait\n    indented": "a", "x &amp; y": "b"}
    assert report.validation is not None
    assert {"invisible_characters": 1, "html": 1}.items() <= report.validation.findings_by_code.items()


def test_files_beside_the_folders_are_no_texts(tmp_path: Path) -> None:
    files = {"train/spam/1.txt": b"buy", "train/ham/1.txt": b"hello", "test/ham/2.txt": b"hi", "README.txt": b"about"}
    report = _made(tmp_path, files)
    assert _pairs(tmp_path) == {"buy": "spam", "hello": "ham", "hi": "ham"}
    assert report.splits == {"test": 1, "train": 2}
    assert list(codes(report)) == ["README.txt"]


def test_people_see_the_text_and_may_overrule_its_faults(tmp_path: Path) -> None:
    rows = b"text,label\nwrite to ann@example.com,a\nhello,b\nHello  ,b\nhello,b\n"
    decisions = {
        "a.csv:2": ItemDecision(accepted=("personal_data",)),
        "a.csv:5": ItemDecision(accepted=("duplicate_input",)),
        "a.csv:3": ItemDecision(changes={"text": "c"}),
    }
    report = _made(tmp_path, {"a.csv": rows}, decisions=decisions)
    examples = read_examples(tmp_path / "out" / MANIFEST_NAME)
    assert [(each.input.text, each.target.label) for each in examples] == [
        ("write to ann@example.com", "a"),
        ("hello", "c"),
        ("Hello", "b"),
        ("hello", "b"),
    ]
    assert report.validation is not None
    assert report.validation.overruled_by_code == {"personal_data": 1, "duplicate_input": 1}
    first, *_ = read_items(tmp_path / "out" / ITEMS_NAME)
    assert (first.input, first.text, first.duration_s) == ("write to ann@example.com", "a", None)
    assert report.examples[0].input == "write to ann@example.com"
