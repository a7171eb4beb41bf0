"""How much memory training will need, before it does: a step without numbers, counted to the byte.

The network runs once forwards and backwards on tensors that have shapes and no storage (PyTorch's
`FakeTensorMode`), and what they would hold at the same time is added up.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from loopynet.errors import LoopyNetError, SpecError
from loopynet.graph import build_graph, costs, free_memory
from loopynet.graph.costs import show_bytes
from loopynet.modules.gradient import Truncated
from loopynet.network import LoopyNet
from loopynet.network.loss import loss_over_time
from loopynet.parts.choice import Choice
from loopynet.run import best_device
from loopynet.spec import NetworkSpec
from loopynet.training.frozen import freeze

PROCESS = {"cpu": (1.6, 23 * 2**20)}
"""By how much a process grows for each byte of tensors, and at least. On CPUs copies in other
layouts and freed memory that the C library keeps come on top; fitted to measurements, see
docs/reliability.md. On GPUs the tensors are what is counted."""

MOMENTS = {"adam": 2, "adamw": 2, "nadam": 2, "radam": 2, "adamax": 2, "adadelta": 2, "sgd": 1}
"""Numbers that an optimizer keeps for each weight; 1 where it is not said."""


class _Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the storages that live at the same time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.hold(leaf)
        return result

    def hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage not in self._seen:
            self._seen.add(storage)
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._free, storage.nbytes())

    def _free(self, count: int) -> None:
        self.now -= count


def training_device(spec: NetworkSpec) -> torch.device:
    """Return where a network is trained: the device that its spec names, or the best one here."""
    name = spec.training.device
    return best_device() if name == "auto" else torch.device(name)


def tensor_bytes(spec: NetworkSpec, batch_size: int | None = None) -> int:
    """Return the bytes that a training step holds at most, beside the weights.

    Activations, gradients and the optimizer's numbers. For networks that run to convergence, whose
    number of passes is not known, it is the rougher estimate of `loopynet describe`.

    Args:
        spec: the network and its training.
        batch_size: the spec's if None; 1 if that is auto.
    """
    size = batch_size or spec.training.least_images
    if spec.unroll.until == "converged":
        found = costs(build_graph(spec))
        return found.training_bytes(size) - 4 * found.numbers
    reduced = spec.training.precision != "float32"
    kind = torch.bfloat16  # float16 takes as much, and not every CPU has it
    with (
        torch.random.fork_rng(devices=[]),
        FakeTensorMode(allow_non_fake_inputs=True),
        torch.autocast("cpu", kind, enabled=reduced),
    ):
        net = LoopyNet(spec).train()
        freeze(net)
        grid = net.graph.output_shape[1:]
        x = torch.empty(size, *net.graph.input_shape)
        labels = torch.zeros(size, *grid, dtype=torch.long)
        held = _Held()
        for tensor in (*net.parameters(), *net.buffers(), x, labels):
            held.hold(tensor)
        weights = held.now
        gradient = spec.training.optimizer.name != "evolution"
        with held, torch.set_grad_enabled(gradient):
            loss = loss_over_time(net(x), labels, spec.loss.steps)
            if spec.loss.progressive and net.graph.loops:  # at most: no unroll without a gradient
                again = net(x, gradient=Truncated(net.graph.steps), readout="last")
                loss = loss + loss_over_time(again, labels, "last")
            if gradient:
                torch.autograd.backward(loss)
        learned = sum(p.numel() for p in net.parameters() if p.requires_grad)
    moments = MOMENTS.get(spec.training.optimizer.name, 1) * learned * 4
    average = 0 if spec.training.average is None else weights - _bytes(x, labels)
    return held.most - weights + moments + average


def _bytes(*tensors: Tensor) -> int:
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


def process_bytes(spec: NetworkSpec, device: torch.device, batch_size: int | None = None) -> int:
    """Return what training needs on a device, beside what is held before it begins."""
    factor, least = PROCESS.get(device.type, (1.0, 0))
    return int(factor * tensor_bytes(spec, batch_size)) + least


def free_bytes(device: torch.device) -> int:
    """Return what a device has left for this process: limits of containers and processes count."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_memory.free_bytes()


@dataclass(frozen=True)
class Need:
    """What a training needs and what there is, in bytes.

    Attributes:
        needed: by the process, beside what it holds.
        free: on the device.
    """

    needed: int
    free: int

    @property
    def fits(self) -> bool:
        """Whether there is enough."""
        return self.needed <= self.free


def need(spec: NetworkSpec, device: torch.device) -> Need:
    """Return what training a spec on a device needs and what there is."""
    return Need(process_bytes(spec, device), free_bytes(device))


def fitted(spec: NetworkSpec, device: torch.device) -> NetworkSpec:
    """Return the spec if its training fits the device, else with a smaller batch if it says so.

    With `training.too_large: shrink` the size of a batch is halved until it fits.

    Raises:
        SpecError: it does not fit; the message has the numbers of what would.
    """
    found = need(spec, device)
    if found.fits:
        return spec
    smaller = _smaller(spec, device, found.free)
    if smaller and spec.training.too_large == "shrink":
        training = spec.training.model_copy(update={"batch_size": smaller})
        return spec.model_copy(update={"training": training})
    raise SpecError(
        f"needs about {show_bytes(found.needed)} to train with, and {show_bytes(found.free)} are "
        f"free; {_remedies(spec, device, smaller)}",
        ("training", "batch_size"),
    )


def _smaller(spec: NetworkSpec, device: torch.device, free: int) -> int:
    size = spec.training.least_images // 2
    while size and process_bytes(spec, device, size) > free:
        size //= 2
    return size


def _remedies(spec: NetworkSpec, device: torch.device, smaller: int) -> str:
    said = []
    if smaller:
        amount = show_bytes(process_bytes(spec, device, smaller))
        said.append(f"write {smaller} (about {amount}), or training.too_large: shrink")
    if spec.training.gradient.name == "full" and spec.loops:
        amount = _recomputed(spec, device)
        said += [f"training.gradient: recompute (about {amount})"] if amount else []
    return ", or ".join(said) if said else "write fewer filters or units, or fewer unroll.steps"


def _recomputed(spec: NetworkSpec, device: torch.device) -> str:
    training = spec.training.model_copy(update={"gradient": Choice("recompute")})
    try:
        other = spec.model_copy(update={"training": training})
        return show_bytes(process_bytes(other, device))
    except LoopyNetError:
        return ""
