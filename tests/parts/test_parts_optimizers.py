"""Optimizers take a step; schedules give their formula's rate at each epoch."""

import copy
import math
import warnings

import pytest
import torch
from pydantic import ValidationError

from loopynet.parts.choice import Choice
from loopynet.parts.optimizers import optimizers, schedules
from loopynet.spec import TrainingSpec

RATE, EPOCHS = 0.1, 10


def start() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor([1.0, -2.0]))


def stepped(value: object, steps: int = 2) -> torch.Tensor:
    """Return the parameter after steps on the loss sum(p^2) / 2, whose gradient is p."""
    parameter = start()
    made = optimizers.call(optimizers.parse(value), [parameter], RATE)

    def closure() -> torch.Tensor:
        made.zero_grad()
        loss = parameter.square().sum() / 2
        if loss.requires_grad:  # not where no gradient is needed
            loss.backward()
        return loss

    for _ in range(steps):
        made.step(closure)
    return parameter.detach()


@pytest.mark.parametrize("name", optimizers.names())
def test_every_optimizer_lowers_the_loss(name):
    after = stepped(name)
    assert after.square().sum() < start().square().sum()
    made = optimizers.call(Choice(name), [start()], RATE)
    assert made.param_groups[0]["lr"] == RATE
    for option, value in optimizers.options(name).items():
        assert made.param_groups[0][option] == value


def polynomial(singular: torch.Tensor) -> torch.Tensor:
    """Return what five steps of Muon's iteration make of singular values, in float64."""
    s = singular / singular.square().sum().sqrt()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (40, 2, 3, 3), (5, 7), (7, 1)])
@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_against_singular_values(shape, nesterov):
    """Two steps of filters, of a bias, and of a norm that has a row for each unroll."""
    torch.manual_seed(0)
    start = [torch.randn(n, dtype=torch.float64) for n in (shape, 3, (2, 3))]
    ours, theirs = ([torch.nn.Parameter(p.clone()) for p in start] for _ in range(2))
    groups = [{"params": ours[:2]}, {"params": ours[2:], "plain": True, "weight_decay": 0.0}]
    value = {"type": "muon", "momentum": 0.8, "nesterov": nesterov, "weight_decay": 0.3}
    made = optimizers.call(optimizers.parse(value), groups, RATE)
    decays = [{"params": [p], "weight_decay": d} for p, d in zip(theirs[1:], (0.3, 0), strict=True)]
    adamw = torch.optim.AdamW(decays, RATE, betas=(0.9, 0.95))
    past = torch.zeros_like(start[0])
    for _ in range(2):
        gradients = [torch.randn_like(p) for p in start]
        for p, q, gradient in zip(ours, theirs, gradients, strict=True):
            p.grad, q.grad = gradient.clone(), gradient.clone()
        made.step()
        adamw.step()
        past = 0.8 * past + 0.2 * gradients[0]
        ahead = 0.8 * past + 0.2 * gradients[0] if nesterov else past
        u, s, vh = torch.linalg.svd(ahead.flatten(1), full_matrices=False)
        update = (u * polynomial(s)) @ vh * 0.2 * math.sqrt(max(ahead.flatten(1).shape))
        with torch.no_grad():
            theirs[0].mul_(1 - RATE * 0.3).sub_(RATE * update.reshape(shape))
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-9)


def test_muon_goes_on_from_its_state():
    def steps(made, weights, count):
        for number in range(count):
            for p in weights:
                p.grad = torch.sin(p.detach() + number)
            made.step()

    value = optimizers.parse("muon")
    weights = [torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(2))]
    made = optimizers.call(value, weights, RATE)
    steps(made, weights, 2)
    copies = [torch.nn.Parameter(p.detach().clone()) for p in weights]
    again = optimizers.call(value, copies, 1.0)
    again.load_state_dict(copy.deepcopy(made.state_dict()))
    steps(made, weights, 2)
    steps(again, copies, 2)
    for p, q in zip(weights, copies, strict=True):
        assert torch.equal(p, q)


def test_sgd_by_hand():
    assert torch.allclose(stepped("sgd"), start() * (1 - RATE) ** 2)
    # Momentum: v = 0.9 v + g, p = p - rate v.
    v1 = start().detach()
    p1 = start().detach() - RATE * v1
    wanted = p1 - RATE * (0.9 * v1 + p1)
    assert torch.allclose(stepped({"type": "sgd", "momentum": 0.9}), wanted)
    decayed = start() * (1 - RATE * 1.5) ** 2
    assert torch.allclose(stepped({"type": "sgd", "weight_decay": 0.5}), decayed)


