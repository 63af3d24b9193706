"""Images are found by lists too, and copies are those that show the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from engine.data.decisions import ItemDecision
from engine.data.manifest import read_examples
from engine.data.report import IngestReport
from engine.data.targets import written
from engine.data.version_files import MANIFEST_NAME
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import codes, folder_of

LABELS = ("label", "labels")


def _png(number: int, **options: object) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def _made(folder: Path, files: dict[str, bytes], *types: str) -> IngestReport:
    source = folder_of(folder / "source", files)
    return ingest(source, folder / "out", target_types=types or LABELS, medium="image", threads=1)  # type: ignore[arg-type]


def _targets(folder: Path) -> dict[str, str]:
    return {example.id: written(example.target) for example in read_examples(folder / "out" / MANIFEST_NAME)}


def test_a_list_names_images_and_their_classes(tmp_path: Path) -> None:
    rows = b"Image,label\nx,dog\ny.PNG,cat\nz,cat\n"
    report = _made(tmp_path, {"img/x.png": _png(1), "img/y.png": _png(2), "list.csv": rows})
    assert _targets(tmp_path) == {"img.x": "dog", "img.y": "cat"}
    assert codes(report) == {"list.csv:4": "missing_file"}


def test_captions_of_images(tmp_path: Path) -> None:
    rows = b"file_name,caption_1,caption_2\n1.png,a dog,an animal\n2.png,,\n3.png,gone,\n"
    report = _made(tmp_path, {"1.png": _png(1), "2.png": _png(2), "metadata.csv": rows}, "captions")
    assert _targets(tmp_path) == {"1": "a dog\nan animal"}
    assert codes(report) == {"2.png": "missing_caption", "3.png": "missing_file"}
    assert not report.audio_s and report.amount == 1.0


def test_the_same_pixels_in_another_file_are_a_copy(tmp_path: Path) -> None:
    report = _made(tmp_path, {"a/1.png": _png(1), "a/2.png": _png(1, compress_level=0), "b/3.png": _png(3)})
    assert _targets(tmp_path) == {"a.1": "a", "b.3": "b"}
    assert codes(report) == {"a/2.png": "duplicate_input"}


def test_an_accepted_copy_has_a_file_of_its_own(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "source", {"a/1.png": _png(1), "b/2.png": _png(1), "b/3.png": _png(3)})
    decisions = {"b/2.png": ItemDecision(accepted=("duplicate_input",))}
    ingest(source, tmp_path / "out", target_types=LABELS, medium="image", decisions=decisions)
    files = [example.input.image for example in read_examples(tmp_path / "out" / MANIFEST_NAME)]
    contents = [(tmp_path / "out" / file).read_bytes() for file in files]
    assert contents == [_png(1), _png(1), _png(3)] and len(set(files)) == 3


def test_a_picture_with_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("1", (8000, 6251)).save(file, "PNG")
    report = _made(tmp_path, {"a/1.png": _png(1), "b/large.png": file.getvalue()})
    [large] = report.set_aside
    assert (large.code, large.reason) == ("too_large", "found 8000 x 6251 pixels; allowed: at most 50,000,000 pixels")
    assert large.action == "make it smaller"
