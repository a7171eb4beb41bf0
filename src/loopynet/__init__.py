"""Loopy neural networks: feed-forward networks with feedback loops.

Names are loaded when first used, so that `import loopynet` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loopynet.errors import DataError, LoopyNetError, LoopyNetWarning, RunError, SpecError
    from loopynet.estimator import LoopyClassifier
    from loopynet.export import to_fx, to_onnx, to_program
    from loopynet.graph import build_graph
    from loopynet.hub import from_pretrained, push_to_hub, save_pretrained
    from loopynet.modules.gradient import Full, Implicit, Phantom, Recompute, Truncated
    from loopynet.modules.solvers import Anderson, Broyden, Damped, Plain
    from loopynet.network import Agreed, Confident, Converged, Each, Last, LoopyNet, Outcome
    from loopynet.parts.layers import (
        Conv2d,
        ConvTranspose2d,
        Dense,
        Dropout,
        Flatten,
        GlobalPool,
        Identity,
        LocalResponseNorm,
        Maxout,
        Norm,
        Pool2d,
        Scale,
        Upsample,
    )
    from loopynet.spec import Loop, NetworkSpec, Skip, parse_spec, read_spec, to_yaml, write_spec
    from loopynet.training.module import LoopyModule
    from loopynet.wrap import LoopyModel, add_loops
    from loopynet.zoo import load_spec, pretrained_names, zoo_names

_HOMES = {
    "errors": ("DataError", "LoopyNetError", "LoopyNetWarning", "RunError", "SpecError"),
    "estimator": ("LoopyClassifier",),
    "export": ("to_fx", "to_onnx", "to_program"),
    "graph": ("build_graph",),
    "hub": ("from_pretrained", "push_to_hub", "save_pretrained"),
    "modules.gradient": ("Full", "Implicit", "Phantom", "Recompute", "Truncated"),
    "modules.solvers": ("Anderson", "Broyden", "Damped", "Plain"),
    "network": ("Agreed", "Confident", "Converged", "Each", "Last", "LoopyNet", "Outcome"),
    "parts.layers": (
        "Conv2d",
        "ConvTranspose2d",
        "Dense",
        "Dropout",
        "Flatten",
        "GlobalPool",
        "Identity",
        "LocalResponseNorm",
        "Maxout",
        "Norm",
        "Pool2d",
        "Scale",
        "Upsample",
    ),
    "spec": ("Loop", "NetworkSpec", "Skip", "parse_spec", "read_spec", "to_yaml", "write_spec"),
    "training.module": ("LoopyModule",),
    "wrap": ("LoopyModel", "add_loops"),
    "zoo": ("load_spec", "pretrained_names", "zoo_names"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0.dev0"
__all__ = [
    "Agreed",
    "Anderson",
    "Broyden",
    "Confident",
    "Conv2d",
    "ConvTranspose2d",
    "Converged",
    "Damped",
    "DataError",
    "Dense",
    "Dropout",
    "Each",
    "Flatten",
    "Full",
    "GlobalPool",
    "Identity",
    "Implicit",
    "Last",
    "LocalResponseNorm",
    "Loop",
    "LoopyClassifier",
    "LoopyModel",
    "LoopyModule",
    "LoopyNet",
    "LoopyNetError",
    "LoopyNetWarning",
    "Maxout",
    "NetworkSpec",
    "Norm",
    "Outcome",
    "Phantom",
    "Plain",
    "Pool2d",
    "Recompute",
    "RunError",
    "Scale",
    "Skip",
    "SpecError",
    "Truncated",
    "Upsample",
    "add_loops",
    "build_graph",
    "from_pretrained",
    "load_spec",
    "parse_spec",
    "pretrained_names",
    "push_to_hub",
    "read_spec",
    "save_pretrained",
    "to_fx",
    "to_onnx",
    "to_program",
    "to_yaml",
    "write_spec",
    "zoo_names",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'loopynet' has no attribute {name!r}")
    return getattr(import_module(f"loopynet.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
