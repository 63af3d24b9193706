"""Frame features of a batch: computed while it is collated, padded as its audio is.

Legend: B recordings, S frames of the encoder, F features.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from engine.audio.reading import Wave
from engine.config.methods.temporal import FEATURES, FeatureName, Gate
from engine.segments.speech_activity import load_speech_activity
from engine.temporal.features import SPOKEN, Track, frame_features

_CONSTANT: Final = frozenset({"constant", "speech", "masked_input"})
"""Gates that see 1 in place of each feature."""
_DRAWS: Final = 0x6A7E
"""Keeps the draws of gate dropout apart from those of augmentation, which has the same seeds."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What gates follow."""

    gate: Gate
    features: tuple[FeatureName, ...]
    hop_samples: int
    """Samples between frames of the encoder."""
    dropout: float = 0.0
    """Share of the training examples whose gates are replaced by their mean over speech."""

    def hear(self, waves: Sequence[Wave], seeds: Sequence[Sequence[int]] | None) -> Heard:
        """Features of recordings; each is computed alone, so that none depends on its neighbours.

        Args:
            waves: wave_T of each recording at 16 kHz.
            seeds: of each one's gate dropout; None: no gate is dropped.
        """
        rows = []
        for place, wave_T in enumerate(waves):
            [prob_W] = load_speech_activity().probabilities([wave_T])
            all_SF = frame_features(wave_T, prob_W, self.hop_samples)
            speech_S = all_SF[:, FEATURES.index("speech")]
            draw = 1.0 if seeds is None else np.random.default_rng([*seeds[place], _DRAWS]).random()
            rows.append(_Row(*self._followed(all_SF, wave_T), speech_S, bool(draw < self.dropout)))
        if self.gate == "masked_input":
            waves = [self._masked(wave_T, row.speech_S) for wave_T, row in zip(waves, rows, strict=True)]
        return Heard(tuple(waves), tuple(rows))

    def _followed(self, all_SF: Track, wave_T: Wave) -> tuple[Track, Track]:
        """What a gate sees in the frames of a recording, phi_SF, and in those of the padding behind it, phi_F."""
        phi_SF = all_SF[:, [FEATURES.index(name) for name in self.features]]
        silence_F = np.zeros(len(self.features), np.float32)
        if self.gate in _CONSTANT:
            return np.ones_like(phi_SF), silence_F + 1
        if self.gate == "utterance_mean" and len(phi_SF):
            mean_F = phi_SF.mean(axis=0)
            return np.broadcast_to(mean_F, phi_SF.shape), mean_F
        if self.gate == "shuffled":
            # The audio is the seed: a recording has the same order in every batch and process.
            order = np.random.default_rng(zlib.crc32(np.ascontiguousarray(wave_T).tobytes())).permutation(len(phi_SF))
            return phi_SF[order], silence_F
        return phi_SF, silence_F

    def _masked(self, wave_T: Wave, speech_S: Track) -> Wave:
        """The wave with silence in frames without speech."""
        is_speech_T = np.repeat(speech_S >= SPOKEN, self.hop_samples)[: len(wave_T)]
        return np.where(is_speech_T, wave_T, np.float32(0.0))


@dataclass(frozen=True, slots=True)
class _Row:
    """One recording."""

    phi_SF: Track
    padding_F: Track
    speech_S: Track
    is_dropped: bool


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """What the gates need to know of a batch, on the CPU."""

    phi_BSF: torch.Tensor
    """What they follow in each frame."""
    speech_BS: torch.Tensor
    """Probability of speech; 0 in the padding."""
    share_B1: torch.Tensor
    """Mean probability of speech of each recording."""
    frames_B: torch.Tensor
    """Number of frames of each recording, without padding."""
    is_dropped_B: torch.Tensor
    """Whether its gates are replaced by their mean over speech."""

    @property
    def own_BS(self) -> torch.Tensor:
        """Frames that are not padding."""
        return torch.arange(self.speech_BS.shape[1]) < self.frames_B[:, None]

    def part(self, rows: slice) -> FrameBatch:
        """Some consecutive recordings of the batch."""
        return FrameBatch(
            self.phi_BSF[rows], self.speech_BS[rows], self.share_B1[rows], self.frames_B[rows], self.is_dropped_B[rows]
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """Recordings as the model is to hear them, with the features of their frames if there are gates."""

    waves: tuple[Wave, ...]
    rows: tuple[_Row, ...] | None = None

    def batch(self, frames: int, own: Sequence[int], chosen: Sequence[int] | None = None) -> FrameBatch | None:
        """The features of one forward pass; None without gates.

        Args:
            frames: number of frames of the encoder, padding included.
            own: number of frames of each recording of the pass.
            chosen: the recordings of the pass; None: all.
        """
        if self.rows is None:
            return None
        rows = self.rows if chosen is None else [self.rows[place] for place in chosen]
        phi_BSF = np.stack([np.broadcast_to(row.padding_F, (frames, len(row.padding_F))) for row in rows]).copy()
        speech_BS = np.zeros((len(rows), frames), np.float32)
        counts = []
        for place, (row, most) in enumerate(zip(rows, own, strict=True)):
            count = min(most, frames, len(row.speech_S))
            phi_BSF[place, :count] = row.phi_SF[:count]
            speech_BS[place, :count] = row.speech_S[:count]
            counts.append(count)
        shares = [row.speech_S.mean() if len(row.speech_S) else 0.0 for row in rows]
        return FrameBatch(
            torch.from_numpy(phi_BSF),
            torch.from_numpy(speech_BS),
            torch.tensor(shares, dtype=torch.float32)[:, None],
            torch.tensor(counts),
            torch.tensor([row.is_dropped for row in rows]),
        )


@dataclass(frozen=True, slots=True)
class FrameSample:
    """Frames and shares of speech of some training examples, from which mean gates and states of gates are counted."""

    phi_NF: npt.NDArray[np.float32]
    speech_N: Track
    shares: Track

    @classmethod
    def of(cls, batches: Sequence[FrameBatch], most: int) -> FrameSample:
        """At most `most` frames of these batches, evenly spaced, without their padding."""
        phi_NF = torch.cat([batch.phi_BSF[batch.own_BS] for batch in batches]).numpy()
        speech_N = torch.cat([batch.speech_BS[batch.own_BS] for batch in batches]).numpy()
        chosen = np.arange(min(most, len(speech_N))) * len(speech_N) // max(1, min(most, len(speech_N)))
        shares = torch.cat([batch.share_B1[:, 0] for batch in batches]).numpy()
        return cls(phi_NF[chosen], speech_N[chosen], shares)
