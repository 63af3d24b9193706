"""Ranks by group, block of the model, and layer within the block, for tables and pictures. Does not import torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.ranks.ranks import NO_GROUP, LayerRank, Ranks


@dataclass(frozen=True, slots=True)
class Grid:
    """A group's ranks: one row for each block, such as a layer of the encoder."""

    group: str
    rows: tuple[str, ...]
    """Blocks, by the part of their name in which they differ."""
    columns: tuple[str, ...]
    """Names of layers within a block, by their last part if that tells them apart."""
    ranks: tuple[tuple[int | None, ...], ...]
    """By row and column; None: the block has no such layer."""


def grids(ranks: Ranks) -> list[Grid]:
    """A grid for each group, in the model's order."""
    groups: dict[str, list[LayerRank]] = {}
    for layer in ranks.layers:
        groups.setdefault(layer.group or NO_GROUP, []).append(layer)
    return [_grid(group, layers) for group, layers in groups.items()]


def _grid(group: str, layers: list[LayerRank]) -> Grid:
    cells = {_place(layer.name): layer.rank for layer in layers}
    blocks = list(dict.fromkeys(block for block, _ in cells))
    columns = tuple(dict.fromkeys(column for _, column in cells))
    # Without what all blocks share: model.encoder.layers.0 and .1 are 0 and 1.
    parts = [block.split(".") for block in blocks]
    shared = 0
    while all(len(each) > shared + 1 and each[shared] == parts[0][shared] for each in parts):
        shared += 1
    rows = tuple(".".join(each[shared:]) for each in parts)
    last = [column.rpartition(".")[2] for column in columns]
    ranks = tuple(tuple(cells.get((block, each)) for each in columns) for block in blocks)
    return Grid(group, rows, tuple(last) if len(set(last)) == len(last) else columns, ranks)


def _place(name: str) -> tuple[str, str]:
    """Block and layer: the name up to its last number, and the rest; without a number, the last part is the layer."""
    numbered = re.match(r"(.*\.\d+)\.(.+)$", name)
    if numbered is not None and not re.search(r"(^|\.)\d+(\.|$)", numbered[2]):
        return numbered[1], numbered[2]
    block, _, layer = name.rpartition(".")
    return block or name, layer
