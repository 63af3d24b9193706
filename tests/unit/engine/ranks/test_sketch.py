"""The sketch against the exact gradient of a linear model."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ConfigError, TrainingError
from engine.ranks.sketch import Sketch, shared_singular_values, sketch
from engine.training.parallel import SINGLE
from tests.unit.engine.ranks.linear import LinearLearner, linear_bound

LAYERS = ("parts.wide", "parts.narrow")


def _sketched(
    bound: Any, examples: list[Any], *, layers: Any = LAYERS, count: int = 200, probe_rank: int = 16
) -> Sketch:
    return sketch(bound, layers, examples, Path(), examples=count, probe_rank=probe_rank, parallel=SINGLE)


def _exact(learner: LinearLearner, steps: int) -> dict[str, list[float]]:
    """From the whole gradient of the batches that the first pass read."""
    found = [learner.gradients(batch) for batch in learner.batches[:steps]]
    return {
        name: shared_singular_values(
            *(torch.stack([each[name].double() for each in found[half::2]]).mean(dim=0) for half in (0, 1))
        )
        for name in LAYERS
    }


def test_equal_halves_have_the_singular_values_of_the_gradient() -> None:
    gradient_OI = torch.randn(12, 7, generator=torch.Generator().manual_seed(0)).double()
    exact = torch.linalg.svdvals(gradient_OI).tolist()
    assert shared_singular_values(gradient_OI, gradient_OI) == pytest.approx(exact)


def test_what_only_one_half_has_counts_nothing() -> None:
    shared, noise = torch.zeros(6, 4).double(), torch.zeros(6, 4).double()
    shared[0, 0], noise[3, 2] = 2.0, 50.0
    assert shared_singular_values(shared + noise, shared) == pytest.approx([2.0, 0.0, 0.0, 0.0])
    assert shared_singular_values(shared + noise, shared - noise) == pytest.approx([2.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("probe_rank", [32, 24])
def test_a_probe_as_wide_as_the_layer_measures_its_exact_singular_values(probe_rank: int) -> None:
    """To a relative tolerance of 1e-4 of the largest: gradients are added in float32."""
    bound, learner, examples = linear_bound()
    found = _sketched(bound, examples, probe_rank=probe_rank)
    exact = _exact(learner, found.steps)
    for name in LAYERS:
        assert len(found.values[name]) == len(exact[name])
        assert found.values[name] == pytest.approx(exact[name], abs=1e-4 * exact[name][0])


def test_a_narrow_probe_measures_the_largest_singular_values() -> None:
    """A probe of rank 8 on 24 directions, of which 3 are signal: those to 3 %, the noise to 3 % of the largest."""
    bound, learner, examples = linear_bound()
    found = _sketched(bound, examples, probe_rank=8)
    exact = _exact(learner, found.steps)
    assert (len(found.values["parts.wide"]), len(found.values["parts.narrow"])) == (8, 5)
    for name in LAYERS:
        assert found.values[name][:3] == pytest.approx(exact[name][:3], rel=0.03)
        count = len(found.values[name])
        assert found.values[name] == pytest.approx(exact[name][:count], abs=0.03 * exact[name][0])


def test_every_example_is_read_once_in_a_pass_and_halves_alternate() -> None:
    bound, learner, examples = linear_bound()
    found = _sketched(bound, examples)
    assert (found.examples, found.steps, found.cost) == (64, 8, 64.0)
    first, second = learner.batches[: found.steps], learner.batches[found.steps :]
    assert sorted(itertools.chain(*first)) == list(range(64))
    assert first == second
    assert found.positions_per_cost == dict.fromkeys(LAYERS, 1.0)


def test_it_depends_on_the_seed_and_not_on_the_order_of_layers_or_examples() -> None:
    values = [
        _sketched(linear_bound(seed=seed)[0], examples, layers=layers, count=32, probe_rank=4).values["parts.wide"]
        for seed, layers, examples in (
            (1, LAYERS, linear_bound()[2]),
            (1, LAYERS[::-1], linear_bound()[2][::-1]),
            (1, LAYERS[:1], linear_bound()[2]),
            (2, LAYERS, linear_bound()[2]),
        )
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-6) and values[0] == pytest.approx(values[2], rel=1e-6)
    assert values[0] != pytest.approx(values[3], rel=1e-3)


def test_nothing_of_it_stays_on_the_base() -> None:
    bound, learner, examples = linear_bound()
    model = learner.model
    model.parts["narrow"].requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    _sketched(bound, examples)
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert {name: p.requires_grad for name, p in model.named_parameters()} == {name: "wide" in name for name in before}
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.training and not hasattr(model, "peft_config")


def test_too_few_examples_and_gradients_that_are_not_finite_are_refused() -> None:
    bound, learner, examples = linear_bound()
    with pytest.raises(ConfigError, match=r"allocation\.examples: found 1 training examples, which make 1 batch"):
        _sketched(bound, examples[:1])
    learner.targets[0][7] = float("inf")
    with pytest.raises(TrainingError, match=r"gradient of parts\.wide is not finite .*set precision: float32"):
        _sketched(bound, examples)
    assert not hasattr(learner.model, "peft_config")
