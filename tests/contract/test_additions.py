"""Adding a task, a metric, an optimizer and a method, as docs/EXTENDING.md says: which existing files change.

Each addition is made in a copy of the engine, as text: new files, and lines put into existing ones. A run there uses all of
them, so that no other file can have needed a change.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from engine.models.catalogue import PROJECT_ROOT

MOST: Final = 2
"""Existing files that an addition may touch."""


@dataclass(frozen=True)
class Addition:
    """New files, and lines put into existing files in front of a line."""

    new: Mapping[str, str]
    lines: Mapping[str, Mapping[str, str]]
    """By file: new lines by the start of the line that they are put in front of."""


_TASK: Final = Addition(
    new={
        "engine/config/tasks/spotting.py": '''
from typing import ClassVar, Literal
from engine.config.tasks.base import TaskFields

class SpottingConfig(TaskFields):
    """Find the label of a text."""
    medium: ClassVar[str] = "text"
    targets: ClassVar = ("label",)
    metrics: ClassVar = ("accuracy", "macro_f1")
    pipeline: ClassVar[str] = "text-classification"
    code: ClassVar[str] = "engine.tasks.spotting:Spotting"
    type: Literal["spotting"] = "spotting"
''',
        "engine/tasks/spotting.py": """
from engine.metrics.measuring import measure
from tests.contract.toys import ToyTask

class Spotting(ToyTask):
    def __init__(self, config, base=None):
        super().__init__(config, base)
        self._metrics = config.metrics

    def score(self, examples, predictions):
        return measure(self._metrics, [e.target.label for e in examples], predictions) if examples else {}
""",
    },
    lines={
        "engine/config/tasks/registry.py": {
            "from engine.config.tasks.base import TaskFields": (
                "from engine.config.tasks.spotting import SpottingConfig"
            ),
            '    "retrieval": RetrievalConfig,': '    "spotting": SpottingConfig,',
        },
        "engine/families/registry.py": {
            '    "audio_llm": FamilyEntry(': (
                '    "toy": FamilyEntry(("toy_text",), {"spotting": "tests.contract.toys"}, ("layers",)),'
            )
        },
    },
)
_METRIC: Final = Addition(
    new={
        "engine/metrics/brevity.py": """
def brevity(references, predictions):
    return sum(len(text.split()) < 3 for text in predictions) / len(predictions)
"""
    },
    lines={
        "engine/metrics/registry.py": {
            '    Metric("cer", ': (
                '    Metric("brevity", "Brevity", "Short texts", "higher", code="engine.metrics.brevity:brevity"),'
            )
        },
        "engine/config/tasks/captioning.py": {
            '    pipeline: ClassVar[str] = "audio-text-to-text"': '    metrics = (*metrics, "brevity")'
        },
    },
)
_OPTIMIZER: Final = Addition(
    new={
        "engine/config/optimizers/signs.py": '''
from typing import ClassVar, Literal
from engine.config.optimizers.base import OptimizerFields

class SignsConfig(OptimizerFields):
    """Steps of one size."""
    code: ClassVar[str] = "engine.training.signs:signs"
    type: Literal["signs"] = "signs"
    learning_rate: float = 0.01

    def state_bytes(self, weights):
        return 0
''',
        "engine/training/signs.py": """
import torch

class Signs(torch.optim.Optimizer):
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.data.sub_(group["lr"] * parameter.grad.sign())

def signs(config, parameters):
    return Signs(parameters, {"lr": config.learning_rate})
""",
    },
    lines={
        "engine/config/optimizers/registry.py": {
            "from engine.config.optimizers.base import OptimizerFields": (
                "from engine.config.optimizers.signs import SignsConfig"
            ),
            '    "sgd": SgdConfig,': '    "signs": SignsConfig,',
        }
    },
)
_METHOD: Final = Addition(
    new={
        "engine/config/methods/biases.py": '''
from typing import ClassVar, Literal
from engine.config.methods.base import MethodFields

class BiasesConfig(MethodFields):
    """Train the biases alone."""
    code: ClassVar[str] = "engine.methods.biases:Biases"
    output: ClassVar = "model"
    type: Literal["biases"] = "biases"
''',
        "engine/methods/biases.py": """
