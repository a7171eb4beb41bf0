"""Normalization over time against PyTorch's own modules, one for each unroll."""

import copy

import pytest
import torch
from torch import nn

from loopynet.modules.norm import BatchNormOverTime, GroupNormOverTime

SHAPES = [(4, 6, 3, 2), (5, 6)]


def randomize(module: nn.Module) -> None:
    with torch.no_grad():
        for key, value in (*module.named_parameters(), *module.named_buffers()):
            value.uniform_(0.5, 1.5) if "var" in key else value.normal_()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("affine", "statistics"), [(3, 3), (1, 3), (1, 1), (3, 1)])
def test_batch_norm_is_one_batch_norm_for_each_unroll(affine, statistics, shape, training):
    norm = BatchNormOverTime(6, affine, statistics, momentum=0.3, eps=1e-2).double()
    randomize(norm)
    norm.train(training)
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    running = [
        (norm.running_mean[s].clone(), norm.running_var[s].clone()) for s in range(statistics)
    ]
    for t in (1, 2, 3, 4, 2):  # 4 is beyond the last set; 2 comes again
        a, s = min(t, affine) - 1, min(t, statistics) - 1
        one = kind(6, eps=1e-2, momentum=0.3).double().train(training)
        with torch.no_grad():
            one.weight.copy_(norm.weight[a])
            one.bias.copy_(norm.bias[a])
            one.running_mean.copy_(running[s][0])
            one.running_var.copy_(running[s][1])
        x = torch.randn(shape, dtype=torch.float64)
        assert torch.allclose(norm(x, t), one(x), atol=1e-12)
        running[s] = (one.running_mean.clone(), one.running_var.clone())
        for row in range(statistics):
            assert torch.allclose(norm.running_mean[row], running[row][0], atol=1e-12)
            assert torch.allclose(norm.running_var[row], running[row][1], atol=1e-12)


def test_evaluation_leaves_the_statistics_alone():
    norm = BatchNormOverTime(6, 2, 2).eval()
    before = copy.deepcopy(norm.state_dict())
    norm(torch.randn(4, 6), 1)
    assert all(torch.equal(value, before[key]) for key, value in norm.state_dict().items())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("affine", [1, 3])
def test_group_norm_is_one_group_norm_for_each_unroll(affine, groups, shape):
    norm = GroupNormOverTime(6, groups, affine, eps=1e-2).double()
    randomize(norm)
    for t in (1, 2, 3, 4):
        one = nn.GroupNorm(groups, 6, eps=1e-2).double()
        with torch.no_grad():
            one.weight.copy_(norm.weight[min(t, affine) - 1])
            one.bias.copy_(norm.bias[min(t, affine) - 1])
        x = torch.randn(shape, dtype=torch.float64)
        for training in (True, False):
            assert torch.allclose(norm.train(training)(x, t), one(x), atol=1e-12)


def test_new_norms_change_nothing_but_scale_and_shift():
    x = torch.randn(64, 6)
    for norm in (BatchNormOverTime(6, 2, 2), GroupNormOverTime(6, 1, 2)):
        y = norm(x, 2)
        over = 0 if isinstance(norm, BatchNormOverTime) else 1
        assert torch.allclose(y.mean(over), torch.zeros_like(y.mean(over)), atol=1e-5)
        assert torch.allclose(y.std(over, correction=0), torch.ones_like(y.mean(over)), atol=1e-3)
