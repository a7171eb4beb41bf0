"""Starting from the weights of another run, and leaving some as they are."""

from __future__ import annotations

from collections.abc import Iterator

import lightning
from torch import nn

from loopynet.errors import RunError, SpecError
from loopynet.network import LoopyNet
from loopynet.run import RunFolder
from loopynet.spec.network import MAIN

FILE = "model.safetensors"


def start_from(net: LoopyNet, name: str) -> None:
    """Give a network the weights of a run.

    Every weight of the run must be there in the network, under its name and of its shape. What the
    network has besides stays as it is.

    Args:
        net: the network.
        name: a run's name or path, or a trained entry of the zoo.

    Raises:
        RunError: there is no such run, or its weights do not fit.
    """
    run = RunFolder.open(name)
    file, state = run.path / FILE, net.state_dict()
    found = run.read_tensors(FILE)
    for key, value in found.items():
        if key not in state:
            raise RunError(f'{file}: "{key}" is not in the network that training.weights starts')
        if state[key].shape != value.shape:
            raise RunError(
                f'{file}: "{key}" is {list(value.shape)}, and the network that training.weights '
                f"starts needs {list(state[key].shape)}"
            )
    net.load_state_dict({**state, **found})


def freeze(net: LoopyNet) -> None:
    """Let the layers of `training.freeze` get no gradient.

    Raises:
        SpecError: nothing is left to train.
    """
    for module in frozen_layers(net):
        module.requires_grad_(False)
    if not any(p.requires_grad for p in net.parameters()):
        raise SpecError("leaves nothing to train; name fewer layers", ("training", "freeze"))


def frozen_layers(net: LoopyNet) -> Iterator[nn.Module]:
    """Yield the modules of the layers of `training.freeze`, all copies of untied ones."""
    named = set(net.spec.training.freeze)
    names = named | ({*net.spec.main} if MAIN in named else set())
    for key, module in net.layers.items():
        if key.partition("@")[0] in names:
            yield module


class KeepFrozen(lightning.Callback):
    """Keeps frozen layers in evaluation mode: running statistics stay, nothing is dropped out.

    Args:
        net: the network.
    """

    def __init__(self, net: LoopyNet) -> None:
        self.net = net

    def on_train_start(self, *_: object) -> None:
        """Set the mode for an epoch that is continued."""
        self.on_train_epoch_start()

    def on_train_epoch_start(self, *_: object) -> None:
        """Set the mode; Lightning sets training mode for all when it begins."""
        for module in frozen_layers(self.net):
            module.eval()
