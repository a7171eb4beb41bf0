"""Times guided backpropagation of many filters: ours, and two loops as one would write them.

    python benchmarks/explain_speed.py --out results/explain-speed.json

64 filters of conv_2 at each of the three unrolls of cifar10-loopy, 16 images, random weights.

* obvious: for each filter and unroll a new forward pass with guided rectifiers, and `.backward()`
  on the sum of the filter.
* retained: one forward pass; for each filter and unroll `torch.autograd.grad` with regard to the
  images alone, the graph kept.
* ours: `loopynet.explain.guided_backprop`, everything in one call.

The three take turns in every round, so that whatever else the machine does falls on all of them.
In each round the loops run over every `--stride`-th filter only, and their time is scaled up: each
filter costs the same. That favors none of them; a full loop is timed with --stride 1.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from loopynet import LoopyNet
from loopynet.explain import guided_backprop

NETWORK, TARGETS, FILTERS, IMAGES = "cifar10-loopy", [f"conv_2@{t}" for t in (1, 2, 3)], 64, 16


class GuidedReLU(torch.autograd.Function):
    """ReLU whose gradient passes where it is positive and the input was."""

    @staticmethod
    def forward(ctx: Node, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Node, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (x > 0)


class Guided(TorchFunctionMode):
    """Exchanges ReLU; this much the loops need, too."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.nn.functional.relu:
            return GuidedReLU.apply(args[0])
        return func(*args, **(kwargs or {}))


def obvious(net: LoopyNet, images: Tensor, filters: range) -> Tensor:
    """A forward and a backward pass for each filter and unroll, through `.backward()`."""
    maps = []
    for target in TARGETS:
        for f in filters:
            net.zero_grad()
            x = images.clone().requires_grad_()
            seen: dict[str, Tensor] = {}
            with Guided():
                net(x, record=seen.__setitem__)
            seen[target][:, f].sum().backward()
            maps.append(x.grad)
    return torch.stack(maps)


def retained(net: LoopyNet, images: Tensor, filters: range) -> Tensor:
    """One forward pass; the gradient of the images alone for each filter and unroll."""
    x = images.clone().requires_grad_()
    seen: dict[str, Tensor] = {}
    with Guided():
        net(x, record=seen.__setitem__)
    return torch.stack(
        [
            torch.autograd.grad(seen[target][:, f].sum(), x, retain_graph=True)[0]
            for target in TARGETS
            for f in filters
        ]
    )


def ours(net: LoopyNet, images: Tensor, filters: range) -> Tensor:
    """The library's call."""
    return guided_backprop(net, images, TARGETS, list(filters)).flatten(0, 1)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(net: LoopyNet, images: Tensor, rounds: int, stride: int) -> dict[str, object]:
    """Time all three in turns; returns the rounds and the ratios."""
    every, some = range(FILTERS), range(0, FILTERS, stride)
    scale = len(every) / len(some)
    found = []
    for number in range(rounds):
        times = {
            "obvious": scale * seconds(lambda: obvious(net, images, some)),
            "ours": seconds(lambda: ours(net, images, every)),
            "retained": scale * seconds(lambda: retained(net, images, some)),
        }
        found.append(times)
        print(f"round {number + 1}: " + ", ".join(f"{k} {v:.1f} s" for k, v in times.items()))
    result: dict[str, object] = {"seconds": found}
    for loop in ("obvious", "retained"):
        ratios = sorted(r[loop] / r["ours"] for r in found)
        middle, low, high = statistics.median(ratios), ratios[0], ratios[-1]
        result[f"{loop}_over_ours"] = {"median": middle, "least": low, "most": high}
        print(f"ours is {middle:.2f} times as fast as {loop} ({low:.2f} to {high:.2f})")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--note", default="", help="what else the machine did")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    net = LoopyNet.from_yaml(NETWORK).eval()
    images = torch.randn(IMAGES, *net.graph.input_shape)
    few = range(2)
    wanted = obvious(net, images, few)
    for other in (retained, ours):
        torch.testing.assert_close(other(net, images, few), wanted, rtol=1e-3, atol=1e-4)
    result = {
        "network": NETWORK, "targets": TARGETS, "filters": FILTERS, "images": IMAGES,
        "stride": options.stride, "torch": torch.__version__, "machine": platform.machine(),
        "note": options.note, "threads": {},
    }  # fmt: skip
    for threads in options.threads:
        torch.set_num_threads(threads)
        print(f"{threads} threads")
        measured = measure(net, images, options.rounds, options.stride)
        result["threads"][str(threads)] = measured
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
