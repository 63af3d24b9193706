from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from engine.metrics.confusion import Confusion, count_confusions, draw_confusions

REFERENCES = ["dog", "dog", "dog", "cat", "cat", "bird", "rain", "dog"]
PREDICTIONS = ["dog", "cat", "dog", "cat", "cat", "bird", "wind", "dog"]


def test_rows_are_references_and_columns_predictions() -> None:
    found = count_confusions(REFERENCES, PREDICTIONS)
    assert found.classes == ("bird", "cat", "dog", "rain", "wind")
    assert found.counts_CC.tolist() == [  # as scikit-learn 1.9.1's confusion_matrix
        [1, 0, 0, 0, 0],
        [0, 2, 0, 0, 0],
        [0, 1, 3, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],
    ]


def test_the_callers_classes_keep_their_order() -> None:
    found = count_confusions(["b", "a", "b"], ["b", "b", "c"], ["c", "b", "a", "unused"])
    assert found.classes == ("c", "b", "a", "unused")
    assert found.counts_CC.tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_classes_that_are_not_listed_are_refused() -> None:
    with pytest.raises(ValueError, match="classes 'b', 'x' occur and are not in the list of classes"):
        count_confusions(["a", "b"], ["x", "a"], ["a"])
    with pytest.raises(ValueError, match="no examples to score"):
        count_confusions([], [])


@pytest.mark.parametrize(("classes", "cell"), [(1, 36), (2, 36), (30, 36), (31, 24), (60, 24)])
def test_each_class_has_room_for_its_name(tmp_path: Path, classes: int, cell: int) -> None:
    """A name of 8 points is 14 pixels high at 120 per inch."""
    draw_confusions(confusion_of([f"class {i}" for i in range(classes)]), tmp_path / "confusion.png")
    height, width, _ = imread(tmp_path / "confusion.png").shape
    assert height == pytest.approx(4 * 120 + cell * classes, abs=1)
    assert width == pytest.approx(height + 120, abs=1)


def test_a_drawing_of_very_many_classes_stays_openable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.metrics.confusion._LARGEST_IN", 5.0)
    draw_confusions(confusion_of([f"class {i}" for i in range(12)]), tmp_path / "confusion.png")
    assert imread(tmp_path / "confusion.png").shape[:2] == (600, 720)


def test_any_name_can_be_drawn(tmp_path: Path) -> None:
    """A name is no formula, may be longer than the plot, and may have letters that the font lacks."""
    names = ["$\\frac{$", "a_b^c$", "狗叫", "Inside, large room or hall, with a very long name", "", "سگ"]
    draw_confusions(confusion_of(names), tmp_path / "confusion.png")
    assert imread(tmp_path / "confusion.png").std() > 0


def test_long_names_are_shortened(tmp_path: Path) -> None:
    for picture, name in (("long", "x" * 300), ("short", "x" * 27 + "…")):
        draw_confusions(confusion_of([name, "y" * 28]), tmp_path / picture)
    assert (tmp_path / "long").read_bytes() == (tmp_path / "short").read_bytes()


@pytest.mark.parametrize(("classes", "written"), [(30, True), (31, False)])
def test_counts_are_written_where_there_is_room(tmp_path: Path, classes: int, written: bool) -> None:
    names = [f"class {i}" for i in range(classes)]
    for picture, count in (("few", 1), ("many", 99)):
        draw_confusions(Confusion(tuple(names), np.eye(classes, dtype=np.int64) * count), tmp_path / picture)
    assert ((tmp_path / "few").read_bytes() != (tmp_path / "many").read_bytes()) is written


def test_colour_is_the_share_of_the_row(tmp_path: Path) -> None:
    """A rare class that is always right is as dark as a frequent one, and a class without examples stays blank."""
    draw_confusions(
        Confusion(("often", "rare", "never"), np.array([[900, 0, 0], [0, 3, 0], [0, 0, 0]])), tmp_path / "seen.png"
    )
    picture = imread(tmp_path / "seen.png")[:, :, :3]
    dark = (np.abs(picture - np.array([8, 48, 107]) / 255) < 0.01).all(axis=2)  # the darkest colour of "Blues"
    rows = dark[:, : int(0.7 * dark.shape[1])].sum(axis=0)
    assert 0.4 < (rows > 50).sum() / (0.7 * dark.shape[1]) < 0.7


def confusion_of(names: list[str]) -> Confusion:
    counts_CC = np.eye(len(names), dtype=np.int64) * 40 + np.arange(len(names) ** 2).reshape(len(names), -1) % 7
    return Confusion(tuple(names), counts_CC)
