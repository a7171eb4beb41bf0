"""Operations that compute with the weights of another one.

The weights have one name in `parameters()` and `state_dict()`, that of their owner. They are looked
up there at every call, so that whatever is done to the owner (moved, loaded, exchanged) is done to
both.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from loopynet.errors import LoopyNetError
from loopynet.modules.dense import FlatLinear

Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


class _Borrowing(nn.Module):
    """Has the options of one operation and the weights of another.

    Args:
        op: the operation whose options it takes.
        owner: the one whose weights it uses.
    """

    _owner: tuple[Weighted]

    def __init__(self, op: Weighted, owner: Weighted) -> None:
        nn.Module.__init__(self)  # not that of a convolution, which would make weights
        vars(self).update({key: value for key, value in vars(op).items() if key not in vars(self)})
        self._owner = (owner,)  # in a tuple, or it would be a part of this module

    @property
    def weight(self) -> Tensor:
        """The owner's weight."""
        return self._owner[0].weight

    @property
    def bias(self) -> Tensor | None:
        """The owner's bias."""
        return self._owner[0].bias


class BorrowingConv2d(_Borrowing, nn.Conv2d):  # type: ignore[override]
    """A convolution with the weights of another."""


class BorrowingConvTranspose2d(_Borrowing, nn.ConvTranspose2d):  # type: ignore[override]
    """A transposed convolution with the weights of another, or of a convolution."""


class BorrowingFlatLinear(_Borrowing, FlatLinear):  # type: ignore[misc, override]
    """A dense layer with the weights of another."""


_KINDS: dict[type[nn.Module], type[_Borrowing]] = {
    nn.Conv2d: BorrowingConv2d,
    nn.ConvTranspose2d: BorrowingConvTranspose2d,
    FlatLinear: BorrowingFlatLinear,
}
"""What borrows for each type of operation; a type derived from one may compute something else."""


def borrow(op: nn.Module, owner: nn.Module) -> nn.Module:
    """Return an operation that has the options of `op` and the weights of `owner`.

    Args:
        op: what a layer's `build` returned: a convolution, its transpose or a dense layer, perhaps
            with padding around it. Its own weights are not used.
        owner: the same of another layer, with weights of the same shapes.

    Raises:
        LoopyNetError: one of them is something else.
    """
    module, source = _weighted(op), _weighted(owner)
    borrowing = _KINDS[type(module)](module, source)
    if not isinstance(op, nn.Sequential):
        return borrowing
    return nn.Sequential(*(borrowing if part is module else part for part in op))


def _weighted(op: nn.Module) -> Weighted:
    """Return the module that has the weights."""
    for part in op if isinstance(op, nn.Sequential) else (op,):
        if type(part) in _KINDS:
            return cast(Weighted, part)
    raise LoopyNetError(
        "weights_of is for convolutions and dense layers, and cannot share the weights of a "
        f"{type(op).__name__}; leave it out"
    )
