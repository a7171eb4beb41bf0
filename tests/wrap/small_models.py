"""Models to put loops into, and the same with loops written out by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Stack(nn.Module):
    """Three convolutions, the second half as large, and a classifier."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.low = nn.Conv2d(2, 4, 3, padding=1)
        self.mid = nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.BatchNorm2d(6))
        self.high = nn.Conv2d(6, 6, 3, padding=1)
        self.act = nn.ReLU(inplace)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.low(x))
        x = self.act(self.mid(x))
        x = self.act(self.high(x))
        return self.head(x.mean((2, 3)))


def stack(inplace: bool = False) -> Stack:
    """Return a Stack in float64, in evaluation mode, its running statistics not trivial."""
    torch.manual_seed(0)
    model = Stack(inplace).double()
    model.mid[1].running_mean.uniform_(-0.2, 0.2)
    model.mid[1].running_var.uniform_(0.5, 2)
    return model.eval()


def images(n: int = 3, size: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 2, size, size, dtype=torch.float64, generator=generator)


def by_hand(model: Stack, x: Tensor, unrolls: int, mix: nn.Conv2d, gain: float) -> list[Tensor]:
    """Return the logits of each pass with the loop high -> low input of mid, merged by `modulate`.

    x + gain * f * x, with f the projected, resized output of `high` in the pass before.
    """
    signal, logits = None, []
    for _ in range(unrolls):
        a = model.low(x).relu()
        if signal is not None:
            a = a + gain * a * signal
        b = model.mid(a).relu()
        c = model.high(b)
        f = functional.conv2d(c, mix.weight, mix.bias)
        signal = functional.interpolate(f, a.shape[2:], mode="bilinear", align_corners=False)
        logits.append(model.head(c.relu().mean((2, 3))))
    return logits


class Encoder(nn.Module):
    """Two blocks that take and give tuples, one shared activation, and a dictionary at the end."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(5, 5)

        def forward(self, hidden: Tensor, mask: Tensor | None = None) -> tuple[Tensor, None]:
            return self.linear(hidden).tanh(), None

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([self.Block(), self.Block()])
        self.shared = nn.Tanh()
        self.embed = nn.Embedding(7, 5)
        self.never = nn.Linear(5, 5)
        self.head = nn.Linear(5, 2)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        x = self.embed(ids)
        x, _ = self.blocks[0](hidden=x)
        x = self.shared(x)
        x, _ = self.blocks[1](x, mask=None)
        x = self.shared(x)
        return {"logits": self.head(x.mean(1)), "hidden": x}


def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder().double().eval()


IDS = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 0]])
