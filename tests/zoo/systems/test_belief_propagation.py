"""Belief propagation against messages passed one by one, and against all states of small models."""

from __future__ import annotations

import itertools
import random

import pytest
import torch
from torch import Tensor

from loopynet import LoopyNet, LoopyNetWarning, build_graph, load_spec
from loopynet.graph import costs

Site = tuple[int, int]


def network(rows: int, columns: int) -> LoopyNet:
    spec = load_spec("belief-propagation", (f"input.shape=[3, {rows}, {columns}]",))
    return LoopyNet(spec).double().eval()


def couplings(model: Tensor) -> dict[tuple[Site, Site], Tensor]:
    """Return J_ij of each pair of neighbors, in both orders; model is [3, rows, columns]."""
    rows, columns = model.shape[1:]
    found = {}
    for r, c in itertools.product(range(rows), range(columns)):
        for channel, other in ((1, (r, c + 1)), (2, (r + 1, c))):
            if other[0] < rows and other[1] < columns:
                found[(r, c), other] = found[other, (r, c)] = model[channel, r, c]
    return found


def exact(model: Tensor) -> Tensor:
    """Return the mean of each spin, row by row, from every state."""
    rows, columns = model.shape[1:]
    sites = list(itertools.product(range(rows), range(columns)))
    states = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=len(sites)))).double()
    spin = dict(zip(sites, states.T, strict=True))
    weight = sum(model[0][site] * spin[site] for site in sites)
    weight = weight + sum(j * spin[a] * spin[b] for (a, b), j in couplings(model).items()) / 2
    return torch.softmax(weight, 0) @ states


def random_tree(model: Tensor, seed: int) -> Tensor:
    """Return the model with the couplings of a random spanning tree alone."""
    part = {site: site for pair in couplings(model) for site in pair}
    tree, pairs = model.clone(), [pair for pair in couplings(model) if pair[0] < pair[1]]
    tree[1:] = 0
    random.Random(seed).shuffle(pairs)
    for a, b in pairs:
        if part[a] != part[b]:
            joined = part[b]
            part = {site: part[a] if each == joined else each for site, each in part.items()}
            channel = 1 if a[0] == b[0] else 2
            tree[channel][a] = model[channel][a]
    return tree


def test_every_message_equals_the_reference() -> None:
    torch.manual_seed(0)
    rows, columns, steps = 3, 5, 6
    model = torch.randn(3, rows, columns, dtype=torch.float64)
    net = network(rows, columns)
    trace = net.trace(model[None], unrolls=steps)
    field, pairs = model[0], couplings(model)
    messages = {pair: torch.zeros((), dtype=torch.float64) for pair in pairs}
    travels = {(0, 1): 0, (0, -1): 1, (1, 0): 2, (-1, 0): 3}
    for t in range(1, steps + 1):
        cavity = {
            (i, j): field[i] + sum(m for (k, to), m in messages.items() if to == i and k != j)
            for i, j in pairs
        }
        messages = {
            (i, j): torch.atanh(coupling.tanh() * cavity[i, j].tanh())
            for (i, j), coupling in pairs.items()
        }
        arrived = torch.zeros(4, rows, columns, dtype=torch.float64)
        for (i, j), message in messages.items():
            arrived[travels[j[0] - i[0], j[1] - i[1]]][j] = message
        torch.testing.assert_close(trace[f"arrive@{t}"][0], arrived, rtol=1e-10, atol=1e-10)
        belief = (field + arrived.sum(0)).tanh().flatten()
        torch.testing.assert_close(trace[f"sites@{t}"][0], belief, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("shape", "steps"), [((1, 12), 11), ((9, 1), 8), ((1, 1), 1)])
def test_a_chain_is_exact_after_its_length(shape: tuple[int, int], steps: int) -> None:
    torch.manual_seed(1)
    model = torch.randn(3, *shape, dtype=torch.float64)
    means = network(*shape)(model[None], unrolls=steps)[0]
    torch.testing.assert_close(means, exact(model), rtol=0, atol=1e-10)
    if steps > 1:
        early = network(*shape)(model[None], unrolls=steps - 1)[0]
        assert (early - exact(model)).abs().max() > 1e-8


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_in_the_grid_is_exact(seed: int) -> None:
    torch.manual_seed(seed)
    tree = random_tree(torch.randn(3, 4, 4, dtype=torch.float64), seed)
    net, wanted = network(4, 4), exact(tree)
    torch.testing.assert_close(net(tree[None], unrolls=15)[0], wanted, rtol=0, atol=1e-10)
    outcome = net.run(tree[None])
    assert outcome.converged.all()
    torch.testing.assert_close(outcome.logits[0], wanted, rtol=0, atol=1e-10)


def test_a_weakly_coupled_grid_is_close_to_exact() -> None:
    torch.manual_seed(0)
    models = torch.randn(5, 3, 4, 4, dtype=torch.float64) * 0.2
    outcome = network(4, 4).run(models)
    assert outcome.converged.all()
    errors = (outcome.logits - torch.stack([exact(model) for model in models])).abs()
    assert 1e-5 < errors.max() < 0.01


def test_a_frustrated_strongly_coupled_grid_says_that_it_does_not_converge() -> None:
    torch.manual_seed(0)
    models = torch.randn(20, 3, 4, 4, dtype=torch.float64)
    models[:, 1:] = 2 * models[:, 1:].sign()
    models[:, 0] *= 0.1
    with pytest.warns(LoopyNetWarning, match=r"did not converge in 200 unrolls.* spectral radius"):
        outcome = network(4, 4).run(models)
    failed = ~outcome.converged
    assert failed.any()
    radius = outcome.spectral_radius[failed]
    assert radius[~radius.isnan()].max() > 1


def test_all_weights_are_fixed_by_the_file() -> None:
    graph = build_graph(load_spec("belief-propagation"))
    assert costs(graph).parameters == 3 + 20 + 36 + 5 + 12 + 36
    torch.manual_seed(0)
    first = network(4, 4).state_dict()
    torch.manual_seed(1)
    for key, value in network(4, 4).state_dict().items():
        assert torch.equal(value, first[key])
        assert set(value.unique().tolist()) <= {0.0, 1.0}
