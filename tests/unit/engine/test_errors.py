"""The engine's exceptions."""

from __future__ import annotations

import pickle

import pytest

from engine.errors import (
    ConfigError,
    EngineError,
    Fault,
    ItemError,
    ManifestError,
    ObjectNotFoundError,
    TruncatedAudioError,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError([Fault("a.b", "is 1; allowed: 2"), Fault("", "is empty")]), "a.b: is 1; allowed: 2\nis empty"),
        (
            ManifestError("m.jsonl has 1 fault:", [Fault("line 2", "id is missing")]),
            "m.jsonl has 1 fault:\n  line 2: id is missing",
        ),
        (ObjectNotFoundError("no object 'a'"), "no object 'a'"),
        (ItemError("silent", "nothing in it"), "silent: nothing in it"),
        (TruncatedAudioError("cut"), "cut"),
    ],
)
def test_errors_say_everything_and_survive_pickling(error: EngineError, text: str) -> None:
    assert str(error) == text
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == text
    assert vars(copy) == vars(error)
