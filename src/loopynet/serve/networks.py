"""The trained networks that the page offers. They are shared by all its users and never changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from torch import Tensor

from loopynet.data import Images, Preprocessing, load_part
from loopynet.errors import DataError, LoopyNetError, RunError
from loopynet.network import LoopyNet
from loopynet.network.checks import check_one_answer
from loopynet.run import RunFolder
from loopynet.run.folder import RUNS
from loopynet.zoo import pretrained_names

MOST_KEPT = 8
"""Networks in memory, with their test images; the one that was not used for longest goes first."""

MOST_IMAGES = 2_000
"""Test images in memory, and those that accuracies are measured on."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and what belongs to it.

    Attributes:
        name: of the run, or of the zoo entry.
        net: in evaluation mode; shared, so that nobody may change it.
        preprocessing: turns uint8 pixels into its inputs.
        class_names: in the order of the logits.
        test: the first test images; none if the data set is not at hand.
        why_no_test: then the reason; empty otherwise.
        answers: classes that it answers for test images at the last unroll, by the number of the
            first image of a batch; filled when they are first needed.
    """

    name: str
    net: LoopyNet
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    test: Images | None
    why_no_test: str = ""
    answers: dict[int, Tensor] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of its images."""
        channels, height, width = self.net.graph.input_shape
        return channels, height, width

    def class_name(self, number: int) -> str:
        """Return the name of a class, or its number if the run names no such class."""
        return self.class_names[number] if number < len(self.class_names) else str(number)


class Networks:
    """Networks by name, loaded when they are first asked for.

    Args:
        first: a run folder, the name of a run, or that of a trained zoo entry, which the page
            begins with; None for the first there is.

    Raises:
        RunError: there is no such run.
    """

    def __init__(self, first: str | None = None) -> None:
        self.first = first or pretrained_names()[0]
        RunFolder.open(self.first)
        self._kept: OrderedDict[str, Trained] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> tuple[str, ...]:
        """Return what can be chosen: the first, the runs in `runs/`, the trained zoo entries."""
        runs = sorted(p.parent.name for p in RUNS.glob("*/model.safetensors"))
        return tuple(dict.fromkeys((self.first, *runs, *pretrained_names())))

    def get(self, name: str) -> Trained:
        """Return a network.

        Raises:
            RunError: the name is none of `names`, or the run is damaged.
            LoopyNetError: its inputs are no images, or its answers are maps.
        """
        if name not in self.names():
            raise RunError(f'there is no run "{name[:80]}" here; choose one of the list')
        with self._lock:
            if name not in self._kept:
                self._kept[name] = load(name)
            self._kept.move_to_end(name)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[name]


def load(name: str) -> Trained:
    """Load a run; raises as `Networks.get`."""
    run = RunFolder.open(name)
    net = run.network()
    shape = net.graph.input_shape
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise LoopyNetError(f'"{net.graph.name}" takes no images of 1 or 3 channels')
    check_one_answer(net.graph, "the explorer")
    test, reason = None, ""
    try:
        test = load_part(net.spec.data, shape, "test", MOST_IMAGES)
    except DataError as error:
        reason = str(error)
    return Trained(name, net, run.preprocessing(), run.class_names(), test, reason)
