"""A medium that lives in the tests alone: series of numbers, one number on each line of a `.series` file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from engine.data.endings import FileKinds
from engine.data.example import Span
from engine.data.fields import is_path
from engine.data.layout import Item
from engine.data.layouts.registry import LAYOUTS, LayoutReader
from engine.data.report import OF_FILES
from engine.data.targets import not_spoken
from engine.data.validation.dataset_texts import DatasetTexts
from engine.data.validation.statistics import Spread
from engine.errors import ItemError
from engine.media.contract import Examined, Medium, Preview
from engine.media.exact import Content, ExactIntake, examined


@dataclass(frozen=True, slots=True)
class SeriesInput:
    """A series of numbers."""

    medium: ClassVar[str] = "series"

    series: str

    def spans(self) -> tuple[Span, ...]:
        return (Span(self.series, 0.0, math.inf),)

    def files(self) -> tuple[str, ...]:
        return (self.series,)


class SeriesIntake(ExactIntake[bytes]):
    """Takes series into a version."""

    @contextmanager
    def open(
        self, item: Item, accepted: Collection[str], texts: DatasetTexts
    ) -> Iterator[Callable[[], Examined[Content[bytes]]]]:
        with self.setting.source.open(item.entry, 1 << 20) as file:
            data = file.read()
        yield lambda: examined(item, lambda _: _read(data), accepted, texts, self.setting.target)

    def store(self, number: int, content: Content[bytes]) -> SeriesInput:
        name = f"series/{number}.series"
        path = self.setting.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.data)
        return SeriesInput(name)

    def discard(self) -> None:
        for path in self.setting.folder.glob("series/*.series"):
            path.unlink()


def _read(data: bytes) -> Content[bytes]:
    try:
        numbers = [float(line) for line in data.decode().split()]
    except ValueError as error:
        raise ItemError("corrupt", f"{error}; allowed: numbers") from error
    return Content(data, hashlib.sha256(repr(numbers).encode()).digest(), float(len(numbers)), "SERIES")


def _layouts() -> Sequence[LayoutReader]:
    return [reader for reader in LAYOUTS if reader.kind == "label_folders"]


SERIES: Final = Medium(
    input=SeriesInput,
    fields={"series": is_path},
    noun="series",
    cost_unit="numbers",
    amount=lambda given: 1.0,
    unit="series",
    shown_amount=lambda count: f"{count:.0f} series",
    preview=lambda given: Preview(),
    files=FileKinds(("series",), frozenset(("dat",))),
    stored=("series/*.series",),
    given={"label": ".series files in folders of their classes"},
    layouts=_layouts,
    intake=lambda setting: SeriesIntake(setting, "series", Spread("length", "numbers", [0, 1, 10, 100])),
    codes=OF_FILES,
    target=not_spoken,
)
