"""What a language model reads around a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import ModelError


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ids before and after a recording's positions, and the id that ends an answer."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    end: int
    usage: tuple[str, ...] = ()
    """Lines of Python that make `inputs` of a recording with transformers alone."""

    def ids(self, audio_id: int, positions: int) -> list[int]:
        """The whole prompt for a recording that takes so many positions."""
        return [*self.before, *[audio_id] * positions, *self.after]

    @property
    def text_tokens(self) -> int:
        """Its tokens without the recording's."""
        return len(self.before) + len(self.after)


def encode_plainly(tokenizer: Any, text: str) -> list[int]:
    """Ids of a text in which nothing is a special token, even if it is spelled like one."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    return ids


def token_id(tokenizer: Any, token: str, source: str) -> int:
    """Id of a special token.

    Raises:
        ModelError: the tokenizer lacks it.
    """
    found = tokenizer.get_vocab().get(token)
    if found is None:
        raise ModelError(f"the tokenizer of {source} has no token {token}; take the tokenizer that the model came with")
    return int(found)


def check_plain(tokenizer: Any, prompt: str) -> None:
    """Check that a prompt contains no special token.

    Raises:
        ModelError: names it.
    """
    for token in (str(added) for added in tokenizer.added_tokens_decoder.values()):
        if token in prompt:
            raise ModelError(f"the prompt contains {token!r}, which the model reads as a special token: remove it")
