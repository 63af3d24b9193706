"""The validation of a dataset as a whole, collected during ingestion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Generic

from engine.data.example import AnyExample
from engine.data.report import (
    ACTIONS,
    ADVICE,
    CODES,
    DatasetCode,
    Finding,
    SetAside,
    Severity,
    ValidationReport,
    WarningCode,
    named,
)
from engine.data.source import displayed
from engine.data.targets import TargetKind
from engine.data.validation.config import ValidationConfig
from engine.data.validation.leakage import Leakage
from engine.data.validation.target_checks import DATASET_CHECKS
from engine.errors import ItemError
from engine.media.contract import ContentT, Doubt, Examined, Measures, Medium

_MANY_SET_ASIDE = 0.05
_ADVISED: tuple[WarningCode, ...] = (
    "wrong_rate",
    "unusual_rate",
    "possible_personal_data",
    "question_mark_in_word",
    "noisy",
)


class Summary(Generic[ContentT]):
    """Findings and statistics of one ingestion."""

    def __init__(
        self, config: ValidationConfig, target: TargetKind, medium: Medium[Any], measures: Measures[ContentT]
    ) -> None:
        """Start empty.

        Args:
            config: thresholds.
            target: what the items are given with.
            medium: kind of the inputs.
            measures: what it sees in all inputs together.
        """
        self._config = config
        self._measures = measures
        self._target = target
        self._medium = medium
        self._kept = 0
        self._targets = DATASET_CHECKS[target.type](config)
        self._contradictions: list[str] = []
        self._findings: list[Finding] = []
        self._besides: list[Finding] = []
        self._leakage = Leakage(target.group)
        self._speakers: Counter[str] = Counter()

    def add_besides(self, path: str, fault: ItemError) -> None:
        """Record a further fault of an item that is rejected for another one."""
        self._besides.append(self._fault(path, fault, "set_aside"))

    def add_overruled(self, path: str, overruled: Sequence[ItemError]) -> None:
        """Record faults of an item that a decision accepts."""
        for fault in overruled:
            self._besides.append(self._fault(path, fault, "overruled"))

    def redo_splits(self, final: Iterable[AnyExample], *, are_groups_judged: bool) -> None:
        """Recount groups, targets and splits after the dataset was divided."""
        self._leakage = Leakage(self._target.group)
        self._targets = DATASET_CHECKS[self._target.type](self._config)
        for example in final:
            self._targets.add(example)
            if are_groups_judged:
                self._leakage.add(example.group, example.split)

    def add_contradiction(self, path: str, text: str, earlier_path: str, earlier_text: str) -> None:
        """Record a copy of an earlier item that has another label."""
        self._contradictions.append(f"{path} ({text!r}) and {earlier_path} ({earlier_text!r})")

    def add_doubts(self, path: str, doubts: Sequence[Doubt]) -> None:
        """Record doubts about an item, whether it is kept or not."""
        for code, reason in doubts:
            self._warn(path, code, reason)

    def add(self, number: int, path: str, example: AnyExample, examined: Examined[ContentT], content: ContentT) -> None:
        """Record an item of the dataset.

        Args:
            number: of the item in the source.
            path: of the item in the source.
            example: as in the manifest.
            examined: result of its examination.
            content: what was read of it.
        """
        self.add_doubts(path, examined.doubts)
        self.add_overruled(path, examined.overruled)
        self._kept += 1
        self._leakage.add(example.group, example.split)
        self._measures.add(number, path, example, content)
        self._targets.add(example)
        if example.group is not None:
            self._speakers[example.group] += 1

    def report(self, set_aside: Sequence[SetAside], ignored: Sequence[str] = ()) -> ValidationReport:
        """All findings.

        Args:
            set_aside: rejected items.
            ignored: columns of the metadata that were not read.
        """
        for path, code, reason in self._measures.doubts():
            self._warn(path, code, reason)
        kept = self._kept
        findings = [
            Finding(path=item.path, code=item.code, severity="set_aside", reason=item.reason, action=item.action)
            for item in set_aside
        ]
        of_items = sorted(
            [*findings, *self._besides, *self._findings], key=lambda found: (found.path or "", found.code, found.reason)
        )
        of_dataset = [
            *self._leakage.findings(),
            *self._targets.findings(),
            *self._measures.about_inputs(self._speakers, kept),
            *self._about_the_whole(kept, len(set_aside), ignored),
        ]
        everything = of_dataset + of_items
        by_code: Counter[str] = Counter(finding.code for finding in everything if finding.severity != "overruled")
        overruled: Counter[str] = Counter(finding.code for finding in everything if finding.severity == "overruled")
        return ValidationReport(
            findings=everything,
            findings_by_code={code: by_code[code] for code in sorted(by_code)},
            overruled_by_code={code: overruled[code] for code in sorted(overruled)},
            histograms=self._measures.histograms(),
            recommendations=_recommendations(set_aside, of_dataset, by_code, kept),
        )

    def _fault(self, path: str, fault: ItemError, severity: Severity) -> Finding:
        code = next(code for code in CODES if code == fault.code)
        action = self._medium.actions.get(code, ACTIONS[code])
        return Finding(
            path=displayed(path), code=code, severity=severity, reason=displayed(fault.reason), action=action
        )

    def _warn(self, path: str, code: WarningCode, reason: str) -> None:
        self._findings.append(
            Finding(path=path, code=code, severity="warning", reason=displayed(reason), action=ADVICE[code])
        )

    def _about_the_whole(self, kept: int, set_aside: int, ignored: Sequence[str]) -> list[Finding]:
        found: list[Finding] = []

        def tell(code: DatasetCode, reason: str, action: str) -> None:
            found.append(Finding(path=None, code=code, severity="dataset", reason=reason, action=action))

        if self._contradictions:
            tell(
                "contradicting_labels",
                f"{len(self._contradictions)} {self._medium.noun}s are copies of others with another label: "
                f"{named(self._contradictions, 5)}; the first of each pair was kept",
                "find out which label is right, and correct or remove the other row",
            )
        if not self._target.is_speech:
            if kept and not self._speakers:
                tell(
                    "no_groups",
                    f"none of {kept} items names its group: the speaker, the source of the clip, the place",
                    "name it (a column group or speaker) if several items come from one source: else parts of it are in "
                    "training and in test",
                )
        elif kept and not self._speakers:
            tell(
                "no_speakers",
                f"no column that was read names the speaker of any of {kept} items; not read: {named(ignored)}"
                if ignored
                else f"none of {kept} items names its speaker",
                "name them (a column speaker): else the same voice is in training and in test",
            )
        elif 0 < len(self._speakers) < self._config.fewest_speakers:
            tell(
                "few_speakers",
                f"found {len(self._speakers)} speakers; good are {self._config.fewest_speakers} and more",
                "add speakers: with few voices, the test cannot show how well new ones are recognized",
            )
        found += self._measures.about_targets()
        if set_aside > _MANY_SET_ASIDE * (kept + set_aside):
            tell(
                "many_set_aside",
                f"{set_aside} of {kept + set_aside} items were rejected; usual: up to {100 * _MANY_SET_ASIDE:g} %",
                "look at the most frequent reasons: often one cause is behind many of them",
            )
        return found


def _recommendations(
    set_aside: Sequence[SetAside], of_dataset: Sequence[Finding], by_code: Counter[str], kept: int
) -> list[str]:
    advice = []
    frequent = Counter(item.code for item in set_aside)
    actions = {item.code: item.action for item in set_aside}
    for code, count in frequent.most_common(5):
        advice.append(f"{count} items were rejected as {code.replace('_', ' ')}: {actions[code]}.")
    advice += [f"{finding.reason[0].upper()}{finding.reason[1:]}: {finding.action}." for finding in of_dataset]
    for warning in _ADVISED:
        if by_code[warning]:
            shown = warning.replace("_", " ")
            advice.append(f"{by_code[warning]} items are kept with the warning {shown}: {ADVICE[warning]}.")
    if kept and not advice:
        advice.append("Nothing: every item is good.")
    return advice
