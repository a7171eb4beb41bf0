"""A network in the formats of others: torch.fx, torch.export, ONNX."""

from loopynet.export.graph_module import to_fx
from loopynet.export.onnx_file import to_onnx
from loopynet.export.program import to_program

__all__ = ["to_fx", "to_onnx", "to_program"]
