"""Types of targets: those of each task, and their written forms."""

from __future__ import annotations

from typing import get_args

import pytest

from engine.config.tasks.registry import TASKS
from engine.data.example import Captions, Label, Labels, Target, TargetType, Text
from engine.data.revision import VersionRecord
from engine.data.targets import TARGETS, labels_in, written
from engine.data.validation.target_checks import DATASET_CHECKS, JUDGES


def test_every_task_and_every_type_is_known() -> None:
    assert set(TARGETS) == set(JUDGES) == set(DATASET_CHECKS) == set(get_args(TargetType))
    assert {each for task in TASKS.values() for each in task.targets} == set(TARGETS)


@pytest.mark.parametrize(
    ("target", "form"),
    [
        (Text("turn left"), "turn left"),
        (Label("dog; big"), "dog; big"),
        (Labels(("dog", "rain")), "dog; rain"),
        (Labels(()), "[]"),
        (Captions(("a dog barks", "barking")), "a dog barks\nbarking"),
    ],
)
def test_a_target_is_made_of_its_written_form(target: Target, form: str) -> None:
    assert written(target) == form
    assert TARGETS[target.type].make(form) == target


def test_labels_are_written_with_semicolons_in_any_way() -> None:
    assert labels_in(" dog;rain ; dog;; ") == ("dog", "rain")
    assert labels_in("[]") == labels_in("") == ()


def test_a_record_of_a_version_names_a_type_of_its_task() -> None:
    assert VersionRecord().target_types == ("text",)
    assert VersionRecord(task="audio_classification").target_types == ("label", "labels")
    assert VersionRecord(task="audio_classification", target="labels").target_types == ("labels",)
    with pytest.raises(ValueError, match="target is 'captions'; allowed for audio_classification: label, labels"):
        VersionRecord(task="audio_classification", target="captions")
