"""Metadata files as spreadsheets and scripts write them."""

from __future__ import annotations

import pytest

from engine.data.metadata import Row, clean_text, read_metadata

KNOWN = {"a.wav": None, "b.wav": None, "c.wav": None}


def _rows(data: bytes, name: str = "metadata.csv") -> tuple[list[tuple[str, str]], list[str]]:
    read = read_metadata(name, data, KNOWN)
    return [(row.file_name, row.text) for row in read.rows], read.warnings


def test_quotes_commas_lines_and_line_numbers() -> None:
    read = read_metadata(
        "metadata.csv", b'file_name,text\r\na.wav,"one, ""two""\r\nthree"\r\n\r\nb.wav,four,,\r\n', KNOWN
    )
    assert read.rows == [Row(2, "a.wav", 'one, "two" three', None, None), Row(5, "b.wav", "four", None, None)]
    assert read.warnings == []


@pytest.mark.parametrize(("delimiter", "shown"), [(b";", "';'"), (b"\t", "'\\t'"), (b"|", "'|'")])
def test_other_delimiters(delimiter: bytes, shown: str) -> None:
    rows, warnings = _rows(b"file_name,text\na.wav,one\n".replace(b",", delimiter))
    assert rows == [("a.wav", "one")]
    assert warnings == [f"metadata.csv separates its columns with {shown}, not with a comma"]


@pytest.mark.parametrize(
    ("encoding", "warning"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "metadata.csv is encoded as utf-16-le, not UTF-8"),
        (
            "cp1252",
            "metadata.csv is not UTF-8 (line 2); it was read as cp1252: check letters with accents, or save it as UTF-8",
        ),
    ],
)
def test_encodings(encoding: str, warning: str | None) -> None:
    rows, warnings = _rows("file_name,text\na.wav,größer\n".encode(encoding))
    assert rows == [("a.wav", "größer")]
    assert warnings == ([warning] if warning else [])


def test_bytes_of_no_code_page_are_read_all_the_same() -> None:
    rows, warnings = _rows(b"file_name,text\na.wav,x\x81\xfcy\n")
    assert rows == [("a.wav", "x\x81üy")]  # validation sets it aside
    assert "it was read as latin-1" in warnings[0]


def test_a_quote_never_closed_costs_no_rows() -> None:
    rows, warnings = _rows(b'file_name,text\na.wav,"one\nb.wav,two\nc.wav,"three"\n')
    assert rows == [("a.wav", "one"), ("b.wav", "two"), ("c.wav", "three")]
    assert warnings == ["metadata.csv has a quote that is never closed; its quotes were read as plain characters"]


def test_a_quote_that_swallows_more_than_a_field_may_hold() -> None:
    many = b"".join(b"x%d.wav,two\n" % i for i in range(20_000))
    rows, warnings = _rows(b'file_name,text\na.wav,"one\n' + many)
    assert len(rows) == 20_001
    assert rows[0] == ("a.wav", "one")
    assert len(warnings) == 1


def test_json_values_that_are_no_text() -> None:
    read = read_metadata(
        "metadata.jsonl", b'{"file_name": "a.wav", "label": 7, "client_id": 12, "split": null}\n', KNOWN
    )
    assert read.rows == [Row(1, "a.wav", "7", "12", None)]


def test_texts_are_cleaned() -> None:
    assert clean_text(" u\u0308ber\t\x00 a\r\nb\x7f ") == "\u00fcber a b"


def test_transcripts_keep_what_tells_that_they_are_garbled() -> None:
    rows, warnings = _rows("file_name,text\na.wav,caf\u00c3\u00a9 d\u00c3\u00a9j\u00c3\u00a0\x07 \t x\n".encode())
    assert rows == [("a.wav", "caf\u00c3\u00a9 d\u00c3\u00a9j\u00c3\u00a0\x07 x")]
    assert warnings == []


def test_one_line_in_another_encoding_does_not_garble_the_others() -> None:
    lines = ["file_name,text\n", "a.wav,größer\n", "b.wav,schön\n", "c.wav,für\n"]
    rows, warnings = _rows("".join(lines[:3]).encode() + lines[3].encode("latin-1"))
    assert rows == [("a.wav", "größer"), ("b.wav", "schön"), ("c.wav", "f\ufffdr")]
    assert warnings == [
        "metadata.csv has 1 lines (the first is line 4) that are not UTF-8, as its other lines are; letters in them were "
        "lost: save it as UTF-8"
    ]
