"""CSV as spreadsheets, scripts and people write it: every row is an item, and no text holds another row."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.dialect import dialect_of, read_fields
from tests.unit.engine.data.sources import taken, texts

ABC = ["a.wav", "b.wav", "c.wav"]
HEAD = "file_name,text\n"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param('speaker,file_name,text\ns,a.wav,"one\ns,b.wav,two\ns,c.wav,three\n', "one two three", id="open"),
        pytest.param('text,file_name\n"one,a.wav\ntwo,b.wav\n"three",c.wav\n', "one two three", id="open, text first"),
        pytest.param(HEAD + 'a.wav,"one\nb.wav,two"\nc.wav,"three"\n', "one two three", id="open and closed later"),
        pytest.param(HEAD + 'a.wav,one"\nb.wav,"two"\nc.wav,three\n', 'one" two three', id="closed only"),
        pytest.param(HEAD + '"a.wav","one"\n"b.wav","two"\n"c.wav","three"\n', "one two three", id="all quoted"),
        pytest.param(HEAD + "'a.wav','one'\n'b.wav','two'\n'c.wav','three'\n", "one two three", id="single quotes"),
        pytest.param(HEAD + "a.wav,'one'\nb.wav,'two'\nc.wav,'three'\n", "one two three", id="single quotes, text"),
        pytest.param(HEAD + "a.wav,'tis\nb.wav,two\nc.wav,three'\n", "'tis two three'", id="apostrophes"),
        pytest.param(HEAD + '"=""a.wav""","=""one"""\nb.wav,="two"\nc.wav,three\n', "one two three", id="formulas"),
        pytest.param(HEAD + "'a.wav,'one\n'b.wav,'two\n'c.wav,'three\n", "one two three", id="marks of text"),
        pytest.param("file_name;text\na.wav;one\nb.wav;two\nc.wav;three\n", "one two three", id="semicolons"),
        pytest.param('"file_name"\t"text"\na.wav\tone\nb.wav\ttwo\nc.wav\tthree\n', "one two three", id="tabs"),
        pytest.param("file_name|text\na.wav|one\nb.wav|two\nc.wav|three\n", "one two three", id="bars"),
        pytest.param("sep=;\nfile_name;text\na.wav;one\nb.wav;two\nc.wav;three\n", "one two three", id="Excel's sep"),
        pytest.param("file_name,text,\na.wav,one,\nb.wav,two,,\nc.wav,three,\n", "one two three", id="trailing commas"),
        pytest.param(",file_name,text\n0,a.wav,one\n1,b.wav,two\n2,c.wav,three\n", "one two three", id="pandas index"),
        pytest.param(HEAD + "1,a.wav,one\n2,b.wav,two\n3,c.wav,three\n", "one two three", id="row names of R"),
        pytest.param(HEAD.replace("\n", "\r\n") + "a.wav,one\r\nb.wav,two\r\nc.wav,three", "one two three", id="CRLF"),
        pytest.param(HEAD.replace("\n", "\r") + "a.wav,one\rb.wav,two\rc.wav,three\r", "one two three", id="old Mac"),
        pytest.param("\ufeff" + HEAD + "a.wav,one\nb.wav,two\nc.wav,three", "one two three", id="byte order mark"),
        pytest.param(HEAD + '"a.wav,""one"""\n"b.wav,two"\n"c.wav,three"\n', "one two three", id="quoted rows"),
        pytest.param(
            '"file_name,text"\n"a.wav,""one"""\n"b.wav,two"\n"c.wav,three"\n', "one two three", id="all rows quoted"
        ),
        pytest.param(HEAD + "a.wav\tone\nb.wav\ttwo\nc.wav\tthree\n", "one two three", id="tabs below commas"),
        pytest.param(HEAD + 'a.wav,"one\n"\nb.wav,two\n\n\nc.wav,three\n', "one two three", id="line end in quotes"),
    ],
)
def test_three_rows_are_three_items(tmp_path: Path, table: str, expected: str) -> None:
    found, report = taken(tmp_path, {"metadata.csv": table}, ABC)
    assert texts(found) == dict(zip("abc", expected.split(), strict=True))
    assert report.set_aside == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (r'"one \"two three\""', 'one "two three"'),
        (r'"\"one\" two"', '"one" two'),
        (r'"one, \"two\", three"', 'one, "two", three'),
        (r'"back\\slash \"x\""', r"back\slash x".replace(" x", ' "x"')),
        ('"one ""two"" three"', 'one "two" three'),
        ('"one "two" three"', 'one "two" three'),
        ('"two" he said', '"two" he said'),
        ('he said "two"', 'he said "two"'),
        ('"one" and "two"', '"one" and "two"'),
        ('"one"two"', 'one"two'),
        ('"one\nmore, and more"', "one more, and more"),
    ],
)
def test_quotes_in_a_text(tmp_path: Path, text: str, field: str) -> None:
    table = f"file_name,text,speaker\na.wav,{text},ann\nb.wav,two,bob\n"
    found, report = taken(tmp_path, {"metadata.csv": table}, ABC[:2])
    assert [(said, by) for _, said, by, _ in found] == [(field, "ann"), ("two", "bob")]
    assert report.set_aside == []


