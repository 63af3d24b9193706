"""The validation of a dataset as a whole, collected during ingestion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from engine.data.example import AnyExample
from engine.data.limits import IngestLimits
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
from engine.data.targets import TEXT, TargetKind, written
from engine.data.validation.config import ValidationConfig
from engine.data.validation.examine import Doubt, Examined, Recording
from engine.data.validation.imbalance import imbalances
from engine.data.validation.leakage import Leakage
from engine.data.validation.outliers import Outliers
from engine.data.validation.statistics import sound_spreads, speech_spreads
from engine.data.validation.target_checks import DATASET_CHECKS
from engine.errors import ItemError
from engine.metrics.text import normalize_basic
from engine.scripts import is_unspaced

_EXAMPLES = 1_000  # texts that are kept, to name the most frequent
_LONG_TEXT_WORDS = 6  # a speaker seldom says this many words twice
_MANY_SET_ASIDE = 0.05
_ADVISED: tuple[WarningCode, ...] = (
    "wrong_rate",
    "unusual_rate",
    "possible_personal_data",
    "question_mark_in_word",
    "noisy",
)


class Summary:
    """Findings and statistics of one ingestion."""

    def __init__(self, config: ValidationConfig, limits: IngestLimits, target: TargetKind = TEXT) -> None:
        self._config = config
        self._target = target
        self._kept = 0
        self._targets = DATASET_CHECKS[target.type](config)
        self._contradictions: list[str] = []
        self._findings: list[Finding] = []
        self._besides: list[Finding] = []
        self._spreads = (speech_spreads if target.is_speech else sound_spreads)(limits.max_item_s)
        self._leakage = Leakage(target.group)
        self._outliers = Outliers(config)
        self._speakers: Counter[str] = Counter()
        self._without_speaker = 0
        self._rates_hz: Counter[int] = Counter()
        self._texts: Counter[int] = Counter()
        self._examples: dict[int, str] = {}
        self._said: set[int] = set()
        self._long_texts = 0

    def add_besides(self, finding: Finding) -> None:
        """Record a further fault of an item that is rejected for another one."""
        self._besides.append(finding)

    def add_overruled(self, path: str, overruled: Sequence[ItemError]) -> None:
        """Record faults of an item that a decision accepts."""
        for fault in overruled:
            self._besides.append(rejecting(path, fault, "overruled"))

    def redo_splits(self, final: Iterable[AnyExample], *, are_groups_judged: bool) -> None:
        """Recount groups, targets and splits after the dataset was divided."""
        self._leakage = Leakage(self._target.group)
        self._targets = DATASET_CHECKS[self._target.type](self._config)
        for example in final:
            self._targets.add(example)
            if are_groups_judged:
                self._leakage.add(example.group, example.split)

    def add_contradiction(self, path: str, text: str, earlier_path: str, earlier_text: str) -> None:
        """Record a copy of an earlier recording that has another label."""
        self._contradictions.append(f"{path} ({text!r}) and {earlier_path} ({earlier_text!r})")

    def add_doubts(self, path: str, doubts: Sequence[Doubt]) -> None:
        """Record doubts about an item, whether it is kept or not."""
        for code, reason in doubts:
            self._warn(path, code, reason)

    def add(self, number: int, path: str, example: AnyExample, examined: Examined, recording: Recording) -> None:
        """Record an item of the dataset.

        Args:
            number: of the item in the source.
            path: of the item in the source.
            example: as in the manifest.
            examined: result of its examination.
            recording: its recording.
        """
        self.add_doubts(path, examined.doubts)
        self.add_overruled(path, examined.overruled)
        self._kept += 1
        self._spreads["duration"].add(example.input.duration_s)
        self._spreads["level"].add(recording.levels.speech_dbfs)
        self._leakage.add(example.group, example.split)
        self._outliers.add(number, recording, example.group)
        self._rates_hz[recording.info.rate_hz] += 1
        self._targets.add(example)
        if example.group is None:
            self._without_speaker += 1
        else:
            self._speakers[example.group] += 1
        if self._target.is_speech:
            self._add_speech(path, written(example.target), example.group, recording)

    def _add_speech(self, path: str, text: str, speaker: str | None, recording: Recording) -> None:
        """Record a transcript against its recording and its speaker."""
        levels = recording.levels
        # Without blanks between words, these cannot be counted; two characters are about one word.
        has_words = not is_unspaced(text)
        words = len(text.split()) if has_words else sum(map(str.isalnum, text)) // 2
        self._spreads["snr"].add(levels.snr_db)
        if levels.sound_s > 0:
            if has_words:
                self._spreads["words"].add(words / levels.sound_s)
            self._spreads["syllables"].add(recording.syllables / levels.sound_s)
        self._long_texts += len(text.encode()) > self._config.small_model_bytes
        said = normalize_basic(text)
        digest = hash(said)
        self._texts[digest] += 1
        if len(self._examples) < _EXAMPLES:
            self._examples.setdefault(digest, text[:60])
        if words >= _LONG_TEXT_WORDS and speaker is not None:
            by_speaker = hash((speaker, said))
            if by_speaker in self._said:
                count = f"{words} words" if has_words else f"{len(said)} characters"
                reason = f"speaker {speaker} says the same {count} in an earlier item"
                self._warn(path, "repeated_text", reason)
            self._said.add(by_speaker)

    def report(
        self, set_aside: Sequence[SetAside], path_of: Callable[[int], str], ignored: Sequence[str] = ()
    ) -> ValidationReport:
        """All findings.

        Args:
            set_aside: rejected items.
            path_of: the path of an item by its number.
            ignored: columns of the metadata that were not read.
        """
        for number, code, reason in self._outliers.find():
            self._warn(path_of(number), code, reason)
        kept = self._kept
        findings = [
            Finding(path=item.path, code=item.code, severity="set_aside", reason=item.reason, action=item.action)
            for item in set_aside
        ]
        of_items = sorted(
            [*findings, *self._besides, *self._findings], key=lambda found: (found.path or "", found.code, found.reason)
        )
        histograms = [spread.histogram() for spread in self._spreads.values()]
        of_dataset = [
            *self._leakage.findings(),
            *self._targets.findings(),
            *imbalances(
                self._speakers, self._kept, self._texts, self._examples, histograms[0], self._config, self._target
            ),
            *self._about_the_whole(kept, len(set_aside), ignored),
        ]
        everything = of_dataset + of_items
        by_code: Counter[str] = Counter(finding.code for finding in everything if finding.severity != "overruled")
        overruled: Counter[str] = Counter(finding.code for finding in everything if finding.severity == "overruled")
        return ValidationReport(
            findings=everything,
            findings_by_code={code: by_code[code] for code in sorted(by_code)},
            overruled_by_code={code: overruled[code] for code in sorted(overruled)},
            histograms=histograms,
            recommendations=_recommendations(set_aside, of_dataset, by_code, kept),
        )

    def _warn(self, path: str, code: WarningCode, reason: str) -> None:
        self._findings.append(
            Finding(path=path, code=code, severity="warning", reason=displayed(reason), action=ADVICE[code])
        )

    def _about_the_whole(self, kept: int, set_aside: int, ignored: Sequence[str]) -> list[Finding]:
        found: list[Finding] = []

        def tell(code: DatasetCode, reason: str, action: str) -> None:
            found.append(Finding(path=None, code=code, severity="dataset", reason=reason, action=action))

        if len(self._rates_hz) > 1:
            rates = ", ".join(f"{rate} Hz ({count})" for rate, count in self._rates_hz.most_common())
            tell(
                "mixed_rates",
                f"the recordings have several sample rates: {rates}; usual: one",
                "check that each file says its true rate; all of them are brought to 16 kHz",
            )
        if self._contradictions:
            tell(
                "contradicting_labels",
                f"{len(self._contradictions)} recordings are copies of others with another label: "
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
        if self._long_texts:
            tell(
                "long_texts",
                f"{self._long_texts} texts have more than {self._config.small_model_bytes} bytes, which is more than the "
                "smallest models take (whisper-pico: 124 tokens of one byte)",
                "choose another base model, or cut these recordings",
            )
        if set_aside > _MANY_SET_ASIDE * (kept + set_aside):
            tell(
                "many_set_aside",
                f"{set_aside} of {kept + set_aside} items were rejected; usual: up to {100 * _MANY_SET_ASIDE:g} %",
                "look at the most frequent reasons: often one cause is behind many of them",
            )
        return found


def rejecting(path: str, fault: ItemError, severity: Severity) -> Finding:
    """A fault of an item as a finding."""
    code = next(code for code in CODES if code == fault.code)
    return Finding(
        path=displayed(path), code=code, severity=severity, reason=displayed(fault.reason), action=ACTIONS[code]
    )


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
