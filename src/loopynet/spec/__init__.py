"""The description of a network: validated, plain data. Start with `network.py`."""

from loopynet.spec.augmentation import Augmentation
from loopynet.spec.data import DataSpec, Split
from loopynet.spec.network import InputSpec, NetworkSpec
from loopynet.spec.read import parse_spec, read_spec
from loopynet.spec.training import EarlyStopping, Loss, TrainingSpec
from loopynet.spec.wiring import Loop, Skip, Unroll
from loopynet.spec.write import to_yaml, write_spec

__all__ = [
    "Augmentation",
    "DataSpec",
    "EarlyStopping",
    "InputSpec",
    "Loop",
    "Loss",
    "NetworkSpec",
    "Skip",
    "Split",
    "TrainingSpec",
    "Unroll",
    "parse_spec",
    "read_spec",
    "to_yaml",
    "write_spec",
]