def test_a_text_with_commas_at_the_end_of_its_row_is_put_together(tmp_path: Path) -> None:
    found, report = taken(tmp_path, {"metadata.csv": HEAD + "a.wav,well, yes\nb.wav,no\nc.wav,one, two, three\n"}, ABC)
    assert texts(found) == {"a": "well, yes", "b": "no", "c": "one, two, three"}
    assert report.warnings == [
        "metadata.csv: 2 rows have more fields than the first line; the last of them were read as one text with ',' in it"
    ]


@pytest.mark.parametrize(
    ("table", "good"),
    [
        pytest.param(
            "file_name,text,speaker\na.wav,well, yes,ann\nb.wav,two,ann\n", {"b": "two"}, id="not the last column"
        ),
        pytest.param(
            "file_name,start,end,text\na.wav,0,0,1,0,2,one\nb.wav,0.0,0.2,two\n", {"b": "two"}, id="comma decimals"
        ),
        pytest.param(HEAD + "a.wav,one\nand more\nb.wav,two\n", {"b": "two"}, id="line end without quotes"),
        pytest.param(HEAD + "a.wav\nb.wav,two\n", {"b": "two"}, id="short row"),
    ],
)
def test_rows_that_cannot_be_told_are_rejected_and_named(tmp_path: Path, table: str, good: dict[str, str]) -> None:
    found, report = taken(tmp_path, {"metadata.csv": table}, ABC[:2])
    assert texts(found) == good
    assert [(item.path.split(" ")[0], item.code) for item in report.set_aside] == [("a.wav", "missing_text")]


def test_a_column_without_a_name_is_no_part_of_the_text(tmp_path: Path) -> None:
    table = HEAD + "a.wav,one,ann\nb.wav,two,ann\nc.wav,three,bob\n"
    sources = {"x/metadata.csv": table, "y/metadata.csv": HEAD + "z.wav,last\n"}
    found, report = taken(tmp_path, sources, [*(f"x/{name}" for name in ABC), "y/z.wav"])
    assert texts(found) == {"y.z": "last"}
    assert [item.code for item in report.set_aside] == ["missing_text"] * 3
    assert "its row has 3 fields, the first line has 2" in report.set_aside[0].reason


def test_decimal_commas_with_semicolons(tmp_path: Path) -> None:
    table = "file_name;start;end;text\na.wav;0,0;0,1;one\na.wav;0,1;0,25;two\n"
    found, _ = taken(tmp_path, {"metadata.csv": table}, ABC[:1])
    assert texts(found) == {"a": "one", "a-2": "two"}


def test_a_large_table_with_one_open_quote(tmp_path: Path) -> None:
    rows = [f'{at}.wav,"text {at}' + ("" if at == 700 else '"') for at in range(20_000)]
    text = "\n".join([HEAD.strip(), *rows])
    known = {f"{at}.wav" for at in range(20_000)}
    fields = read_fields(text, dialect_of(text, ","), lambda row: row[0] in known)
    assert [row[1] for _, row in fields.rows[1:]] == [f"text {at}" for at in range(20_000)]
    assert fields.plain_quotes == [702]
