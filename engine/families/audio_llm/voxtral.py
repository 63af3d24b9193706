"""Voxtral: any number of whole windows of audio; Mistral's layout of instructions and transcriptions.

Legend: W windows of audio, M mel bands, F frames of 10 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch

from engine.errors import ModelError
from engine.families.audio_llm.prompt import Prompt, check_plain, encode_plainly, token_id


class Voxtral:
    """How Voxtral takes audio and text.

    The prompts are those of mistral-common, which transformers calls for them; it is not needed here. Source: its
    `InstructTokenizerV7`, `encode_user_message` and `_encode_instruct_transcription`.
    """

    most_windows: Final = None
    targets: Final = (
        *("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
        *("multi_modal_projector.linear_1", "multi_modal_projector.linear_2"),
        *("o_proj", "gate_proj", "up_proj", "down_proj"),
    )

    def __init__(self, config: Any, processor: Any, source: str) -> None:
        audio = config.audio_config
        self._tokenizer = processor.tokenizer
        self._audio_id = int(config.audio_token_id)
        # The projector reads several neighbouring positions of the encoder as one.
        values: int = audio.max_source_positions * audio.hidden_size
        self._window_positions, rest = divmod(values, int(audio.intermediate_size))
        if rest:
            raise ModelError(
                f"{source} has {audio.max_source_positions} positions of {audio.hidden_size}, which do not divide into "
                f"inputs of {audio.intermediate_size} for its projector: take the config.json that the model came with"
            )
        names = ("<s>", "[INST]", "[BEGIN_AUDIO]", "[/INST]", "</s>", "[TRANSCRIBE]")
        ids = [token_id(self._tokenizer, name, source) for name in names]
        self._start, self._instruction, self._audio, self._instruction_end, self._end, self._transcribe = ids

    def positions(self, frames: int, windows: int) -> int:
        """All positions of its windows, silence included."""
        return windows * self._window_positions

    def audio_inputs(self, mel_WMF: torch.Tensor, frames: Sequence[int]) -> dict[str, torch.Tensor]:
        """Features."""
        return {"input_features": mel_WMF}

    def ask(self, question: str) -> Prompt:
        """An instruction: the recording, then the question."""
        check_plain(self._tokenizer, question)
        before = (self._start, self._instruction, self._audio)
        after = (*encode_plainly(self._tokenizer, question), self._instruction_end)
        return Prompt(before, after, self._end, self._usage(before, after))

    def transcribe(self, language: str | None) -> Prompt:
        """A transcription, which the model has a token for."""
        named = encode_plainly(self._tokenizer, f"lang:{language}") if language else []
        before = (self._start, self._instruction, self._audio)
        after = (self._instruction_end, *named, self._transcribe)
        return Prompt(before, after, self._end, self._usage(before, after))

    def _usage(self, before: tuple[int, ...], after: tuple[int, ...]) -> tuple[str, ...]:
        """Lines for a recording of up to one window; the processor's own templates need another library."""
        ids = f"[{', '.join(map(str, before))}, *[{self._audio_id}] * {self._window_positions}, {', '.join(map(str, after))}]"
        return (
            "import torch",
            "",
            "extractor = processor.feature_extractor",
            'features = extractor(wave_at_16_khz, sampling_rate=16000, padding="max_length", return_tensors="pt")',
            f"ids = {ids}",
            'inputs = {"input_ids": torch.tensor([ids]), "input_features": features.input_features}',
        )
