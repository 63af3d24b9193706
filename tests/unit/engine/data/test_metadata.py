"""Metadata files as spreadsheets and scripts write them."""

from __future__ import annotations

import pytest

from engine.data.metadata import read_metadata
from engine.data.rows import Row
from engine.data.texts import clean_text

KNOWN = {"a.wav": None, "b.wav": None, "c.wav": None}


def _rows(data: bytes, name: str = "metadata.csv") -> tuple[list[tuple[str, str]], list[str]]:
    read = read_metadata(name, data.decode(), KNOWN.__contains__)
    return [(row.file_name, row.text) for row in read.rows], read.warnings


def test_quotes_commas_lines_and_line_numbers() -> None:
    read = read_metadata(
        "metadata.csv", 'file_name,text\r\na.wav,"one, ""two""\r\nthree"\r\n\r\nb.wav,four,,\r\n', KNOWN.__contains__
    )
    assert read.rows == [Row(2, "a.wav", 'one, "two" three', None, None), Row(5, "b.wav", "four", None, None)]
    assert read.warnings == []


@pytest.mark.parametrize(("delimiter", "shown"), [(b";", "';'"), (b"\t", "'\\t'"), (b"|", "'|'")])
def test_other_delimiters(delimiter: bytes, shown: str) -> None:
    rows, warnings = _rows(b"file_name,text\na.wav,one\n".replace(b",", delimiter))
    assert rows == [("a.wav", "one")]
    assert warnings == [f"metadata.csv separates its columns with {shown}, not with a comma"]


def test_a_quote_never_closed_costs_no_rows() -> None:
    rows, warnings = _rows(b'file_name,text\na.wav,"one\nb.wav,two\nc.wav,"three"\n')
    assert rows == [("a.wav", "one"), ("b.wav", "two"), ("c.wav", "three")]
    assert warnings == [
        "metadata.csv has a quote that is never closed, in line 2; these quotes were read as plain characters"
    ]


def test_a_quote_that_swallows_more_than_a_field_may_hold() -> None:
    many = b"".join(b"x%d.wav,two\n" % i for i in range(20_000))
    rows, warnings = _rows(b'file_name,text\na.wav,"one\n' + many)
    assert len(rows) == 20_001
    assert rows[0] == ("a.wav", "one")
    assert len(warnings) == 1


def test_json_values_that_are_no_text() -> None:
    read = read_metadata(
        "metadata.jsonl", '{"file_name": "a.wav", "label": 7, "client_id": 12, "split": null}\n', KNOWN.__contains__
    )
    assert read.rows == [Row(1, "a.wav", "7", "12", None)]


def test_texts_are_cleaned() -> None:
    assert clean_text(" u\u0308ber\t\x00 a\r\nb\x7f ") == "\u00fcber a b"


def test_transcripts_keep_what_tells_that_they_are_garbled() -> None:
    rows, warnings = _rows("file_name,text\na.wav,caf\u00c3\u00a9 d\u00c3\u00a9j\u00c3\u00a0\x07 \t x\n".encode())
    assert rows == [("a.wav", "caf\u00c3\u00a9 d\u00c3\u00a9j\u00c3\u00a0\x07 x")]
    assert warnings == []
