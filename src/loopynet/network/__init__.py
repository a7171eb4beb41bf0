"""The torch module. Start with `loopy_net.py`: its forward pass is the whole idea."""

from loopynet.network.loopy_net import Compiled, LoopyNet
from loopynet.network.loss import loss_over_time
from loopynet.network.readout import Each, Last, Readout
from loopynet.network.stopping import Agreed, Confident, Converged, Outcome, Stop

__all__ = [
    "Agreed",
    "Compiled",
    "Confident",
    "Converged",
    "Each",
    "Last",
    "LoopyNet",
    "Outcome",
    "Readout",
    "Stop",
    "loss_over_time",
]
