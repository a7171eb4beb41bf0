"""The torch module. Start with `loopy_net.py`: its forward pass is the whole idea."""

from loopynet.network.loopy_net import LoopyNet
from loopynet.network.loss import loss_over_time
from loopynet.network.readout import Each, Last, Readout

__all__ = ["Each", "Last", "LoopyNet", "Readout", "loss_over_time"]
