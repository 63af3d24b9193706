"""The report of the study: `docs/studies/temporal.md` with its plots, made from the cells in `temporal.json`."""

from __future__ import annotations

from typing import Final

from tuning.studies.archive import Run
from tuning.studies.intervals import corpus_wer, paired_difference
from tuning.studies.report import StudyReport
from tuning.studies.tables import Claim, by_arm, errors_of, mean, points
from tuning.studies.temporal.arms import CONSTANT, DESCRIPTIONS, FAST, LEARNED, SHUFFLED

MARGIN: Final = 0.05
"""Non-inferiority margin on clean recordings, as a share of the WER of constant gates; fixed before the study."""
_HARD: Final = ("silence", "noise", "change")
_STATIC: Final = tuple(f"static/{name}" for name in _HARD)
_CLEAN: Final = ("clean",)
_INTRODUCTION: Final = """\
# Ranks that follow the audio: fewer errors in silence, noise and changes of the speaker?

Written by `make study-temporal`; every figure in it was measured by that command. Its cells are in
[temporal.json](temporal.json), from which `make study-temporal REPORT=1` writes this page again. The method is in
[ADR 53](../adr/0053-gates-follow-the-audio.md), the arms in `tuning/studies/temporal/arms.py`, the mixes in
`tuning/studies/temporal/mixes.py`.

**Protocol.** Training and test data are mixes of recordings, as many of each kind: as they are (clean); between 0.3 and 1 s of
a quiet microphone on each side (silence); inside an environmental sound that begins before and ends after them, at 0 to 15 dB
SNR (noise); two or three recordings, each of another speaker than the one before (change). In each seed half of the speakers
are trained on and the other half are tested on, each half in turn; sounds of training, dev and test are disjoint. Features come
from silero-vad with its errors. A seed also draws the mixes, the first weights and the order of the data, the same for every
arm. On dev, which no test takes, the learning rate of each arm is tuned first, then the gates' learning rate as a multiple of
it (for learned, constant and shuffled gates; the other baselines keep 1): four points, and more while the best is at an end.
They are frozen, and each seed is tested once.

Primary endpoint: WER on silence, noise and change together. Secondary: words inserted per minute without speech. Guard: WER on
clean recordings, not worse than with constant gates by more than 5 % of it. Intervals are 95 %, hierarchical paired bootstrap
(seeds, then speakers, 10,000 draws) of the difference of corpus WER; p values of the claims are adjusted by Holm. "Better"
means that the interval lies below zero. The exported form is the adapter without its gates, as plain peft loads it. With fewer
than three seeds no interval is shown. WER is that of an arm's own seeds, a difference that of the common ones. Other work shared
the machine: seconds compare roughly.
"""


class GateReport(StudyReport):
    """Gates that follow the audio against constant ones and against those of other frames."""

    introduction = _INTRODUCTION
    ours, controls, sets = LEARNED, (CONSTANT, SHUFFLED), _HARD
    endpoint = "WER on mixes of unheard speakers"
    claimed_on = "mixes: "
    proven = "`learned` gates beat constant gates and their shuffled control on the mixes."
    default = "`qlora` stays the default method."

    def setting(self, run: Run) -> str:
        """What was trained, on what, and for how long."""
        setting = run.setting
        noise = f"sounds of `{setting['sounds']}`" if setting["sounds"] else "pink noise"
        return (
            f"`temporal` (NF4) on `{setting['model']}`, recordings `{setting['data']}` of {', '.join(setting['speakers'])}, "
            f"{noise}: {setting['per_mix']} training mixes and {setting['test_per_mix']} test mixes of each kind, "
            f"{setting['steps']} steps of {setting['batch_s']:g} s."
        )

    def guards(self, run: Run) -> list[Claim]:
        """Whether clean recordings are not worse by more than the margin; nothing before both arms were measured."""
        tests = by_arm(run.plan, run.cells)
        if LEARNED not in tests or CONSTANT not in tests:
            return []
        ours, theirs = (errors_of(tests[name], _CLEAN) for name in (LEARNED, CONSTANT))
        found = paired_difference(ours, theirs, margin=MARGIN)
        text = f"clean (guard): `{LEARNED}` is not worse than `{CONSTANT}` by more than {MARGIN:.0%}"
        return [Claim(text, found, found.high < 0)]

    def notes(self, run: Run) -> list[str]:
        """How to read the guard, and what gates do that move more than dev wants."""
        guard = f"For the guard the difference is WER less {1 + MARGIN:g} times that of constant gates."
        return [guard, "", *_fast(run)]

    def arms(self, run: Run) -> list[str]:
        """Errors of each arm with gates and without, inserted words, errors on clean recordings."""
        tests = by_arm(run.plan, run.cells)
        lines = [
            "| arm | gates | seeds | WER on mixes | `learned` less this | exported form | exported less gated | words inserted "
            "per minute | exported | clean WER |",
            "| --- " * 10 + "|",
        ]
        for name, own in tests.items():
            errors, static = errors_of(own, _HARD), errors_of(own, _STATIC)
            less = ""
            if LEARNED in tests and name != LEARNED:
                less = points(paired_difference(errors_of(tests[LEARNED], _HARD), errors))
            lines.append(
                f"| {name} | {DESCRIPTIONS[name]} | {len(own)} | {corpus_wer(errors):.1%} | {less} | "
                f"{corpus_wer(static):.1%} | {points(paired_difference(static, errors))} | "
                f"{_per_minute(run, name, 'inserted_words'):.1f} | {_per_minute(run, name, 'static_inserted_words'):.1f} | "
                f"{corpus_wer(errors_of(own, _CLEAN)):.1%} |"
            )
        return lines

    def costs(self, run: Run) -> list[str]:
        """Errors by kind of mix, movement of the gates, parameters and seconds."""
        lines = [
            "| arm | silence | noise | change | effective rank in speech, outside | trained parameters | training s |",
            "| --- " * 7 + "|",
        ]
        for name, own in by_arm(run.plan, run.cells).items():
            kinds = " | ".join(f"{corpus_wer(errors_of(own, (kind,))):.1%}" for kind in _HARD)
            moved = ""
            if any("rank_in_speech" in cell.figures for cell in own):
                moved = f"{mean(own, 'rank_in_speech'):.2f}, {mean(own, 'rank_outside'):.2f}"
            lines.append(
                f"| {name} | {kinds} | {moved} | {mean(own, 'trainable_parameters'):,.0f} | {mean(own, 'training_s'):.0f} |"
            )
        return ["**By kind of mix, and what it cost.** WER with gates.", "", *lines, ""]


def _fast(run: Run) -> list[str]:
    """What gates do that move more than dev wants; nothing if that was not measured."""
    tests = by_arm(run.plan, run.cells)
    fast, control = FAST
    if fast not in tests:
        return []
    ours = errors_of(tests[fast], _HARD)
    told = [
        f"less `{name}` {points(paired_difference(ours, errors_of(tests[name], _HARD)))}"
        for name in (control, CONSTANT)
        if name in tests
    ]
    return [f"Gates that learn faster, whatever dev prefers: WER of `{fast}` on mixes {', '.join(told)}.", ""]


def _per_minute(run: Run, name: str, figure: str) -> float:
    own = by_arm(run.plan, run.cells)[name]
    return 60 * sum(cell.figures[figure] for cell in own) / sum(cell.figures["non_speech_s"] for cell in own)
