"""Reading the specs that a command names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loopynet.graph import Graph
    from loopynet.spec import NetworkSpec
    from loopynet.spec.source import Source


def checked(
    name: str, changes: Sequence[str], *, memory: bool = True
) -> tuple[Source, NetworkSpec, Graph]:
    """Return the spec, its graph and where it was read; errors name the file and line.

    Args:
        name: a zoo entry or a YAML file.
        changes: as given with --set.
        memory: refuse a network that does not fit this machine.
    """
    from loopynet.errors import LoopyNetWarning
    from loopynet.graph import advice, build_graph, check_memory
    from loopynet.spec.read import override, validate
    from loopynet.zoo import load_source

    source = override(load_source(name), changes)
    with source.blame():
        spec = validate(source)
        graph = build_graph(spec)
        if memory:
            check_memory(graph, spec.training.least_images)
    for sentence in advice(spec, graph):
        warnings.warn(sentence, LoopyNetWarning, stacklevel=2)
    return source, spec, graph
