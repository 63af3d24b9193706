"""Lists without names of columns: what each field is shows in the list as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.data.sources import taken, texts

SAID = ("nine five eight seven", "three zero one", "six one three three", "two two")
WAVS = [f"wavs/{at}.wav" for at in range(4)]
IDS = [f"wavs.{at}" for at in range(4)]
WORDS = dict(zip(IDS, SAID, strict=True))


def _lines(*fields: object) -> str:
    """Rows of fields; a list gives one value for each row, `text` stands for the texts, `id` for the names."""
    known = {"id": list(range(4)), "path": WAVS, "text": list(SAID)}
    columns = [known.get(field, [field] * 4) if isinstance(field, str) else field for field in fields]
    return "".join("|".join(str(column[row]) for column in columns) + "\n" for row in range(4))  # type: ignore[index]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(_lines("id", "text", [len(text) for text in SAID]), id="length"),
        pytest.param(_lines("id", "text", [1.5, 2.25, 3.0, 0.5]), id="duration"),
        pytest.param(_lines("id", "text", ["neutral", "happy", "sad", "neutral"]), id="emotion"),
        pytest.param(_lines("id", "text", "en"), id="language"),
        pytest.param(
            _lines("id", "text", ["neun fünf acht", "drei null", "sechs eins drei", "zwei zwei"]), id="german"
        ),
        pytest.param(_lines("id", "text", ["n aI n f aI v", "T r i:", "s I k s", "t u: t u:"]), id="phonemes"),
        pytest.param(_lines("path", "text", [t.upper() for t in SAID]), id="upper case of it"),
        pytest.param(_lines("id", "text", ""), id="empty third field"),
        pytest.param(_lines("id", "text", WAVS), id="paths behind it"),
        pytest.param(_lines("id", "text", ["x\\0.wav", "x\\1.wav", "y\\0.wav", "y\\1.wav"]), id="other paths"),
        pytest.param(_lines("id", "text", ["2024-03-01", "2024-03-02", "2024-03-02", "2024-03-03"]), id="dates"),
        pytest.param(_lines("id", "text", ["2024-03-01", "2024-03-01", "2024-03-02", "2024-03-02"]), id="days"),
        pytest.param(_lines("id", "text", ["out/a.wav", "out/a.wav", "out/b.wav", "out/b.wav"]), id="paths again"),
        pytest.param(_lines("id", "text"), id="two fields"),
        pytest.param(_lines("path", "text"), id="paths"),
        pytest.param(_lines("id", ["Nine 5 8 7", "three 0 1", "six 1 3 3", "two two"], "text"), id="normalised"),
        pytest.param(_lines("id", "text", ["Nine 5 8 7", "three 0 1", "six 1 3 3", "two 2"]), id="written after it"),
        pytest.param(_lines("id", ["9587", "301", "6133", "22"], "text"), id="digits, and words"),
    ],
)
def test_the_text_is_the_field_of_words(tmp_path: Path, rows: str) -> None:
    found, report = taken(tmp_path, {"metadata.csv": rows}, WAVS)
    assert {id: text.lower() for id, text in texts(found).items()} == WORDS
    assert report.layout == "ljspeech"
    assert {speaker for _, _, speaker, _ in found} == {None}


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        (_lines("path", "text", ["ann", "ann", "bob", "bob"]), 3),
        (_lines("path", ["ann", "ann", "bob", "bob"], "text"), 2),
        (_lines("path", [7, 7, 8, 8], "text"), 2),
        (_lines("path", "text", [7, 7, 8, 8]), 3),
        (_lines("path", ["p225", "p225", "p226", "p226"], "EN", "text", "_ n aI n _"), 2),
        (_lines("path", "text", ["jackson", "george", "lucas", "ann"], [1.5, 2.5, 2.0, 0.5]), 3),
    ],
)
def test_speakers_in_a_list_are_found_and_told(tmp_path: Path, rows: str, field: int) -> None:
    found, report = taken(tmp_path, {"metadata.csv": rows}, WAVS)
    assert texts(found) == WORDS
    assert [speaker for _, _, speaker, _ in found] == [row.split("|")[field - 1] for row in rows.splitlines()]
    assert any(f"field {field} as the speaker" in warning for warning in report.warnings)
    assert report.columns_read[f"field {field}"] == "speaker"


def test_what_was_decided_is_said(tmp_path: Path) -> None:
    _, report = taken(tmp_path, {"metadata.csv": _lines("id", "text", [20, 19, 18, 20])}, WAVS)
    assert report.warnings == [
        "metadata.csv does not name its columns; it was read with field 1 as the file, field 2 as the text; not read: "
        "field 3 ('20')"
    ]
    assert (report.text_source, report.columns_ignored) == ("field 2 of metadata.csv", ["field 3"])


@pytest.mark.parametrize("name", ["metadata.txt", "metadata_train.csv", "lists/metadata-train.txt", "Metadata.csv"])
def test_names_of_a_list(tmp_path: Path, name: str) -> None:
    found, report = taken(tmp_path, {name: _lines("path", "text")}, WAVS)
    assert texts(found) == WORDS
    assert {split for *_, split in found} == {"train" if "train" in name else None}
    assert report.metadata_files == [name]


@pytest.mark.parametrize(("delimiter", "name"), [(",", "metadata.csv"), ("\t", "metadata.tsv"), (";", "metadata.csv")])
def test_lists_without_bars(tmp_path: Path, delimiter: str, name: str) -> None:
    rows = _lines("path", "text").replace("|", delimiter).replace("two two", '"two, ""two"""')
    found, _ = taken(tmp_path, {name: rows}, WAVS)
    assert texts(found) == {**WORDS, "wavs.3": 'two, "two"'}


def test_rows_with_other_fields_are_rejected(tmp_path: Path) -> None:
    found, report = taken(tmp_path, {"metadata.csv": _lines("id", "text") + "0|a|b|c\n"}, WAVS[:3])
    assert texts(found) == {id: WORDS[id] for id in IDS[:3]}
    assert [(item.path, item.code) for item in report.set_aside] == [
        ("wavs/0.wav", "duplicate_name"),
        ("wavs/3.wav", "missing_audio"),
    ]
