"""Allocations that need no measurement: the same rank everywhere, or given ones."""

from __future__ import annotations

from engine.adapters.targets import target_layers
from engine.config.allocations.given import FixedConfig, UniformConfig
from engine.errors import ConfigError, Fault
from engine.ranks.contract import Run
from engine.ranks.ranks import LayerRank, Ranks

_MOST_NAMED = 5


class Uniform:
    """The method's rank in every layer."""

    def __init__(self, config: UniformConfig) -> None:
        pass

    def ranks(self, run: Run) -> Ranks | None:
        """None."""
        return None


class Fixed:
    """The rank that the config gives each layer."""

    def __init__(self, config: FixedConfig) -> None:
        self._config = config

    def ranks(self, run: Run) -> Ranks:
        """The given ranks.

        Raises:
            ConfigError: a name of no layer that may get an adapter, or no rank greater than 0.
        """
        base, reference, asked = run.bound.base, run.bound.reference, self._config.ranks
        layers = target_layers(base, run.method, reference)
        if unknown := [name for name in asked if name not in layers]:
            named = ", ".join(unknown[:_MOST_NAMED]) + (", ..." if len(unknown) > _MOST_NAMED else "")
            message = (
                f"found {named}; the {len(layers)} layers that may get an adapter (target_modules, groups) have names such "
                f"as {next(iter(layers))}, {list(layers)[-1]}"
            )
            raise ConfigError([Fault("training.method.allocation.ranks", message)])
        if not any(asked.values()):
            raise ConfigError([Fault("training.method.allocation.ranks", "are all 0; give one layer at least rank 1")])
        return Ranks(
            model=reference.id,
            revision=reference.revision,
            allocation=self._config,
            layers=[
                LayerRank(
                    name=name,
                    group=base.group_of(name),
                    inputs=layer.in_features,
                    outputs=layer.out_features,
                    rank=asked.get(name, 0),
                )
                for name, layer in layers.items()
            ],
        )
