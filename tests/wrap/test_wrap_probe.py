"""One watched pass: order, shapes and arithmetic, and a model that nothing has happened to."""

from __future__ import annotations

import pytest
import torch
from small_models import IDS, Stack, encoder, images, stack
from torch import nn

from loopynet import Loop, LoopyNetError, add_loops
from loopynet.wrap.probe import probe


def test_calls_have_order_and_shapes() -> None:
    calls = probe(stack(), images())
    assert [len(calls[name]) for name in ("", "low", "act", "mid.1")] == [1, 1, 3, 1]
    (mid,), (inside,) = calls["mid"], calls["mid.0"]
    assert mid.began < inside.began < inside.ended < mid.ended
    assert tuple(mid.args[0].shape) == (3, 4, 8, 8)
    assert mid.output.is_meta
    assert mid.output.shape == (3, 6, 4, 4)


def test_multiply_adds_are_counted() -> None:
    calls = probe(stack(), images())
    assert calls["low"][0].multiply_adds == 3 * 64 * 4 * 2 * 9
    assert calls["head"][0].multiply_adds == 3 * 6 * 3
    parts = sum(calls[name][0].multiply_adds for name in ("low", "mid", "high", "head"))
    assert calls[""][0].multiply_adds == parts


class Choosy(nn.Module):
    """Looks at numbers, which tensors on the meta device do not have."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.norm(x if x.sum() > 0 else -x))


@pytest.mark.parametrize("model", [Choosy(), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout())])
def test_nothing_of_the_model_moves(model: nn.Module) -> None:
    state = {k: v.clone() for k, v in model.state_dict().items()}
    random = torch.random.get_rng_state()
    assert probe(model, torch.ones(4, 3))
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_examples_are_tensors_tuples_or_mappings() -> None:
    for example in (IDS, (IDS,), {"ids": IDS}, IDS.to("meta")):
        assert tuple(probe(encoder(), example)["head"][0].output.shape) == (2, 2)


def test_an_example_is_guessed() -> None:
    net = add_loops(Stack(), [Loop(from_="high", to="mid", fit="project")])
    assert net.graph.input_shape == (2, 224, 224)
    fixed = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 30 * 30, 3))
    net = add_loops(fixed, [Loop(from_="2", to="2", fit="project")])
    assert net.graph.input_shape == (1, 32, 32)
    dense = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 4))
    assert add_loops(dense, [Loop(from_="1", to="0")]).graph.input_shape == (4,)


def test_what_cannot_be_guessed_is_asked_for() -> None:
    with pytest.raises(LoopyNetError, match="pass one as example="):
        add_loops(encoder(), [Loop(from_="shared#1", to="shared#1")])
    with pytest.raises(LoopyNetError, match=r"tried \[2, 1, 64, 64\].*pass one as example="):
        add_loops(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(7, 1)), [Loop(from_="1", to="1")])
