"""Qwen2-Audio: one window of audio, of which the decoder reads the positions that hold sound; a chat template.

Legend: W windows of audio, M mel bands, F frames of 10 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from engine.errors import ModelError
from engine.families.audio_llm.prompt import Prompt, check_plain

TRANSCRIBE: Final = "Transcribe the speech."
_ANSWER: Final = "ANSWER"


class Qwen2Audio:
    """How Qwen2-Audio takes audio and text."""

    most_windows: Final = 1
    targets: Final = (
        *("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
        "multi_modal_projector.linear",
        *("o_proj", "gate_proj", "up_proj", "down_proj"),
    )

    def __init__(self, config: Any, processor: Any, source: str) -> None:
        self._audio_id: int = config.audio_token_id
        self._processor, self._tokenizer, self._source = processor, processor.tokenizer, source
        self._window_frames: int = 2 * config.audio_config.max_source_positions

    def positions(self, frames: int, windows: int) -> int:
        """A position for every four frames that hold audio.

        Source: `Qwen2AudioEncoder._get_feat_extract_output_lengths`: a convolution of stride 2, then a pooling of 2.
        """
        return ((frames - 1) // 2 + 1 - 2) // 2 + 1

    def audio_inputs(self, mel_WMF: torch.Tensor, frames: Sequence[int]) -> dict[str, torch.Tensor]:
        """Features, and a mask of the frames that hold audio."""
        places_F = torch.arange(self._window_frames, device=mel_WMF.device)
        mask_WF = places_F < torch.tensor(frames, device=mel_WMF.device)[:, None]
        return {"input_features": mel_WMF, "feature_attention_mask": mask_WF.long()}

    def ask(self, question: str) -> Prompt:
        """The chat template of the processor with a recording, then a question."""
        check_plain(self._tokenizer, question)
        audio = {"type": "audio", "audio_url": "recording"}
        user = {"role": "user", "content": [audio, {"type": "text", "text": question}]}
        prompt = self._render([user], generates=True)
        whole = self._render([user, {"role": "assistant", "content": _ANSWER}], generates=False)
        audio_token = self._tokenizer.convert_ids_to_tokens(self._audio_id)
        if prompt.count(audio_token) != 1 or not whole.startswith(prompt + _ANSWER):
            raise ModelError(
                f"the chat template of {self._source} writes {prompt.count(audio_token)} {audio_token} for one recording, "
                "or another prompt once there is an answer; allowed: one, and the same: take the processor that the model "
                "came with"
            )
        ids: list[int] = self._tokenizer(prompt, add_special_tokens=False)["input_ids"]
        place = ids.index(self._audio_id)
        usage = (
            f"text = {prompt!r}",
            'inputs = processor(text=text, audio=[wave_at_16_khz], sampling_rate=16000, return_tensors="pt")',
        )
        end = self._end(whole.removeprefix(prompt + _ANSWER))
        return Prompt(tuple(ids[:place]), tuple(ids[place + 1 :]), end, usage)

    def transcribe(self, language: str | None) -> Prompt:
        """The question for a transcript, with the language's name."""
        named = f" The language is {LANGUAGES[language].capitalize()}." if language else ""
        return self.ask(TRANSCRIBE + named)

    def _end(self, closing: str) -> int:
        """The token after an answer: the first that the template writes, or the tokenizer's own."""
        ids = self._tokenizer(closing, add_special_tokens=False)["input_ids"] if closing else []
        end = ids[0] if ids else self._tokenizer.eos_token_id
        if end not in self._tokenizer.added_tokens_decoder:
            raise ModelError(
                f"the chat template of {self._source} ends an answer with {closing!r}; only a special token can end it: "
                "take the processor that the model came with"
            )
        return int(end)

    def _render(self, conversation: list[dict[str, Any]], *, generates: bool) -> str:
        text: str = self._processor.apply_chat_template(conversation, add_generation_prompt=generates, tokenize=False)
        return text
