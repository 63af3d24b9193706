"""Parts of a transformer layer that many models share, played on a tape. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from engine.memory.record import Tensor
from engine.memory.tape import Tape


@dataclass(frozen=True, slots=True)
class AttentionKind:
    """How a model's attention is built."""

    queries: str = "q_proj"
    keys: str = "k_proj"
    values: str = "v_proj"
    output: str = "out_proj"
    bias: bool = True
    """Whether queries and values have a bias."""
    key_bias: bool = True
    is_fused: bool = True
    """Whether it never stores the weights."""
    is_copied: bool = False
    """Whether the fused one's result is rearranged into a new tensor."""


def attend(
    tape: Tape,
    x: Tensor,
    states: Tensor,
    name: str,
    heads: int,
    positions: float,
    group: str,
    kind: AttentionKind,
    *,
    mask: Tensor | None = None,
    dropout: float = 0.0,
    is_cached: bool = False,
) -> Tensor:
    """Attention of all heads with its four projections, of one width.

    Args:
        tape: records it.
        x: what queries come from.
        states: what keys and values come from.
        name: of the module.
        heads: number of heads.
        positions: of the states of each example.
        group: part of the model.
        kind: how it is built.
        mask: of bits; None: all states count, or those up to the query's position.
        dropout: on the weights.
        is_cached: whether a decoder holds keys and values while it writes.
    """
    width = round(x.width)
    queries = tape.linear(x, f"{name}.{kind.queries}", width, group, bias=kind.bias)
    keys = tape.linear(states, f"{name}.{kind.keys}", width, group, bias=kind.key_bias)
    values = tape.linear(states, f"{name}.{kind.values}", width, group, bias=kind.bias)
    attended = tape.attention(
        queries,
        keys,
        values,
        heads,
        positions,
        mask=mask,
        dropout=dropout,
        is_fused=kind.is_fused,
        is_copied=kind.is_copied,
        is_cached=is_cached,
    )
    return tape.linear(attended, f"{name}.{kind.output}", width, group)


def feed_forward(
    tape: Tape,
    x: Tensor,
    layers: tuple[str, str],
    inner: int,
    group: str,
    *,
    activation: str = "gelu",
    dropout: float = 0.0,
) -> Tensor:
    """Two linear layers with a function between them.

    Args:
        tape: records it.
        x: input.
        layers: names of both layers.
        inner: width between them.
        group: part of the model.
        activation: name of the function.
        dropout: between them.
    """
    hidden = tape.activation(tape.linear(x, layers[0], inner, group), activation)
    return tape.linear(tape.dropout(hidden, dropout), layers[1], round(x.width), group)