def test_adam_by_hand():
    """The first step of Adam is the rate in the gradient's direction."""
    assert torch.allclose(stepped("adam", 1), start() - RATE * start().sign(), atol=1e-6)
    decoupled = stepped({"type": "adamw", "weight_decay": 0.5}, 1)
    wanted = start() * (1 - RATE * 0.5) - RATE * start().sign()
    assert torch.allclose(decoupled, wanted, atol=1e-6)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "adam", "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.1, "amsgrad": True},
        {"type": "adamw", "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.1},
        {"type": "sgd", "momentum": 0.5, "nesterov": True},
        {"type": "rmsprop", "alpha": 0.9, "momentum": 0.5, "centered": True},
        {"type": "adagrad", "lr_decay": 0.1},
        {"type": "adadelta", "rho": 0.5},
        {"type": "radam", "betas": [0.5, 0.9]},
    ],
)
def test_options_reach_pytorch(value):
    made = optimizers.call(optimizers.parse(value), [start()], RATE)
    for option, given in value.items():
        if option != "type":
            expected = tuple(given) if isinstance(given, list) else given
            assert made.param_groups[0][option] == expected


@pytest.mark.parametrize(
    "value",
    [
        {"type": "adam", "betas": [0.9]},
        {"type": "adam", "betas": [0.9, 1.0]},
        {"type": "adam", "eps": -1},
        {"type": "adam", "lr": 1},
        {"type": "adam", "learning_rate": 1},
        {"type": "sgd", "momentum": 1.0},
        {"type": "sgd", "nesterov": "perhaps"},
        {"type": "sgd", "nesterov": True},  # which needs a momentum
        {"type": "sgd", "nesterov": True, "momentum": 0.9, "dampening": 0.1},
    ],
)
def test_options_that_no_optimizer_has_are_refused(value):
    with pytest.raises(ValidationError, match="optimizer"):
        TrainingSpec(optimizer=value)


def rates(value: object, epochs: int = EPOCHS, metrics: list[float] | None = None) -> list[float]:
    """Return the rate of each epoch, and of one after the last."""
    sgd = torch.optim.SGD([start()], RATE)
    schedule = schedules.call(schedules.parse(value), sgd, epochs)
    seen = []
    for epoch in range(epochs + 1):
        seen.append(sgd.param_groups[0]["lr"])
        sgd.step()
        if metrics is not None:
            schedule.step(metrics[epoch])
        elif schedule is not None:
            schedule.step()
    return seen


FORMULAS = [
    ("constant", lambda e: 1.0),
    ("step", lambda e: 0.1 ** (e // 10)),
    ({"type": "step", "every": 3, "factor": 0.5}, lambda e: 0.5 ** (e // 3)),
    ("multi_step", lambda e: 1.0),
    (
        {"type": "multi_step", "milestones": [2, 7], "factor": 0.3},
        lambda e: 0.3 ** ((e >= 2) + (e >= 7)),
    ),
    ("exponential", lambda e: 0.95**e),
    ({"type": "exponential", "factor": 0.5}, lambda e: 0.5**e),
    ("cosine", lambda e: (1 + math.cos(math.pi * e / EPOCHS)) / 2),
    (
        {"type": "cosine", "minimum": 0.02},
        lambda e: 0.2 + 0.8 * (1 + math.cos(math.pi * e / EPOCHS)) / 2,
    ),
    ("linear", lambda e: 1 - e / EPOCHS),
    ({"type": "linear", "end": 0.4}, lambda e: 1 - 0.6 * e / EPOCHS),
]


@pytest.mark.parametrize(("value", "formula"), FORMULAS)
def test_formula(value, formula):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rates(value) == pytest.approx([RATE * formula(e) for e in range(EPOCHS + 1)])


def test_one_cycle_rises_and_falls():
    seen = rates({"type": "one_cycle", "warmup": 0.3, "start": 0.1, "end": 0.001})
    assert seen[0] == pytest.approx(0.1 * RATE)
    assert seen[3] == pytest.approx(RATE) == max(seen)
    assert seen[10] == pytest.approx(0.001 * RATE)
    assert seen[:4] == sorted(seen[:4])
    assert seen[3:] == sorted(seen[3:], reverse=True)
    assert seen[1] == pytest.approx(RATE * (0.1 + 0.9 * (1 - math.cos(math.pi / 3)) / 2))


def test_plateau_waits_for_its_patience():
    losses = [1.0, 0.5, *[0.5] * 9]
    seen = rates({"type": "plateau", "factor": 0.5, "patience": 2}, metrics=losses)
    assert seen[:5] == [RATE] * 5
    assert seen[5] == pytest.approx(RATE / 2)


def test_every_schedule_has_a_formula_and_runs_for_one_epoch():
    tested = {value if isinstance(value, str) else value["type"] for value, _ in FORMULAS}
    assert set(schedules.names()) == tested | {"one_cycle", "plateau"}
    for name in set(schedules.names()) - {"plateau"}:
        assert rates(name, epochs=1)[0] > 0


@pytest.mark.parametrize(
    "value",
    [
        {"type": "step", "every": 0},
        {"type": "multi_step", "milestones": [0]},
        {"type": "multi_step", "milestones": 3},
        {"type": "cosine", "minimum": -1},
        {"type": "linear", "end": 1.5},  # PyTorch refuses it when training starts
        {"type": "one_cycle", "warmup": 1},
        {"type": "one_cycle", "start": 0},
        {"type": "plateau", "factor": 1},
        {"type": "constant", "factor": 1},
    ],
)
def test_options_that_no_schedule_has_are_refused(value):
    with pytest.raises(ValidationError, match="learning_rate_schedule"):
        TrainingSpec(learning_rate_schedule=value)
