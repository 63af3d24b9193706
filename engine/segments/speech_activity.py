"""Probability of speech every 32 ms, from silero-vad's weights in a plain PyTorch module.

The package offers its model as TorchScript with one stateful call per window (88 audio-s/s on one core), and as ONNX
over a whole recording (550 audio-s/s, with 60 MB of onnxruntime). Only its recurrent layer needs the order of windows.
Here the convolutions process the windows of many recordings as one batch, and one LSTM call processes their sequences
(about 1,100 audio-s/s on the same core, with torch alone). A test compares with the TorchScript.

Legend: B recordings, T samples at 16 kHz, W windows of all recordings, F windows of one recording, K bins of a
spectrum, C samples that a window shares with the previous one.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.errors import ModelError
from engine.process.heap import keep_few_kernels

keep_few_kernels()  # at import, because resampling (also a convolution) runs before the detector is loaded

WINDOW_SAMPLES = 512
WINDOW_S = WINDOW_SAMPLES / RATE_HZ

Probabilities = npt.NDArray[np.float32]

_CONTEXT_SAMPLES = 64
_BINS = 129
_WIDTH = 128
_WINDOWS_AT_ONCE = 512  # per call of the convolutions: 8 MB
_WINDOW_STEP = 64  # the number of windows is rounded up to a multiple, so that shapes and compiled kernels are reused
_LEAD_WINDOWS = 8
# Names of the weights in the TorchScript module. (The package's .safetensors holds the weights of an older version.)
_SOURCE_NAMES = {
    "spectrum.weight": "_model.stft.forward_basis_buffer",
    "output.weight": "_model.decoder.decoder.2.weight",
    "output.bias": "_model.decoder.decoder.2.bias",
    **{
        f"layers.{i}.{kind}": f"_model.encoder.{i}.reparam_conv.{kind}" for i in range(4) for kind in ("weight", "bias")
    },
    **{f"memory.{kind}_l0": f"_model.decoder.rnn.{kind}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
}


class SpeechActivity(nn.Module):
    """Probability of speech in each window of 32 ms.

    Source: silero-vad 6.2 (`TinySileroVAD` in its `tinygrad_model.py` spells out the architecture).
    """

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Conv1d(1, 2 * _BINS, 256, stride=128, bias=False)
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(_BINS, 128, 3, padding=1),
                nn.Conv1d(128, 64, 3, stride=2, padding=1),
                nn.Conv1d(64, 64, 3, stride=2, padding=1),
                nn.Conv1d(64, _WIDTH, 3, padding=1),
            ]
        )
        self.memory = nn.LSTM(_WIDTH, _WIDTH, batch_first=True)
        self.output = nn.Conv1d(_WIDTH, 1, 1)

    @torch.inference_mode()
    def probabilities(self, waves: Sequence[Wave]) -> list[Probabilities]:
        """Probabilities for recordings at 16 kHz.

        Args:
            waves: wave_T of each recording.

        Returns:
            float32 prob_F of each, F = T / 512 rounded up; the last window is padded with silence.
        """
        with torch.autocast("cpu", enabled=False):  # gates also ask while a model computes in half precision
            return self._probabilities(waves)

    def _probabilities(self, waves: Sequence[Wave]) -> list[Probabilities]:
        counts = [-(-len(wave_T) // WINDOW_SAMPLES) for wave_T in waves]
        if not any(counts):
            return [np.zeros(0, np.float32) for _ in waves]
        states_WD = self._states(waves, counts)
        states_BFD = nn.utils.rnn.pad_sequence(list(states_WD.split(counts)), batch_first=True)
        # Silence after the end of a shorter recording changes nothing before it: the LSTM only looks back.
        start = tuple(state_1D.expand(1, len(waves), _WIDTH).contiguous() for state_1D in self._after_silence)
        remembered_BFD, _ = self.memory(states_BFD, start)
        prob_BF = torch.sigmoid(self.output(remembered_BFD.relu().transpose(1, 2)))[:, 0]
        return [prob_BF[row, :count].numpy().copy() for row, count in enumerate(counts)]

    @functools.cached_property
    def _after_silence(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The LSTM's state after a quarter of a second of silence.

        The detector was not trained on recordings that begin inside a sound: of 450 recordings of single digits it misses
        none with this initial state and 20 without (docs/LOG.md).
        """
        silence_WD = self._states([np.zeros(_LEAD_WINDOWS * WINDOW_SAMPLES, np.float32)], [_LEAD_WINDOWS])
        _, (hidden_11D, cell_11D) = self.memory(silence_WD[None])
        return hidden_11D, cell_11D

    def _states(self, waves: Sequence[Wave], counts: Sequence[int]) -> torch.Tensor:
        """The convolutions' output for the windows of all recordings, concatenated: states_WD."""
        windows = []
        for wave_T, count in zip(waves, counts, strict=True):
            padded_T = np.zeros(_CONTEXT_SAMPLES + count * WINDOW_SAMPLES, np.float32)
            padded_T[_CONTEXT_SAMPLES : _CONTEXT_SAMPLES + len(wave_T)] = wave_T
            if count:
                windows.append(torch.from_numpy(padded_T).unfold(0, _CONTEXT_SAMPLES + WINDOW_SAMPLES, WINDOW_SAMPLES))
        count = sum(counts)
        windows.append(torch.zeros(-count % _WINDOW_STEP, _CONTEXT_SAMPLES + WINDOW_SAMPLES))
        parts = torch.cat(windows).split(_WINDOWS_AT_ONCE)
        return torch.cat([self._convolved(part_WT) for part_WT in parts])[:count]

    def _convolved(self, windows_WT: torch.Tensor) -> torch.Tensor:
        # Half a step of the spectrum's windows is mirrored at the end.
        mirrored_W1T = nn.functional.pad(windows_WT, (0, _CONTEXT_SAMPLES), mode="reflect")[:, None]
        complex_WKF = self.spectrum(mirrored_W1T)
        state_WKF = (complex_WKF[:, :_BINS].square() + complex_WKF[:, _BINS:].square()).sqrt()
        for layer in self.layers:
            state_WKF = layer(state_WKF).relu()
        states_WD: torch.Tensor = state_WKF[..., 0]
        return states_WD


@functools.cache
def load_speech_activity() -> SpeechActivity:
    """The detector on the CPU, loaded once per process (0.1 s).

    Raises:
        ModelError: the package silero-vad is not installed, or holds another model.
    """
    path = _weights_file()
    try:
        with warnings.catch_warnings():
            # Deprecated, but no other file of the package has the current weights in a form that torch alone can read.
            warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
            told = torch.jit.load(str(path), map_location="cpu").state_dict()
        with torch.device("meta"):  # random weights would move the generator of a training that runs meanwhile
            detector = SpeechActivity()
        detector.load_state_dict({ours: told[theirs] for ours, theirs in _SOURCE_NAMES.items()}, assign=True)
    except (RuntimeError, KeyError) as error:
        raise ModelError(f"{path} is not the model of silero-vad 6.2 ({error}); install silero-vad==6.2.3") from error
    return detector.eval().requires_grad_(False)


def _weights_file() -> Path:
    # Not imported: the package sets torch to one thread for the whole process.
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("the package silero-vad is not installed; install silero-vad==6.2.3")
    return Path(spec.submodule_search_locations[0]) / "data" / "silero_vad.jit"
