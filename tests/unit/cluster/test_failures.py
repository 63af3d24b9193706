from __future__ import annotations

import pytest

from cluster.errors import DatasetUnavailableError
from cluster.failures import failure_told
from engine.errors import TrainingError
from engine.run.events import MemorySink


@pytest.mark.parametrize("kind", [DatasetUnavailableError, TrainingError])
def test_a_failure_is_recorded_each_time_and_raised(kind: type[Exception]) -> None:
    sink = MemorySink()
    for _attempt in range(2):
        with pytest.raises(kind, match="no object there"), failure_told(sink):
            raise kind("no object there")
    assert [dict(event.data) for event in sink.events] == [{"level": "error", "message": "no object there"}] * 2
    assert len({event.key for event in sink.events}) == 2


def test_what_is_no_answer_to_the_user_is_not_recorded() -> None:
    sink = MemorySink()
    with pytest.raises(KeyError), failure_told(sink):
        raise KeyError("a fault of ours")
    assert sink.events == []
