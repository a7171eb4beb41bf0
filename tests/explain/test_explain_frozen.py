"""The stand-in that is explained in place of the network."""

import torch

from loopynet import load_spec
from loopynet.explain.frozen import frozen_copy
from reference.values import random_input, random_net


def test_the_copy_shares_memory_and_asks_for_no_gradient():
    net = random_net(load_spec("cifar10-loopy", ("input.shape=[3, 6, 5]",))).eval()
    copy = frozen_copy(net)
    mine, theirs = net.state_dict(keep_vars=True), copy.state_dict(keep_vars=True)
    assert list(mine) == list(theirs)
    for key, value in mine.items():
        assert theirs[key].data_ptr() == value.data_ptr()
        assert not theirs[key].requires_grad
        assert theirs[key] is not value or not value.requires_grad
    assert not {id(m) for m in net.modules()} & {id(m) for m in copy.modules()}
    x = random_input(net)
    assert torch.equal(copy(x), net(x))
    with torch.no_grad():
        net.layers["conv_1"].op.weight.zero_()
    assert torch.equal(copy(x), net(x))
    copy.train()
    assert not net.training