class Biases:
    def __init__(self, config): pass

    def attach(self, base, reference):
        for name, parameter in base.model.named_parameters():
            parameter.requires_grad_(name.endswith("bias"))
        return base.model

    def before_step(self, step): pass

    def save(self, trained, base, learner, folder):
        learner.save(folder)
""",
    },
    lines={
        "engine/config/methods/registry.py": {
            "from engine.config.methods.base import MethodFields": (
                "from engine.config.methods.biases import BiasesConfig"
            ),
            '    "full": FullConfig,': '    "biases": BiasesConfig,',
        }
    },
)
ADDITIONS: Final = {"task": _TASK, "metric": _METRIC, "optimizer": _OPTIMIZER, "method": _METHOD}

_RUN: Final = """
import json, sys
from pathlib import Path

import engine
from engine.config.base import parse
from engine.config.tasks.captioning import CaptioningConfig
from engine.config.training import TrainingConfig
from engine.data.example import AudioInput, Captions, Example
from engine.memory.peak import peak_memory
from engine.memory.sizes import Sizes
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.stages.finetune import finetune
from engine.tasks.build import build_task
from tests.contract.toys import write_data, write_model

folder = Path(sys.argv[1])
fields = {
    "task": {"type": "spotting"},
    "method": {"type": "biases"},
    "optimizer": {"type": "signs"},
    "schedule": {"type": "constant"},
    "split": {"test_groups": ["g3"]},
    "batch": {"cost": 128, "micro_batch_cost": 64},
    "max_steps": 20,
}
config = parse(TrainingConfig, fields)
result = finetune(
    model=str(write_model(folder / "model", "text")),
    data=write_data(folder / "data", "text"),
    config=config,
    store=LocalRunStore(folder / "store"),
    events=MemorySink(),
    work_dir=folder / "scratch",
    should_stop=lambda: False,
)
examples = [Example(name, AudioInput("a.wav", 0, 1), Captions(("a dog barks",))) for name in "ab"]
print(json.dumps({
    "engine": str(Path(engine.__file__).parent),
    "status": result.status,
    "tuned": result.tuned,
    "trained": result.trainable_parameters,
    "captions": build_task(CaptioningConfig()).score(examples, ["a dog barks", "a dog"]),
    "state_bytes": peak_memory(
        Sizes("wav2vec2", {"model_type": "wav2vec2"}),
        parse(TrainingConfig, {**fields, "task": {"type": "audio_classification"}, "method": {"type": "full"}}),
        4,
    ).parts.get("optimizer_states", 0),
    "card": (folder / "store" / "model" / "README.md").read_text(),
}))
"""


@pytest.mark.parametrize("name", ADDITIONS)
def test_few_existing_files_change(name: str) -> None:
    addition = ADDITIONS[name]
    assert not [path for path in addition.new if (PROJECT_ROOT / path).exists()]
    assert len(addition.lines) <= MOST


def test_all_of_them_work_without_any_other_change(tmp_path: Path) -> None:
    found = _run_with(tmp_path, *ADDITIONS.values())
    assert found["engine"] == str(tmp_path / "tree" / "engine")
    assert found["status"] == "succeeded"
    assert found["tuned"].keys() == {"accuracy", "macro_f1"} and found["tuned"]["accuracy"] > 0.5
    assert found["trained"] == 32 + 32 + 2  # biases of two layers and the head
    assert found["captions"]["brevity"] == 0.5
    assert found["state_bytes"] == 0
    assert "pipeline_tag: text-classification" in found["card"]


def _run_with(folder: Path, *additions: Addition) -> dict[str, Any]:
    """What the run prints in a copy of the engine with these additions."""
    tree = folder / "tree"
    shutil.copytree(PROJECT_ROOT / "engine", tree / "engine", ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    for addition in additions:
        for path, text in addition.new.items():
            (tree / path).write_text(f"from __future__ import annotations\n{text}")
        for path, lines in addition.lines.items():
            text = (tree / path).read_text()
            for before, line in lines.items():
                assert f"\n{text}".count(f"\n{before}") == 1, before
                text = text.replace(before, f"{line}\n{before}")
            (tree / path).write_text(text)
    (folder / "run.py").write_text(_RUN)
    environ = os.environ | {"PYTHONPATH": f"{tree}{os.pathsep}{PROJECT_ROOT}"}
    done = subprocess.run(
        [sys.executable, str(folder / "run.py"), str(folder / "run")],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
