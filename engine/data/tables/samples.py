"""Convert recordings that a table holds as numbers to WAV files, without loss."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import soundfile

from engine.errors import ItemError

_BEYOND = 16.0  # times full scale; float samples hardly ever reach it
_MOST_CHANNELS = 8  # of the shorter side of a matrix


def is_list(kind: pa.DataType) -> bool:
    """Whether a column holds lists of any form."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def number_type(kind: pa.DataType) -> pa.DataType | None:
    """The type of the numbers in a column of lists, or of lists of lists; None for any other column."""
    for _ in range(2):
        if not is_list(kind):
            break
        kind = kind.value_type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return kind
    return None


def file_of(values: pa.Array, rate_hz: object) -> bytes:
    """Encode a list of samples as a file; a list of bytes is taken as the content of a file.

    Args:
        values: T samples, or C channels of T samples, or T frames of C samples.
        rate_hz: the row's sample rate, in any type.

    Raises:
        ItemError: no samples, no sample rate, channels of different lengths, or floats far beyond their full scale.
    """
    if pa.types.is_uint8(values.type):
        return _numbers(values).tobytes()
    samples_TC = _matrix(values)
    if not samples_TC.size:
        raise ItemError("empty_file", "its row has a list of no samples")
    rate = _rate(rate_hz)
    if _are_whole(samples_TC):  # 16-bit samples in a column of floats
        samples_TC = samples_TC.astype(np.int32)
    elif samples_TC.dtype.kind == "f" and _BEYOND < (peak := _peak(samples_TC)) < math.inf:
        raise ItemError(
            "corrupt",
            f"its samples go up to {peak:,.0f}; allowed: -1 to 1, or whole numbers of 16 bits: divide them by their full "
            "scale, such as 32768",
        )
    if samples_TC.dtype.kind == "f":
        data_TC, subtype = samples_TC.astype(np.float32), "FLOAT"
    else:
        data_TC, subtype = _integers(samples_TC)
    file = io.BytesIO()
    soundfile.write(file, data_TC, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def _peak(samples_TC: npt.NDArray[Any]) -> float:
    return float(np.nanmax(np.abs(samples_TC), initial=0.0))


def _are_whole(samples_TC: npt.NDArray[Any]) -> bool:
    """Whether floats are whole numbers far beyond the full scale of floats."""
    if samples_TC.dtype.kind != "f" or not np.isfinite(samples_TC).all():
        return False
    peak = float(np.abs(samples_TC).max())
    return _BEYOND < peak <= 1 << 15 and bool((samples_TC == np.rint(samples_TC)).all())


def _matrix(values: pa.Array) -> npt.NDArray[Any]:
    if not is_list(values.type):
        return _numbers(values)[:, None]
    rows = [_numbers(row.values) for row in values if row.is_valid]
    if len({len(row) for row in rows}) > 1 or len(rows) < len(values):
        raise ItemError("corrupt", "its channels have different lengths")
    stacked = np.stack(rows) if rows else np.zeros((0, 0), np.float32)
    return stacked.T if stacked.shape[0] <= _MOST_CHANNELS < stacked.shape[1] or stacked.shape[0] == 1 else stacked


def _numbers(values: pa.Array) -> npt.NDArray[Any]:
    """Numbers of a list; a missing one is NaN."""
    found: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return found


def _integers(samples: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], str]:
    """Whole numbers as the narrowest samples that hold them; 24-bit numbers are scaled to 32 bits.

    Raises:
        ItemError: more than 32 bits.
    """
    lowest, highest = int(samples.min()), int(samples.max())
    if lowest >= -(1 << 15) and highest < 1 << 15:
        return samples.astype(np.int16), "PCM_16"
    if lowest >= -(1 << 31) and highest < 1 << 31:
        is_24_bits = lowest >= -(1 << 23) and highest < 1 << 23
        return samples.astype(np.int32) * np.int32(256 if is_24_bits else 1), "PCM_32"
    raise ItemError("corrupt", f"its samples go from {lowest} to {highest}; allowed: at most 32 bits")


def _rate(found: object) -> int:
    try:
        rate = float(found) if isinstance(found, int | float | str) else 0.0
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1 << 31 or rate != int(rate):
        raise ItemError("corrupt", f"found a sample rate of {found!r}; allowed: hertz, a whole number")
    return int(rate)
