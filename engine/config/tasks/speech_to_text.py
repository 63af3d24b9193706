"""The config of speech to text."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field

from engine.config.tasks.base import TaskFields
from engine.config.tasks.decoding import CtcDecodingConfig
from engine.data.example import TargetType
from engine.errors import Fault

Normalizer = Literal["basic", "none", "english"]
"""Text normalisations before errors are counted."""
DETECTED: Final = "auto"
"""Value of `language` that requests language detection."""


class SpeechToTextConfig(TaskFields):
    """Write down what is said."""

    targets: ClassVar[tuple[TargetType, ...]] = ("text",)
    metrics: ClassVar[tuple[str, ...]] = ("wer", "cer")
    pipeline: ClassVar[str] = "automatic-speech-recognition"
    code: ClassVar[str] = "engine.tasks.speech_to_text:SpeechToText"

    type: Literal["speech_to_text"] = "speech_to_text"
    language: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Spoken language, for multilingual models: a code or a name, such as `sw` or `swahili`. Unset or `auto`: detected in
    the training audio. The run's log and card name it. Models of one language do not accept one."""
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Longest transcript, in tokens; unset: as long as the model can write."""
    fallback: bool = False
    """Retry transcripts that repeat themselves or are improbable, at rising temperatures, as OpenAI's tool does; only
    in full context. Off: greedy search, as in plain transformers and papers."""
    normalizer: Normalizer = "basic"
    """Text normalisation before WER and CER. `basic`: letters, marks and numbers of every script, without case and
    punctuation. `english`: Whisper's own for English, for comparison with papers; it also writes numbers as digits,
    expands contractions and titles, and changes British spellings if the model has its `normalizer.json`. `none`:
    texts unchanged."""
    decoding: CtcDecodingConfig = CtcDecodingConfig()
    """How the output of a CTC model becomes text; other models have a search of their own."""

    def as_trained(self, trained: Self) -> Self:
        """These settings with the language that was trained."""
        return self.model_copy(update={"language": trained.language})

    def local_paths(self) -> list[Fault]:
        """The n-gram model is a file."""
        if self.decoding.language_model is None:
            return []
        message = "names a file of the server; a language model can be used by `lim train` and `ray job submit`, where the file is"
        return [Fault("task.decoding.language_model", message)]

    @property
    def text_language(self) -> str | None:
        """The spoken language."""
        return self.language
