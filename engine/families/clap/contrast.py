"""The contrastive loss of a group of recordings and texts.

Legend: K recordings and texts of a group, D width of the embeddings.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy


def contrastive_losses(
    audio_KD: torch.Tensor,
    text_KD: torch.Tensor,
    audio_scale: torch.Tensor,
    text_scale: torch.Tensor,
    right_KK: torch.Tensor,
) -> torch.Tensor:
    """Loss of each recording with its text: the mean of finding the text for it, and it for the text.

    Both are cross-entropies over the group. A text that is right for a recording but not its own, such as the same name
    of a class, is left out of both: it is no negative.

    Args:
        audio_KD: unit embeddings of the recordings.
        text_KD: unit embeddings of their texts, in the same order.
        audio_scale: factor on the similarities when a text is sought for a recording.
        text_scale: factor when a recording is sought for a text.
        right_KK: whether text j is right for recording i.

    Returns:
        losses_K: float32; zero for a group of one.

    Source: Elizalde et al. 2022 (CLAP), section 2; symmetric as in LAION's `ClipLoss`. `ClapModel.forward` of transformers
    5.23 seeks recordings for texts in both terms, because it transposes `logits_per_audio`; its logits are right, and a
    test compares with them.
    """
    own_K = torch.arange(len(audio_KD), device=audio_KD.device)
    similarity_KK = audio_KD @ text_KD.T
    is_no_negative_KK = right_KK.clone().fill_diagonal_(False)
    to_text_KK = (similarity_KK * audio_scale).masked_fill(is_no_negative_KK, -torch.inf)
    to_audio_KK = (similarity_KK * text_scale).masked_fill(is_no_negative_KK, -torch.inf).T
    to_text_K = cross_entropy(to_text_KK, own_K, reduction="none")
    to_audio_K = cross_entropy(to_audio_KK, own_K, reduction="none")
    losses_K: torch.Tensor = (to_text_K + to_audio_K) / 2
    return losses_K
