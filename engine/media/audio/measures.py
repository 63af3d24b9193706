"""What shows only in all recordings of a dataset together: lengths, levels, sample rates, and what is said how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from engine.data.example import AnyExample
from engine.data.report import Finding, Histogram, WarningCode
from engine.data.targets import TargetKind, written
from engine.data.validation.config import ValidationConfig
from engine.data.validation.examine import Recording
from engine.data.validation.imbalance import imbalances
from engine.data.validation.outliers import Outliers
from engine.data.validation.statistics import sound_spreads, speech_spreads
from engine.metrics.text import normalize_basic
from engine.scripts import is_unspaced

_EXAMPLES = 1_000  # texts that are kept, to name the most frequent
_LONG_TEXT_WORDS = 6  # a speaker seldom says this many words twice


class RecordingMeasures:
    """Measures of the good recordings."""

    def __init__(self, config: ValidationConfig, target: TargetKind, longest_s: float) -> None:
        """Start empty.

        Args:
            config: thresholds.
            target: what the recordings are given with.
            longest_s: longest allowed recording, in seconds.
        """
        self._config = config
        self._target = target
        self._spreads = (speech_spreads if target.is_speech else sound_spreads)(longest_s)
        self._outliers = Outliers(config)
        self._paths: dict[int, str] = {}
        self._rates_hz: Counter[int] = Counter()
        self._texts: Counter[int] = Counter()
        self._examples: dict[int, str] = {}
        self._said: set[int] = set()
        self._repeated: list[tuple[str, str]] = []
        self._long_texts = 0

    def add(self, number: int, path: str, example: AnyExample, content: Recording) -> None:
        """Record an item of the dataset."""
        self._paths[number] = path
        self._spreads["duration"].add(example.input.duration_s)
        self._spreads["level"].add(content.levels.speech_dbfs)
        self._outliers.add(number, content, example.group)
        self._rates_hz[content.info.rate_hz] += 1
        if self._target.is_speech:
            self._add_speech(path, written(example.target), example.group, content)

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
                self._repeated.append((path, f"speaker {speaker} says the same {count} in an earlier item"))
            self._said.add(by_speaker)

    def doubts(self) -> Iterator[tuple[str, WarningCode, str]]:
        """Texts that a speaker says twice, and recordings unlike the rest."""
        for path, reason in self._repeated:
            yield path, "repeated_text", reason
        for number, code, reason in self._outliers.find():
            yield self._paths[number], code, reason

    def about_inputs(self, groups: Mapping[str, int], items: int) -> list[Finding]:
        """Uneven shares, and several sample rates."""
        lengths = self._spreads["duration"].histogram()
        found = imbalances(groups, items, self._texts, self._examples, lengths, self._config, self._target)
        if len(self._rates_hz) > 1:
            rates = ", ".join(f"{rate} Hz ({count})" for rate, count in self._rates_hz.most_common())
            found.append(
                Finding(
                    path=None,
                    code="mixed_rates",
                    severity="dataset",
                    reason=f"the recordings have several sample rates: {rates}; usual: one",
                    action="check that each file says its true rate; all of them are brought to 16 kHz",
                )
            )
        return found

    def about_targets(self) -> list[Finding]:
        """Transcripts that are too long for small models."""
        if not self._long_texts:
            return []
        return [
            Finding(
                path=None,
                code="long_texts",
                severity="dataset",
                reason=f"{self._long_texts} texts have more than {self._config.small_model_bytes} bytes, which is more "
                "than the smallest models take (whisper-pico: 124 tokens of one byte)",
                action="choose another base model, or cut these recordings",
            )
        ]

    def histograms(self) -> list[Histogram]:
        """Duration and level; of speech, signal to noise and rate too."""
        return [spread.histogram() for spread in self._spreads.values()]
