"""What every registered medium must do, and one that only the tests know: the same assertions for each of them."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config.division import DivisionConfig
from engine.config.tasks.registry import TASKS
from engine.data.example import AnyExample, AudioInput, Example, ImageInput, Label, TextInput
from engine.data.items import read_items
from engine.data.manifest import read_examples, write_manifest
from engine.data.report import IngestReport
from engine.data.splits import without_shared
from engine.data.telling import report_lines
from engine.data.version_files import ITEMS_NAME, MANIFEST_NAME, PAGE_NAME, REPORT_NAME
from engine.errors import IngestError, ManifestError
from engine.media.contract import Medium
from engine.media.registry import MEDIA, medium_named
from engine.stages.ingest import ingest
from tests.contract.sources import BAD, GOOD, OTHERS
from tests.contract.toy_medium import SeriesInput
from tests.unit.engine.data.recordings import folder_of

LABELS = ("label", "labels")
INPUTS = {
    "audio": (AudioInput("audio/0.wav", 0.0, 1.0), AudioInput("audio/0.wav", 1.0, 1.5)),
    "text": (TextInput("one"), TextInput("two")),
    "image": (ImageInput("images/0.png"), ImageInput("images/1.png")),
    "series": (SeriesInput("series/0.series"), SeriesInput("series/1.series")),
}
NAMES = [*MEDIA, "series"]


@pytest.fixture(params=NAMES, autouse=True)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(MEDIA, "series", "tests.contract.toy_medium:SERIES")  # type: ignore[arg-type]
    yield request.param


@pytest.fixture
def medium(name: str) -> Medium:
    return medium_named(name)


@pytest.fixture
def good(name: str, tmp_path: Path) -> Path:
    return folder_of(tmp_path / "good", GOOD[name]())


def _ingested(source: Path, target: Path, name: str, **options: object) -> IngestReport:
    return ingest(source, target, target_types=LABELS, medium=name, **options)  # type: ignore[arg-type]


# ---- manifests


def test_its_class_of_inputs_has_its_name_and_its_fields(name: str, medium: Medium) -> None:
    assert medium.input.medium == name
    fields = {field.name: field for field in dataclasses.fields(medium.input)}
    assert medium.fields.keys() <= fields.keys()
    others = fields.keys() - medium.fields.keys()  # what a selection adds
    assert all(fields[other].default is not dataclasses.MISSING for other in others)


def test_an_input_comes_back_from_a_manifest(name: str, medium: Medium, tmp_path: Path) -> None:
    examples = [Example(str(at), given, Label("a"), "g", "train") for at, given in enumerate(INPUTS[name])]
    write_manifest(tmp_path / MANIFEST_NAME, examples)
    assert read_examples(tmp_path / MANIFEST_NAME) == examples
    lines = [json.loads(line) for line in (tmp_path / MANIFEST_NAME).read_text().splitlines()]
    assert {line["medium"] for line in lines} == {name}
    assert all(line["input"].keys() == medium.fields.keys() for line in lines)


def test_faults_of_an_input_are_named(name: str, medium: Medium, tmp_path: Path) -> None:
    path = tmp_path / MANIFEST_NAME
    write_manifest(path, [Example("a", INPUTS[name][0], Label("a"))])
    line = json.loads(path.read_text())
    for field in medium.fields:
        path.write_text(json.dumps(line | {"input": {**line["input"], field: None}, "id": "a"}))
        with pytest.raises(ManifestError, match=rf"input\.{field} is None; it must be "):
            read_examples(path)
        path.write_text(json.dumps(line | {"input": {key: at for key, at in line["input"].items() if key != field}}))
        with pytest.raises(ManifestError, match=rf"input\.{field} is missing"):
            read_examples(path)


def test_an_input_shares_data_with_itself_alone(name: str) -> None:
    first, second = (Example(str(at), given, Label("a")) for at, given in enumerate(INPUTS[name]))
    examples: list[AnyExample] = [first, second]
    assert without_shared([first], examples) == [second]


# ---- ingestion


def test_good_inputs_become_a_version(name: str, medium: Medium, good: Path, tmp_path: Path) -> None:
    report = _ingested(good, tmp_path / "out", name)
    examples = read_examples(tmp_path / "out" / MANIFEST_NAME)
    assert (report.medium, report.items_good, report.set_aside) == (name, 24, [])
    assert report.labels == {"a": 12, "b": 12}
    assert Counter(example.target.label for example in examples) == report.labels
    assert {type(example.input) for example in examples} == {medium.input}
    total = report.audio_s if report.amount is None else report.amount
    assert total == pytest.approx(sum(medium.amount(example.input) for example in examples)) and total > 0
    assert medium.shown_amount(total) in report_lines(report, "")[0].text
    assert report.validation is not None and report.validation.histograms
    assert sum(report.validation.histograms[0].counts) == 24
    assert IngestReport.model_validate_json((tmp_path / "out" / REPORT_NAME).read_bytes()) == report
    assert medium.noun in (tmp_path / "out" / PAGE_NAME).read_text()


def test_the_files_of_inputs_are_those_that_it_says_it_stores(
    name: str, medium: Medium, good: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _ingested(good, out, name)
    needed = {file for example in read_examples(out / MANIFEST_NAME) for file in example.input.files()}
    stored = {path.relative_to(out).as_posix() for pattern in medium.stored for path in out.glob(pattern)}
    assert needed == stored
    assert all("/" in pattern for pattern in medium.stored)  # a run fetches the folders


def test_bad_inputs_are_rejected_by_name_and_good_ones_are_kept(name: str, good: Path, tmp_path: Path) -> None:
    folder_of(good, {path: data for path, (data, _) in BAD[name]().items()} | OTHERS)
    report = _ingested(good, tmp_path / "out", name)
    assert report.items_good == 24
    other = "not_audio" if name == "audio" else "other_file"
    wanted = {path: code for path, (_, code) in BAD[name]().items()} | dict.fromkeys(OTHERS, other)
    assert {item.path: item.code for item in report.set_aside} == wanted
    assert all(item.reason and item.action for item in report.set_aside)
    told = {item.path: item for item in read_items(tmp_path / "out" / ITEMS_NAME)}
    assert {path for path, item in told.items() if item.status == "rejected"} == wanted.keys()


def test_a_copy_of_an_input_with_another_label_is_named(name: str, good: Path, tmp_path: Path) -> None:
    data = (good / "a" / sorted(path.name for path in (good / "a").iterdir())[0]).read_bytes()
    ending = next((good / "a").iterdir()).suffix
    folder_of(good, {f"b/zz{ending}": data})
    report = _ingested(good, tmp_path / "out", name)
    [copy] = report.set_aside
    assert copy.path == f"b/zz{ending}" and copy.code in {"duplicate_audio", "duplicate_input"}
    assert "which has another label; that one is kept" in copy.reason
    assert report.validation is not None and report.validation.findings_by_code["contradicting_labels"] == 1


def test_threads_do_not_change_the_version(name: str, good: Path, tmp_path: Path) -> None:
    contents = []
    for threads in (1, 3):
        out = tmp_path / str(threads)
        _ingested(good, out, name, threads=threads)
        contents.append({p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()})
    assert contents[0] == contents[1]


def test_a_version_is_divided_by_the_amount_of_its_inputs(
    name: str, medium: Medium, good: Path, tmp_path: Path
) -> None:
    division = DivisionConfig(test_fraction=0.25, validation_fraction=0.25)
    _ingested(good, tmp_path / "out", name, division=division)
    amounts: Counter[str | None] = Counter()
    for example in read_examples(tmp_path / "out" / MANIFEST_NAME):
        amounts[example.split] += medium.amount(example.input)  # type: ignore[assignment]
    assert amounts.keys() == {"train", "validation", "test"}
    assert amounts["test"] / sum(amounts.values()) == pytest.approx(0.25, abs=0.05)


def test_an_interrupted_ingestion_leaves_nothing(name: str, medium: Medium, good: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _ingested(good, tmp_path / "out", name, on_progress=interrupt)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_files_of_a_killed_ingestion_are_removed(name: str, medium: Medium, good: Path, tmp_path: Path) -> None:
    left = [pattern.replace("[0-9]*", "99").replace("*", "99") for pattern in medium.stored]
    folder_of(tmp_path / "out", dict.fromkeys(left, b"left behind"))
    _ingested(good, tmp_path / "out", name)
    assert not any((tmp_path / "out" / file).exists() for file in left)


def test_nothing_is_left_of_a_source_without_a_good_input(name: str, medium: Medium, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    folder_of(source, {path: data for path, (data, _) in BAD[name]().items()})
    with pytest.raises(IngestError, match="can be used"):
        _ingested(source, out, name)
    assert not (out / MANIFEST_NAME).exists()
    assert [path for pattern in medium.stored for path in out.glob(pattern)] == []
    with pytest.raises(IngestError, match=f"found no {medium.noun}; a dataset is a zip or a folder with "):
        _ingested(folder_of(tmp_path / "empty", {".hidden": b""}), tmp_path / "none", name)


def test_tasks_name_registered_media() -> None:
    assert {config.medium for config in TASKS.values()} <= MEDIA.keys()
