"""Which linear layers get an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Adapters:
    """Which linear layers get an adapter, and of which rank."""

    rank: int
    targets: frozenset[str] | None = None
    """Suffixes of their names; None: those that the family adapts by default."""
    groups: frozenset[str] | None = None
    """Parts of the model; None: all."""
    has_dropout: bool = False
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Ranks of single layers, by their whole name; 0: none."""

    def rank_of(self, name: str, group: str | None, is_default: bool) -> int:
        """Rank of the adapter on a linear layer; 0: it has none."""
        if self.groups is not None and group not in self.groups:
            return 0
        if self.targets is None:
            chosen = is_default
        else:
            chosen = any(name == target or name.endswith(f".{target}") for target in self.targets)
        return self.ranks.get(name, self.rank) if chosen else 0
