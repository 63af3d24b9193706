"""The report of the study: `docs/studies/allocation.md` with its plots, made from the cells in `allocation.json`."""

from __future__ import annotations

from typing import Final

from tuning.studies.allocation.arms import DESCRIPTIONS, SHUFFLED, SKETCH, UNIFORM
from tuning.studies.archive import Run
from tuning.studies.intervals import corpus_wer, paired_difference
from tuning.studies.report import StudyReport
from tuning.studies.tables import by_arm, errors_of, mean, points

_TEST: Final = ("test",)
_INTRODUCTION: Final = """\
# Rank allocation: does a sketch of the gradient know where ranks belong?

Written by `make study-allocation`; every figure in it was measured by that command. Its cells are in
[allocation.json](allocation.json), from which `make study-allocation REPORT=1` writes this page again. The method is in
[ADR 52](../adr/0052-ranks-are-allocated-before-training.md), the arms in `tuning/studies/allocation/arms.py`.

**Protocol.** In each seed half of the speakers are trained on and the other half are tested on, each half in turn. A seed
also draws the first weights and the order of the data, the same for every arm. Every arm has about the trained parameters of
`uniform`, and alpha / rank = 2 everywhere. The learning rate of each arm is tuned on dev recordings, which no test takes: four
points, and more while the best is at an end. So `sketch` and `uniform` have equal trials. It is frozen, and each seed is
tested once. Intervals are 95 %, hierarchical paired bootstrap (seeds, then speakers, 10,000 draws) of the difference of corpus
WER; p values of the claims are adjusted by Holm. "Better" means that the interval lies below zero.
With fewer than three seeds no interval is shown. WER is that of an arm's own seeds, a difference that of the common ones. Other
work shared the machine: seconds compare roughly. EVA and AdaLoRA count ranks, not parameters, so that theirs differ a little;
`adalora-target` trains half as many again before it removes them.
"""


class RankReport(StudyReport):
    """Ranks by a sketch against the same rank everywhere and against the same ranks elsewhere."""

    introduction = _INTRODUCTION
    ours, controls, sets = SKETCH, (UNIFORM, *SHUFFLED), _TEST
    endpoint = "WER on unheard speakers"
    proven = "`sketch` beats `uniform` and its shuffled controls."
    default = "`uniform` stays the default."

    def setting(self, run: Run) -> str:
        """What was trained, on what, and for how long."""
        setting = run.setting
        return (
            f"QLoRA (NF4) on `{setting['model']}`, recordings `{setting['data']}` of {', '.join(setting['speakers'])}: "
            f"{setting['per_speaker']} of each training speaker, up to {setting['test_per_speaker']} of each test speaker, "
            f"{setting['steps']} steps of {setting['batch_s']:g} s. The sketch is measured on {setting['examples']} training "
            "recordings."
        )

    def arms(self, run: Run) -> list[str]:
        """Ranks, errors, parameters and seconds of each arm."""
        tests = by_arm(run.plan, run.cells)
        lines = [
            "| arm | ranks | seeds | WER | less `uniform` | less `sketch` | trained parameters (at their peak) | mean rank: encoder, fusion, "
            "decoder | training s | sketch s |",
            "| --- " * 10 + "|",
        ]
        for name, own in tests.items():
            errors = errors_of(own, _TEST)
            less = []
            for other in (UNIFORM, SKETCH):
                shared = other in tests and other != name and {c.seed for c in tests[other]} & errors.keys()
                less.append(points(paired_difference(errors, errors_of(tests[other], _TEST))) if shared else "")
            lines.append(
                f"| {name} | {DESCRIPTIONS[name]} | {len(own)} | {corpus_wer(errors):.1%} | {less[0]} | {less[1]} | "
                f"{mean(own, 'trainable_parameters'):,.0f} | {_ranks(run, name)} | {mean(own, 'training_s'):.0f} | "
                f"{mean(own, 'sketch_s'):.0f} |"
            )
        return lines


def _ranks(run: Run, name: str) -> str:
    own = [cell.ranks for cell in by_arm(run.plan, run.cells)[name] if cell.ranks]
    if not own:
        return ""
    parts = ("audio_encoder", "fusion", "text_decoder")
    return ", ".join(f"{sum(ranks[part] for ranks in own) / len(own):.1f}" for part in parts if part in own[0])
