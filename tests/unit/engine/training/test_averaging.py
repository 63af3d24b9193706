from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.training.averaging import WeightAverage


def test_the_average_follows_its_definition() -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    average = WeightAverage({"w": weight}, decay=0.6)
    expected = weight.detach().double().numpy().copy()
    for step in range(1, 12):
        with torch.no_grad():
            weight += torch.tensor([0.5, step / 10])
        average.add(step)
        keep = min(0.6, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * weight.detach().double().numpy()
    assert average.tensors["w"].tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert not average.tensors["w"].requires_grad


def test_applied_swaps_the_weights_and_gives_them_back_after_a_fault() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    average = WeightAverage({"w": weight}, decay=0.5)
    with torch.no_grad():
        weight += 1.0
    with pytest.raises(RuntimeError, match="in between"), average.applied():
        assert weight.item() == 1.0
        raise RuntimeError("in between")
    assert weight.item() == 2.0


def test_an_average_goes_on_where_it_was() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    one, other = WeightAverage({"w": weight}, 0.9), WeightAverage({"w": weight}, 0.9)
    with torch.no_grad():
        weight.fill_(5.0)
    one.add(1)
    other.restore(one.tensors)
    one.add(2)
    other.add(2)
    assert torch.equal(one.tensors["w"], other.tensors["w"])
    assert one.tensors["w"] is not other.tensors["w"]
