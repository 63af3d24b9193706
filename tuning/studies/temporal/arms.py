"""The arms of the study: the method's gates and its six baselines, as values of `method.gate`. Does not import torch."""

from __future__ import annotations

from typing import Final

from tuning.studies.trials import RATE, Arm, Dial

GATE_RATE: Final = "gate_learning_rate"
LEARNED: Final = "learned"
CONSTANT: Final = "constant"
SHUFFLED: Final = "shuffled"
FAST: Final = {"learned-fast": LEARNED, "shuffled-fast": SHUFFLED}
"""Arms whose gates learn 16 times as fast as the adapter, also if dev prefers another rate."""
_RATES: Final = Dial(RATE, (1e-3, 2e-3, 4e-3, 8e-3), 2e-3)
_GATE_RATES: Final = Dial(GATE_RATE, (1.0, 4.0, 16.0, 64.0), 16.0)
_PLAIN: Final = Dial(GATE_RATE, (), 1.0)
_FAST_RATE: Final = 16.0
_BOTH: Final = (_RATES, _GATE_RATES)

ARMS: Final = (
    Arm(LEARNED, _BOTH, is_primary=True),
    Arm(CONSTANT, _BOTH, is_primary=True),
    Arm(SHUFFLED, _BOTH, is_primary=True),
    *(Arm(name, tuned_like=like, instead=((GATE_RATE, _FAST_RATE),)) for name, like in FAST.items()),
    *(Arm(name, (_RATES, _PLAIN)) for name in ("utterance_mean", "speech", "masked_input", "embedding")),
)
NAMES: Final = tuple(arm.name for arm in ARMS)
GATES: Final = {name: FAST.get(name, name) for name in NAMES}
"""Value of `method.gate` of each arm."""
DESCRIPTIONS: Final = {
    LEARNED: "the method: gates follow the features of each frame",
    CONSTANT: "plain LoRA with constant gates",
    SHUFFLED: "the features of other frames of the utterance",
    "learned-fast": "the method, with gates that learn 16 times as fast as the adapter",
    "shuffled-fast": "its control, at the same rate",
    "utterance_mean": "the mean of the features over the utterance",
    "speech": "a constant times the probability of speech",
    "masked_input": "constant gates; what silero-vad takes for no speech is silenced",
    "embedding": "no gates: the features are projected and added in front of the encoder's first layer",
}
