"""Training with Lightning. Start with `train.py`; one step is in `module.py`."""

from loopynet.network import loss_over_time
from loopynet.training.finish import TrainingResult
from loopynet.training.module import LoopyModule
from loopynet.training.repeat import Repeated, repeat
from loopynet.training.train import resume, train
from loopynet.training.workers import Workers

__all__ = [
    "LoopyModule", "Repeated", "TrainingResult", "Workers", "loss_over_time", "repeat", "resume",
    "train",
]  # fmt: skip
