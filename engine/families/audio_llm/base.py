"""A loaded language model that hears.

Legend: B rows of a batch, U tokens of a row, W windows of audio, M mel bands, F frames of 10 ms, D width, N predicted
tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from transformers import GenerationConfig

from engine.families.audio_llm.architecture import Architecture
from engine.families.audio_llm.hearing import Heard, Hearing
from engine.families.audio_llm.prompt import Prompt, encode_plainly
from engine.run.result import Fact

_GROUPS: Final[tuple[tuple[str, str], ...]] = (
    ("multi_modal_projector.", "fusion"),
    ("audio_tower.", "audio_encoder"),
    ("language_model.", "text_decoder"),
    ("lm_head", "text_decoder"),
)


class AudioLlmBase:
    """A loaded Qwen2-Audio or Voxtral."""

    heads: Final[tuple[str, ...]] = ()
    has_new_head = False
    groups: Final[tuple[str, ...]] = ("audio_encoder", "fusion", "text_decoder")

    def __init__(self, model: Any, processor: Any, source: str, architecture: Architecture) -> None:
        self.model: nn.Module = model
        self.processor = processor
        self.source = source
        self.architecture = architecture
        self._llm = model  # adapters replace its layers in place
        audio, text = model.config.audio_config, model.config.text_config
        self.hearing = Hearing(audio.num_mel_bins, 2 * audio.max_source_positions, architecture.most_windows)
        self.most_positions: int = text.max_position_embeddings
        self._audio_id: int = model.config.audio_token_id

    def encode(self, text: str) -> list[int]:
        """Ids of an answer, without its end."""
        return encode_plainly(self.processor.tokenizer, text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, without special tokens."""
        text: str = self.processor.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def prompt_ids(self, prompt: Prompt, heard: Heard) -> list[int]:
        """The prompt's ids around a recording."""
        return prompt.ids(self._audio_id, self.architecture.positions(heard.frames, len(heard.mel_WMF)))

    def states(
        self, ids_BU: torch.Tensor, mask_BU: torch.Tensor, mel_WMF: torch.Tensor, frames: Sequence[int]
    ) -> torch.Tensor:
        """The decoder's last hidden states_BUD for rows with a recording each, padded on the right.

        Args:
            ids_BU: prompt, with a position for each of the recording's, and answer.
            mask_BU: 1 at tokens, 0 at padding.
            mel_WMF: windows of the rows' recordings, in order.
            frames: that hold audio, for each row.
        """
        audio = self.architecture.audio_inputs(mel_WMF, frames)
        states_BUD: torch.Tensor = self._llm.model(
            input_ids=ids_BU, attention_mask=mask_BU, use_cache=False, **audio
        ).last_hidden_state
        return states_BUD

    def logits(self, states_ND: torch.Tensor) -> torch.Tensor:
        """logits_NV of the tokens after some positions."""
        logits_NV: torch.Tensor = self._llm.lm_head(states_ND)
        return logits_NV

    @torch.inference_mode()
    def generate(self, prompt: Prompt, heard: Sequence[Heard], max_new_tokens: int) -> list[list[int]]:
        """The most likely answers, token by token, as ids without their end.

        Rows are padded on the left and masked, so that each answer is what the recording alone would get. Of the model's
        generation config only the ends count: how it samples and penalises does not apply.

        Args:
            prompt: of all recordings.
            heard: at least one recording.
            max_new_tokens: maximum tokens of an answer.
        """
        device = self._llm.lm_head.weight.device
        rows = [self.prompt_ids(prompt, recording) for recording in heard]
        width = max(len(row) for row in rows)
        ends = self._ends(prompt)
        ids_BU = torch.full((len(rows), width), prompt.end, dtype=torch.long)
        mask_BU = torch.zeros_like(ids_BU)
        for i, row in enumerate(rows):
            ids_BU[i, width - len(row) :] = torch.tensor(row)
            mask_BU[i, width - len(row) :] = 1
        mel_WMF = torch.cat([recording.mel_WMF for recording in heard]).to(device)
        audio = self.architecture.audio_inputs(mel_WMF, [recording.frames for recording in heard])
        greedy = GenerationConfig(
            max_new_tokens=max(1, min(max_new_tokens, self.most_positions - width)),
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            eos_token_id=sorted(ends),
            pad_token_id=prompt.end,
        )
        written_BU = self._llm.generate(
            input_ids=ids_BU.to(device), attention_mask=mask_BU.to(device), generation_config=greedy, **audio
        )
        return [_before(row[width:], ends) for row in written_BU.tolist()]

    def default_targets(self) -> list[str]:
        """Every linear layer of attention and feed-forward in encoder and decoder, and the projector."""
        return list(self.architecture.targets)

    def group_of(self, module_name: str) -> str | None:
        """Audio encoder, projector (`fusion`) or text decoder."""
        return next((group for part, group in _GROUPS if part in module_name), None)

    def freeze_constants(self) -> None:
        """Freeze the encoder's position embeddings, which are sinusoids by definition."""
        self._llm.model.audio_tower.embed_positions.requires_grad_(False)

    def save(self, folder: Path) -> None:
        """Write the model and its processor in transformers' format."""
        self._llm.save_pretrained(str(folder))
        self.save_processor(folder)

    def save_processor(self, folder: Path) -> None:
        """Write the tokenizer and the feature extractor."""
        self.processor.save_pretrained(str(folder))

    def facts(self) -> Mapping[str, Fact]:
        """Seconds of a window, and the architecture."""
        return {"window_s": self.hearing.window_s, "architecture": str(self._llm.config.model_type)}

    def _ends(self, prompt: Prompt) -> set[int]:
        published = self._llm.generation_config.eos_token_id
        own = [published] if isinstance(published, int) else published or []
        return {prompt.end, *own}


def _before(ids: list[int], ends: set[int]) -> list[int]:
    return next((ids[:place] for place, index in enumerate(ids) if index in ends), ids)
