"""The arms of the study: selection methods at shares of the pool's cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

FULL = "full"
METHOD = "quantization_aware"
"""The method with its scores at every share; the default ignores them at small shares, where it equals the arm `EVENLY`."""
BASELINE = "duration_stratified"
SHUFFLED = "shuffled"
"""The method with its scores shuffled among segments: the control for meaningless scores."""
AS_FIRST_DESIGNED = "no wrong texts left out"
"""The method without leaving out contradicted texts."""
EVENLY = "evenly without wrong texts"
"""The method without its scores: contradicted texts are left out, and the rest is drawn evenly."""

Source = Literal["scored", "selected"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to choose the training data."""

    name: str
    share: float
    """Share of the encoder seconds (and of the steps) of training on everything."""
    method: dict[str, Any] = field(default_factory=dict)
    """Config of the method."""
    source: Source = "scored"
    """`scored`: chosen from the scores of one selection of the pool, shared by all such arms; `selected`: its own
    selection."""
    more: dict[str, Any] = field(default_factory=dict)
    """Further fields of the selection's config."""
    shuffles: bool = False
    """Whether to shuffle the scores first."""
    tuned_like: str = BASELINE
    """Arm of the same share whose learning rate it uses."""

    @property
    def key(self) -> str:
        """Unique among the arms."""
        return key_of_arm(self.name, self.share)


def key_of_arm(name: str, share: float) -> str:
    """Unique among the arms."""
    return f"{name} {share:g}".replace(" ", "-")


def _arm(name: str, share: float, method: str = "", tuned_like: str = BASELINE, **more: Any) -> Arm:
    return Arm(name, share, {"type": method or name, **more}, tuned_like=tuned_like)


EVERYTHING = Arm(FULL, 1.0, tuned_like=FULL)


def primary(shares: tuple[float, ...] = (0.5, 0.25)) -> list[Arm]:
    """The arms of the primary claims."""
    arms = [EVERYTHING]
    for share in shares:
        arms += [
            _arm(METHOD, share, tuned_like=METHOD, tau=1.0),
            _arm(BASELINE, share),
            Arm(SHUFFLED, share, {"type": METHOD, "tau": 1.0}, shuffles=True, tuned_like=METHOD),
            _arm(EVENLY, share, METHOD, tau=0.0),
        ]
    return arms


def tuned(shares: tuple[float, ...]) -> list[Arm]:
    """The arms with tuned learning rates; the others use those of one of them."""
    return [arm for arm in primary(shares) if arm.tuned_like == arm.name]


def secondary(share: float = 0.5) -> list[Arm]:
    """The other baselines and ablations, at one share."""
    return [
        _arm(AS_FIRST_DESIGNED, share, METHOD, METHOD, wrong_text_nats=None, tau=1.0),
        _arm("random", share),
        _arm("disagreement", share, tuned_like=METHOD, tau=1.0),
        _arm("top_loss", share),
        _arm("el2n", share),
        Arm("cowerage", share, {"type": "cowerage"}, source="selected"),
        Arm(
            "trim_pack_only",
            share,
            {"type": "trim_pack_only"},
            source="selected",
            more={"pack": {"type": "join", "target_s": 3.0}},
        ),
    ]
