"""Detect datasets in which one speaker, one text or one length outweighs the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.data.report import Finding, Histogram
from engine.data.validation.config import ValidationConfig

_FEWEST_ITEMS = 20  # below this every dataset is uneven
_REPEATS_OF_A_CLASS = 5  # with this many items per distinct text, the texts are classes


def imbalances(
    speakers: Mapping[str, int],
    texts: Counter[int],
    examples: Mapping[int, str],
    durations: Histogram,
    config: ValidationConfig,
) -> list[Finding]:
    """Findings about uneven shares.

    Args:
        speakers: items of each speaker.
        texts: items of each text, by its hash.
        examples: a text of each hash, as far as it is kept.
        durations: of the items.
        config: thresholds.
    """
    found = []
    items = texts.total()
    if items < _FEWEST_ITEMS:
        return []
    if len(speakers) > 1:
        name, most = max(speakers.items(), key=lambda pair: (pair[1], pair[0]))
        share = most / sum(speakers.values())
        fair = max(config.speaker_share, 1.5 / len(speakers))
        if share > fair:
            found.append(
                _uneven(
                    f"speaker {name} says {100 * share:.0f} % of the items; allowed: up to {100 * fair:.0f} %",
                    "add recordings of the other speakers, or leave some of this one out",
                )
            )
    if items >= _REPEATS_OF_A_CLASS * len(texts) and len(texts) > 1:
        (often, most), *_, (seldom, fewest) = texts.most_common()
        if most > config.class_ratio * fewest:
            names = [repr(examples[text]) if text in examples else "a text" for text in (often, seldom)]
            found.append(
                _uneven(
                    f"{names[0]} is said {most} times and {names[1]} {fewest} times; allowed: up to "
                    f"{config.class_ratio:g} times as often",
                    "add recordings of the rare texts: a model guesses the frequent ones",
                )
            )
    low, high = durations.quantiles.get("p5", 0.0), durations.quantiles.get("p95", 0.0)
    if low > 0 and high > config.length_ratio * low:
        found.append(
            _uneven(
                f"the longest 5 % of the items last over {high:.1f} s and the shortest 5 % under {low:.2f} s; allowed: "
                f"up to {config.length_ratio:g} times as long",
                "nothing, if the recordings to be recognised are as mixed; else add of the rarer lengths",
            )
        )
    return found


def _uneven(reason: str, action: str) -> Finding:
    return Finding(path=None, code="imbalance", severity="dataset", reason=reason, action=action)
