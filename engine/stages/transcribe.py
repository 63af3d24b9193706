"""The transcription stage: audio files and a model or an adapter in, text out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from engine.adapters import loading
from engine.adapters.settings import EARLIER_LANGUAGE, base_of, read_settings, read_space
from engine.audio.features import RATE_HZ
from engine.audio.reading import Heard, Wave, hear
from engine.config.context import FullContextConfig, ShortContextConfig
from engine.config.methods.whole import FullConfig
from engine.config.tasks.speech_to_text import DETECTED, SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.data.batching import evaluation_batches
from engine.data.endings import AUDIO_ENDINGS, OTHER_AUDIO_ENDINGS, ending
from engine.data.limits import IngestLimits
from engine.data.validation.levels import loudest_dbfs
from engine.errors import AudioError, ModelError
from engine.families.binding import bind
from engine.families.contract import DecidesByData, Decision, DetectsLanguages, TargetSpace, Transcribes, Translates
from engine.families.whisper.speech import SpeechTask
from engine.models.catalogue import reference_to
from engine.models.reference import ModelReference

_BATCH_AUDIO_S: Final = 60.0
_READ_AUDIO_S: Final = 600.0
"""Seconds of audio read ahead; recordings of similar padded length among them are batched together."""
_QUIET_S: Final = 0.2
"""Length in seconds of the quiet span in whose middle a recording is cut."""
_REPEATS: Final = "the text repeats itself: the model did not follow the audio"
_DEFAULT_MODEL: Final = "whisper-pico"


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript of a file."""

    path: Path
    text: str
    audio_s: float
    language: str | None = None
    """Language token of a multilingual model; None for a model of one language."""
    fault: str | None = None
    """Why the file could not be transcribed; the text is then empty."""
    doubt: str | None = None
    """Reasons to doubt the text."""
    odd: tuple[str, ...] = ()
    """Oddities of the audio."""


