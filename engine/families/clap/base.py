"""A loaded CLAP model with its features and tokenizer.

Legend: B recordings or texts, F frames, M mel bands, U tokens, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from transformers import ClapModel

from engine.families.clap.features import Features
from engine.run.result import Fact

# The projections are what joins the two encoders.
_GROUPS: Final[tuple[tuple[str, str], ...]] = (
    ("audio_projection.", "fusion"),
    ("text_projection.", "fusion"),
    ("audio_model.", "audio_encoder"),
    ("text_model.", "text_decoder"),
)
# Attention and feed-forward layers of both encoders, the merging of patches, the projections.
_TARGETS: Final = ("query", "key", "value", "dense", "reduction", "linear1", "linear2")


class ClapBase:
    """A loaded CLAP model.

    It has no heads: its projections are trained already, so they get adapters as all linear layers do, and an adapter
    stays small. The group `text_decoder` is its text encoder, `fusion` its projections.
    """

    heads: Final[tuple[str, ...]] = ()
    has_new_head = False
    groups: Final[tuple[str, ...]] = ("audio_encoder", "text_decoder", "fusion")

    def __init__(self, model: ClapModel, processor: Any, source: str) -> None:
        self.model: nn.Module = model
        self.processor = processor
        self.source = source
        self.trains_scales = False
        """Whether a method that trains the whole model trains the factors on the similarities too."""
        self._clap = model  # adapters replace its layers in place
        self.features = Features.of(processor.feature_extractor)
        text: Any = model.config.text_config
        # Positions are numbered from the padding id on.
        self._padding: int = text.pad_token_id
        self.max_text_tokens: int = text.max_position_embeddings - text.pad_token_id - 1

    @property
    def scales(self) -> tuple[nn.Parameter, nn.Parameter]:
        """Logarithms of the factors on the similarities: for finding texts, and for finding recordings."""
        return self._clap.logit_scale_a, self._clap.logit_scale_t

    def tokens(self, text: str) -> list[int]:
        """Ids of a text, with those of its start and end."""
        ids: list[int] = self.processor.tokenizer(text, verbose=False)["input_ids"]
        return ids

    def stack(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """ids_BU and mask_BU of texts, padded to the longest."""
        width = max(len(row) for row in rows)
        ids_BU = torch.full((len(rows), width), self._padding, dtype=torch.long)
        mask_BU = torch.zeros_like(ids_BU)
        for i, row in enumerate(rows):
            ids_BU[i, : len(row)] = torch.tensor(row)
            mask_BU[i, : len(row)] = 1
        return ids_BU, mask_BU

    def embed_audio(self, mel_B1FM: torch.Tensor) -> torch.Tensor:
        """Unit embeddings_BD of log-mel features of whole windows."""
        embeddings_BD: torch.Tensor = self._clap.get_audio_features(mel_B1FM).pooler_output
        return embeddings_BD

    def embed_texts(self, ids_BU: torch.Tensor, mask_BU: torch.Tensor) -> torch.Tensor:
        """Unit embeddings_BD of texts."""
        embeddings_BD: torch.Tensor = self._clap.get_text_features(ids_BU, mask_BU).pooler_output
        return embeddings_BD

    def default_targets(self) -> list[str]:
        """Every linear layer: in the audio encoder, the text encoder and the projections."""
        return list(_TARGETS)

    def group_of(self, module_name: str) -> str | None:
        """Audio encoder, text encoder (`text_decoder`) or projections (`fusion`)."""
        return next((group for part, group in _GROUPS if part in module_name), None)

    def freeze_constants(self) -> None:
        """Freeze the factors on the similarities, unless they are trained."""
        for scale in self.scales:
            scale.requires_grad_(self.trains_scales)

    def save(self, folder: Path) -> None:
        """Write the model and its processor in transformers' format."""
        self._clap.save_pretrained(str(folder))
        self.save_processor(folder)

    def save_processor(self, folder: Path) -> None:
        """Write the tokenizer and the feature extractor."""
        self.processor.save_pretrained(str(folder))

    def facts(self) -> Mapping[str, Fact]:
        """Seconds that the model hears of a recording, and the width of its embeddings."""
        return {"window_s": self.features.window_s, "embedding_width": self._clap.config.projection_dim}
