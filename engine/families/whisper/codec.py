"""Whisper's tokenizer with the decoder's prefix: start, language, task, no timestamps."""

from __future__ import annotations

import re
from typing import Any

from transformers.models.whisper.tokenization_whisper import LANGUAGES, TO_LANGUAGE_CODE

from engine.errors import ModelError
from engine.families.whisper.languages import find_language
from engine.families.whisper.speech import SpeechTask
from engine.metrics.text import normalize_basic

_MULTILINGUAL_VOCABULARY = 51_865
"""Smallest vocabulary of a multilingual Whisper; source: `is_multilingual` of openai/whisper."""
_ONE_LANGUAGE = "en"
"""Language of Whisper models of one language, and default for multilingual ones whose generation config names none."""


class WhisperCodec:
    """Whisper's tokenizer for one language and task."""

    def __init__(
        self, processor: Any, config: Any, generation: Any, language: str | None, task: SpeechTask = "transcribe"
    ) -> None:
        self._tokenizer = processor.tokenizer
        self.spellings: dict[str, str] = self._tokenizer.english_spelling_normalizer or {}
        self._normalizes = self._tokenizer.init_kwargs.get("text_normalizer") == "basic"
        self.end: int = int(config.eos_token_id)
        self.languages: tuple[str, ...] = ()
        """Codes of languages with a token; empty for a model of one language."""
        self.language: str | None = None
        """The language in the prefix."""
        self.own_language: str | None = None
        """The language in the model's generation config, which models fine-tuned for one language have."""
        self.task: SpeechTask = task
        self.prefix: list[int] = [int(config.decoder_start_token_id)]
        if generation.is_multilingual:
            self.languages = tuple(token.strip("<|>") for token in generation.lang_to_id)
            self.own_language = find_language(
                getattr(generation, "language", None) or "", self.languages, TO_LANGUAGE_CODE
            )
            asked = language or self.own_language or _ONE_LANGUAGE
            self.language = find_language(asked, self.languages, TO_LANGUAGE_CODE)
            if self.language is None:
                known = ", ".join(sorted(self.languages))
                raise ModelError(f"the model knows no language {asked!r}; it knows {known}")
            self.prefix.append(int(generation.lang_to_id[language_token(self.language)]))
            self.prefix.append(int(generation.task_to_id[task]))
        elif language is not None and find_language(language, tuple(LANGUAGES), TO_LANGUAGE_CODE) != _ONE_LANGUAGE:
            raise ModelError(
                f"the model supports only {LANGUAGES[_ONE_LANGUAGE]} and accepts no language: found {language!r}; remove "
                "it, or use a multilingual model"
            )
        elif task != "transcribe":
            raise ModelError(f"the model knows one language and can only transcribe; {task} needs a multilingual one")
        if getattr(generation, "no_timestamps_token_id", None) is not None:
            self.prefix.append(int(generation.no_timestamps_token_id))

    def encode(self, text: str) -> list[int]:
        """Ids of the text alone."""
        if self._normalizes:
            text = normalize_basic(text)
        # The caller checks the length; `verbose` would print a warning about longer texts.
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        return ids

    def decode(self, ids: list[int]) -> str:
        """Text of ids, without special tokens."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text.strip()


def language_token(language: str) -> str:
    """The token of a language in Whisper's vocabulary."""
    return f"<|{language}|>"


def complete_generation(generation: Any, config: Any, tokenizer: Any) -> None:
    """Add languages and tasks to a generation config; models saved by older versions of transformers lack them.

    Without them transformers treats a multilingual model as one without languages.

    Raises:
        ModelError: the vocabulary is multilingual, but has no language tokens.
    """
    if getattr(generation, "is_multilingual", None) is None:
        generation.is_multilingual = config.vocab_size >= _MULTILINGUAL_VOCABULARY
    if not generation.is_multilingual or getattr(generation, "lang_to_id", None):
        return
    vocabulary = tokenizer.get_vocab()
    found = {
        token: index
        for token, index in vocabulary.items()
        if (match := re.fullmatch(r"<\|([a-z]{2,3})\|>", token)) and match[1] in LANGUAGES
    }
    if not found:
        raise ModelError(
            "generation_config.json says that the model is multilingual, but neither it (lang_to_id) nor the tokenizer "
            "has tokens of languages; take both files from the model that it was trained from"
        )
    generation.lang_to_id = dict(sorted(found.items(), key=lambda item: item[1]))
    generation.task_to_id = {task: vocabulary[f"<|{task}|>"] for task in ("transcribe", "translate")}
    if getattr(generation, "no_timestamps_token_id", None) is None:
        generation.no_timestamps_token_id = vocabulary["<|notimestamps|>"]
