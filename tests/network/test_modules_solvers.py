"""Solvers on linear maps, whose fixed points are known, and on a map that swings."""

import pytest
import torch

from loopynet.modules.solvers import Anderson, Broyden, Damped, Plain
from loopynet.network.fixed_point import relative_residual, solve

SOLVERS = [Plain(), Damped(0.7), Anderson(), Anderson(3, 0.8), Broyden(), Broyden(5)]


def linear(radius: float, n: int = 4, d: int = 6, seed: int = 0):
    """Return f(z) = A z + b with A of the given spectral norm, and its fixed point."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, d, d, dtype=torch.float64, generator=generator)
    a = radius * a / torch.linalg.matrix_norm(a, 2)[:, None, None]
    b = torch.randn(n, d, dtype=torch.float64, generator=generator)
    wanted = torch.linalg.solve(torch.eye(d, dtype=torch.float64) - a, b[:, :, None])[:, :, 0]

    def f(z, rows):
        return (a[rows] @ z[:, :, None])[:, :, 0] + b[rows]

    return f, wanted


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_the_fixed_point_of_a_contraction(solver):
    f, wanted = linear(0.8)
    found = solve(f, torch.zeros_like(wanted), 1e-10, 300, solver)
    assert (found.z - wanted).abs().max() < 1e-8
    assert (found.residuals <= 1e-10).all()
    assert (found.steps < 300).all()


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_samples_do_not_depend_on_their_mates(solver):
    f, wanted = linear(0.9)
    together = solve(f, torch.zeros_like(wanted), 1e-8, 200, solver)
    assert len(set(together.steps.tolist())) > 1  # they leave at different times
    for i in range(len(wanted)):
        row = torch.tensor([i])
        one = lambda z, rows, row=row: f(z, row[rows])  # noqa: E731
        alone = solve(one, torch.zeros(1, 6, dtype=torch.float64), 1e-8, 200, solver)
        assert torch.allclose(alone.z[0], together.z[i], rtol=1e-12, atol=1e-12)
        assert alone.steps[0] == together.steps[i]


@pytest.mark.parametrize("solver", [Damped(0.5), Anderson(), Broyden()], ids=repr)
def test_what_swings_for_ever_is_settled(solver):
    """f(z) = 1 - z has the fixed point 1/2, which plain iteration never nears."""
    swing = lambda z, rows: 1 - z  # noqa: E731
    start = torch.zeros(2, 3, dtype=torch.float64)
    assert solve(swing, start, 1e-9, 50, Plain()).residuals.min() > 0.1
    found = solve(swing, start, 1e-9, 50, solver)
    assert torch.allclose(found.z, torch.full_like(start, 0.5), atol=1e-8)


def test_accelerated_solvers_need_fewer_passes():
    f, wanted = linear(0.97, d=20)
    counts = [
        int(solve(f, torch.zeros_like(wanted), 1e-8, 2000, s).steps.max())
        for s in (Plain(), Anderson(8), Broyden(40))
    ]
    assert counts[1] < 0.8 * counts[0]
    assert counts[2] < 0.8 * counts[0]


def test_a_map_that_expands_gives_the_best_iterate_and_says_how_it_grows():
    f, _ = linear(0.5)
    grows = lambda z, rows: 3 * f(z, rows) + z  # noqa: E731
    found = solve(grows, torch.ones(4, 6, dtype=torch.float64), 1e-8, 30, Plain())
    assert (found.residuals > 1e-8).all()
    assert (found.growth > 1).any()
    assert found.z.isfinite().all()


def test_values_that_are_not_finite_stop_their_sample():
    explode = lambda z, rows: torch.where(rows[:, None] == 0, z * 1e200, 0.5 * z + 1)  # noqa: E731
    found = solve(explode, torch.ones(2, 1, dtype=torch.float64), 1e-9, 100, Plain())
    assert found.z[1].item() == pytest.approx(2)
    assert found.steps[0] < 10


def test_the_residual_is_relative_to_the_sample():
    z = torch.tensor([[1.0, 0.0], [0.0, 100.0]])
    fz = torch.tensor([[2.0, 0.0], [0.0, 101.0]])
    assert relative_residual(z, fz).tolist() == pytest.approx([0.5, 1 / 101])