def recordings_in(paths: Iterable[Path]) -> list[Path]:
    """The given files, and the recordings in the given folders, sorted by name.

    Raises:
        AudioError: a folder has no recordings.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = [
            file
            for file in sorted(path.rglob("*"))
            if ending(file.name) in AUDIO_ENDINGS | OTHER_AUDIO_ENDINGS
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        if not inside:
            raise AudioError(f"the folder {path} holds no recordings; they are found by their endings, such as .wav")
        found += inside
    return found


class Transcriber:
    """A loaded model with its audio context and language."""

    def __init__(
        self,
        *,
        model: str | ModelReference | None = None,
        adapter: Path | None = None,
        context: Literal["short", "full"] | None = None,
        language: str | None = None,
        task: SpeechTask = "transcribe",
        fallback: bool = False,
    ) -> None:
        """Load a model.

        Args:
            model: base model, or a fully fine-tuned one; None uses the adapter's base, or else whisper-pico.
            adapter: folder of an adapter; None transcribes with the model alone, computed in float32.
            context: `short` or `full`; None uses the context that the adapter, or the model, was trained in.
            language: for multilingual models, a code or a name. `auto` detects it in each file; None uses the
                adapter's, else the one in the model's generation config, else detects it.
            task: `translate` writes English.
            fallback: retry transcripts that repeat themselves or are improbable, at rising temperatures.

        Raises:
            ModelError: the adapter names no base, the model cannot be loaded or does not know the language, or model
                and adapter do not fit together.
        """
        settings = read_settings(adapter) if adapter is not None else None
        if model is None:
            model = base_of(adapter) if adapter is not None else reference_to(_DEFAULT_MODEL)
        config = settings or TrainingConfig(method=FullConfig(), precision="float32")
        if context is not None and context != config.context.type:
            config = config.model_copy(
                update={"context": ShortContextConfig() if context == "short" else FullContextConfig()}
            )
        if not isinstance(config.task, SpeechToTextConfig):
            raise ModelError(f"the adapter in {adapter} was trained for {config.task.type}; it transcribes nothing")
        # A limit set for measurements would cut texts; transcripts here are complete.
        told = {"language": language or config.task.language, "max_new_tokens": None, "fallback": fallback}
        config = config.model_copy(update={"task": config.task.model_copy(update=told)})
        bound = bind(model, config, space=read_space(adapter) if adapter is not None else TargetSpace())
        if bound.base.has_new_head and adapter is None:
            raise ModelError(f"the model {bound.reference.id} has no head for speech to text: fine-tune it first")
        learner = bound.learner
        if not isinstance(learner, Transcribes):
            raise ModelError(f"{bound.reference.family} models transcribe datasets only, by an evaluation")
        if task == "translate":
            if not isinstance(learner, Translates):
                raise ModelError(f"{bound.reference.family} models cannot translate")
            learner.translate()
        self.notes = learner.notes
        """Warnings about options that suit the model badly."""
        self.detects: bool = False
        """Whether to detect the language of each file."""
        self._hears: DetectsLanguages | None = None
        if isinstance(learner, DetectsLanguages) and learner.languages:
            self._hears = learner
            asked = bound.config.task_as(SpeechToTextConfig).language
            if asked is None and settings is not None and isinstance(learner, DecidesByData):
                asked = EARLIER_LANGUAGE
                learner.follow(Decision(asked))
            self.detects = asked == DETECTED or (asked is None and learner.own_language is None)
        if adapter is not None:
            loading.load(bound.base, adapter)
        self._learner: Transcribes = learner

    def __call__(self, paths: Iterable[Path]) -> Iterator[Transcript]:
        """Transcribe audio files, each as one utterance; files longer than the model's window are cut at pauses.

        A file that cannot be read yields a transcript with a fault; the other files are transcribed.
        """
        held: list[tuple[Path, Heard | str]] = []
        held_s = 0.0
        for path in paths:
            try:
                heard: Heard | str = hear(path, RATE_HZ)
            except AudioError as error:
                heard = str(error)
            held.append((path, heard))
            held_s += 0.0 if isinstance(heard, str) else len(heard.wave_T) / RATE_HZ
            if held_s >= _READ_AUDIO_S:
                yield from self._transcribed(held)
                held, held_s = [], 0.0
        yield from self._transcribed(held)

    def _transcribed(self, held: Sequence[tuple[Path, Heard | str]]) -> list[Transcript]:
        waves = [np.zeros(0, np.float32) if isinstance(heard, str) else heard.wave_T for _, heard in held]
        pieces = [
            (row, piece) for row, wave_T in enumerate(waves) for piece in pieces_of(wave_T, self._learner.window_s)
        ]
        languages = self._languages(pieces, len(held))
        texts = [""] * len(pieces)
        lengths_s = self._learner.padded_lengths_s([len(piece) / RATE_HZ for _, piece in pieces])
        for batch in evaluation_batches(lengths_s, max(_BATCH_AUDIO_S, self._learner.window_s)):
            spoken = [languages[pieces[index][0]] for index in batch]
            told = [code for code in spoken if code is not None] or None
            for index, text in zip(batch, self._learner.transcribe([pieces[i][1] for i in batch], told), strict=True):
                texts[index] = text
        transcripts = []
        for row, (path, heard) in enumerate(held):
            parts = [text for (owner, _), text in zip(pieces, texts, strict=True) if owner == row and text]
            doubt = None if all(map(self._learner.follows_audio, parts)) else _REPEATS
            transcript = Transcript(path, " ".join(parts), len(waves[row]) / RATE_HZ, languages[row], doubt=doubt)
            if isinstance(heard, str):
                transcript = replace(transcript, fault=heard, language=None)
            else:
                transcript = replace(
                    transcript, odd=(*(doubt.reason for doubt in heard.doubts), *_silence(heard.wave_T))
                )
            transcripts.append(transcript)
        return transcripts

    def _languages(self, pieces: Sequence[tuple[int, Wave]], files: int) -> list[str | None]:
        """The language of each file: detected in its first piece, or the given one."""
        languages: list[str | None] = [self._hears.language if self._hears else None] * files
        if not self.detects or self._hears is None:
            return languages
        first = dict(reversed(pieces))
        rows = sorted(first)
        lengths_s = self._learner.padded_lengths_s([len(first[row]) / RATE_HZ for row in rows])
        for batch in evaluation_batches(lengths_s, max(_BATCH_AUDIO_S, self._learner.window_s)):
            chosen = [rows[index] for index in batch]
            found = self._hears.detect([first[row] for row in chosen], self._hears.languages)
            for row, language in zip(chosen, found, strict=True):
                languages[row] = language
        return languages


def _silence(wave_T: Wave) -> Iterator[str]:
    level_dbfs = IngestLimits().silence_dbfs
    if not len(wave_T) or loudest_dbfs(wave_T, RATE_HZ) <= level_dbfs:
        yield f"nothing in it is louder than {level_dbfs:g} dB below full scale: if it has a text, the model made that up"


def pieces_of(wave_T: Wave, longest_s: float) -> list[Wave]:
    """Cut a recording into pieces that fit a model, each at the quietest place in its second half.

    Args:
        wave_T: samples at 16 kHz; no sample is lost.
        longest_s: maximum length of a piece in seconds.
    """
    longest, quiet = round(longest_s * RATE_HZ), round(_QUIET_S * RATE_HZ)
    pieces = []
    while len(wave_T) > longest:
        energy_T = np.cumsum(np.square(wave_T[longest // 2 : longest], dtype=np.float64))
        within_T = energy_T[quiet:] - energy_T[:-quiet]
        latest = len(within_T) - 1 - int(np.argmin(within_T[::-1]))  # of several equally quiet ones
        cut = longest // 2 + latest + quiet // 2
        pieces.append(wave_T[:cut])
        wave_T = wave_T[cut:]
    return [*pieces, wave_T] if len(wave_T) else pieces


def transcribe(
    paths: Iterable[Path],
    *,
    model: str | ModelReference | None = None,
    adapter: Path | None = None,
    context: Literal["short", "full"] | None = None,
    language: str | None = None,
    task: SpeechTask = "transcribe",
    on_progress: Callable[[int], None] | None = None,
) -> list[Transcript]:
    """Transcribe audio files.

    Args:
        paths: audio files.
        model: see `Transcriber`, also for the next four arguments.
        adapter: folder of an adapter.
        context: audio context of the encoder.
        language: for multilingual models.
        task: `translate` writes English.
        on_progress: called with the number of finished files.

    Raises:
        ModelError: as `Transcriber`.
        AudioError: a file cannot be read.
    """
    transcripts = []
    transcriber = Transcriber(model=model, adapter=adapter, context=context, language=language, task=task)
    for transcript in transcriber(paths):
        if transcript.fault is not None:
            raise AudioError(transcript.fault)
        transcripts.append(transcript)
        if on_progress is not None:
            on_progress(len(transcripts))
    return transcripts
