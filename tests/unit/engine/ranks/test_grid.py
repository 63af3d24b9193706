"""Ranks as rows and columns, and the picture of them."""

from __future__ import annotations

from pathlib import Path

from engine.config.allocations.given import FixedConfig
from engine.ranks.grid import Grid, grids
from engine.ranks.picture import draw_ranks
from engine.ranks.ranks import LayerRank, Ranks

NAMES = {
    "model.encoder.layers.0.self_attn.k_proj": ("audio_encoder", 4),
    "model.encoder.layers.0.fc1": ("audio_encoder", 0),
    "model.encoder.layers.1.self_attn.k_proj": ("audio_encoder", 7),
    "model.decoder.layers.0.self_attn.q_proj": ("text_decoder", 1),
    "model.decoder.layers.0.cross.q_proj": ("text_decoder", 2),
    "projector.linear_1": ("fusion", 3),
    "stray": (None, 5),
}


def _ranks() -> Ranks:
    layers = [
        LayerRank(name=name, group=group, inputs=8, outputs=16, rank=rank) for name, (group, rank) in NAMES.items()
    ]
    return Ranks(model="tiny", revision=None, allocation=FixedConfig(ranks={"stray": 5}), layers=layers)


def test_a_group_has_a_row_for_each_block_and_a_column_for_each_layer() -> None:
    assert grids(_ranks()) == [
        Grid("audio_encoder", ("0", "1"), ("k_proj", "fc1"), ((4, 0), (7, None))),
        Grid("text_decoder", ("0",), ("self_attn.q_proj", "cross.q_proj"), ((1, 2),)),
        Grid("fusion", ("projector",), ("linear_1",), ((3,),)),
        Grid("other", ("stray",), ("stray",), ((5,),)),
    ]


def test_the_summary_counts_by_group() -> None:
    summary = _ranks().summary()
    assert summary.parameters == 24 * sum(rank for _, rank in NAMES.values())
    encoder = summary.groups["audio_encoder"]
    assert (encoder.layers, encoder.adapted, encoder.parameters) == (3, 2, 24 * 11)
    assert summary.sentence().startswith("fixed: audio_encoder 3.7 on average (2 of 3 layers), text_decoder 1.5")


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    import matplotlib.image

    draw_ranks(_ranks(), tmp_path / "ranks.png")
    pixels = matplotlib.image.imread(tmp_path / "ranks.png")
    assert pixels.shape[0] > 200 and pixels.shape[1] > 400
    assert len({tuple(colour) for colour in pixels[::5, ::5, :3].reshape(-1, 3).round(1)}) > 5
