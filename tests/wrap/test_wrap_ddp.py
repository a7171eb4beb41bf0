"""Two processes train one wrapped model: gradients are those of the whole batch."""

from __future__ import annotations

import socket
from pathlib import Path

import torch
from small_models import images, stack
from torch import nn, optim
from torch.nn.parallel import DistributedDataParallel

from loopynet import Loop, LoopyModel, Recompute, add_loops


def network() -> LoopyModel:
    torch.manual_seed(0)
    loop = Loop(from_="high", to="mid", fit="project")
    return add_loops(stack(), [loop], 3, example=images(), start="full")


def step(net: nn.Module, x: torch.Tensor) -> None:
    optimizer = optim.SGD(net.parameters(), 0.1)
    for gradient in (None, Recompute()):
        optimizer.zero_grad()
        net(x, gradient=gradient).square().mean().backward()
        optimizer.step()


def work(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", address, rank=rank, world_size=2)
    net = network()
    step(DistributedDataParallel(net), images(4)[rank::2])
    torch.save(net.state_dict(), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (port, str(tmp_path)), nprocs=2)
    net = network()
    step(net, images(4))
    for rank in (0, 1):
        for key, value in torch.load(tmp_path / f"{rank}.pt").items():
            torch.testing.assert_close(value, net.state_dict()[key], rtol=1e-10, atol=1e-12)
