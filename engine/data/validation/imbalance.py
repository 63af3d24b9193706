"""Detect datasets in which one speaker, one text or one length outweighs the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.data.report import Finding, Histogram
from engine.data.targets import TEXT, TargetKind
from engine.data.validation.config import ValidationConfig

_FEWEST_ITEMS = 20  # below this every dataset is uneven
_REPEATS_OF_A_CLASS = 5  # with this many items per distinct text, the texts are classes


def imbalances(
    speakers: Mapping[str, int],
    items: int,
    texts: Counter[int],
    examples: Mapping[int, str],
    durations: Histogram | None,
    config: ValidationConfig,
    target: TargetKind = TEXT,
) -> list[Finding]:
    """Findings about uneven shares.

    Args:
        speakers: items of each speaker or other group.
        items: number of items.
        texts: items of each text, by its hash; empty for other targets than transcripts.
        examples: a text of each hash, as far as it is kept.
        durations: of the items; None if they take no time.
        config: thresholds.
        target: what the recordings' targets are.
    """
    found = []
    things = "items" if durations is None else "recordings"
    if items < _FEWEST_ITEMS:
        return []
    if len(speakers) > 1:
        name, most = max(speakers.items(), key=lambda pair: (pair[1], pair[0]))
        share = most / sum(speakers.values())
        fair = max(config.speaker_share, 1.5 / len(speakers))
        if share > fair:
            found.append(
                _uneven(
                    f"{target.group} {name} {'says' if target.is_speech else 'has'} {100 * share:.0f} % of the items; allowed: up to "
                    f"{100 * fair:.0f} %",
                    f"add {things} of the other {target.group}s, or leave some of this one out",
                )
            )
    if len(texts) > 1 and items >= _REPEATS_OF_A_CLASS * len(texts):
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
    quantiles = durations.quantiles if durations is not None else {}
    low, high = quantiles.get("p5", 0.0), quantiles.get("p95", 0.0)
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
