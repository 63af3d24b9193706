"""Byte ranges of responses (RFC 9110, section 14), with which browsers seek in audio."""

from __future__ import annotations

import re
from typing import Final

from services.errors import RangeError

_ONE: Final = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")


def wanted_range(header: str | None, if_range: str | None, etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte that a request wants; None: everything, also for a header that is to be ignored.

    Raises:
        RangeError: the range begins after the end.
    """
    match = _ONE.fullmatch((header or "").strip())
    if match is None or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = match["first"], match["last"]
    if not first:
        if not last:
            return None
        if int(last) == 0:
            raise RangeError(size)
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeError(size)
    return int(first), min(int(last), size - 1) if last else size - 1
