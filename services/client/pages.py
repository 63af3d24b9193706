"""Paginated lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

ItemT = TypeVar("ItemT")
PageT = TypeVar("PageT")


class Pages(Generic[ItemT, PageT]):
    """The items of a list; iterating fetches pages as they are needed."""

    def __init__(self, fetch: Callable[[str | None], PageT]) -> None:
        self._fetch = fetch
        self._first: PageT | None = None

    def __iter__(self) -> Iterator[ItemT]:
        page: Any = self.page
        while True:
            yield from page.items
            if not page.next_cursor:
                return
            page = self._fetch(page.next_cursor)

    @property
    def page(self) -> PageT:
        """The first page, with everything that the server says about the list."""
        if self._first is None:
            self._first = self._fetch(None)
        return self._first

    @property
    def total(self) -> int:
        """How many items the whole list has."""
        first: Any = self.page
        return int(first.total)
