"""A table of networks and what their controls cost, in Markdown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from loopynet.control.controls import CONTROLS
from loopynet.control.difference import compare_costs
from loopynet.control.widths import width_key
from loopynet.errors import SpecError
from loopynet.graph import build_graph
from loopynet.spec.network import NetworkSpec

HEAD = ("network", "control", "widths", "parameters", "difference", "multiply-adds", "difference")


def control_table(specs: Iterable[NetworkSpec]) -> str:
    """Return one row for each network and one for each control of those with loops.

    A control that there is not (a network whose weights are written out has none without loops)
    has no row.
    """
    rows = [HEAD, tuple("---" for _ in HEAD)]
    for spec in specs:
        rows.append(_row(spec, spec, spec.name, ""))
        for word, control in CONTROLS.items() if spec.loops else ():
            with contextlib.suppress(SpecError):
                rows.append(_row(spec, control(spec), "", word))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(original: NetworkSpec, control: NetworkSpec, name: str, word: str) -> tuple[str, ...]:
    cost = compare_costs(original, control)
    return (
        name,
        word,
        widths(control),
        f"{cost.control.parameters:,}",
        _signed(cost.parameters, cost.relative_parameters) if word else "",
        f"{cost.control.multiply_adds:,}",
        _signed(cost.multiply_adds, cost.relative_multiply_adds) if word else "",
    )


def widths(spec: NetworkSpec) -> str:
    """Return the output channels of the main stack's layers that set them: 64, 64, 3, 10."""
    nodes = build_graph(spec).layers
    return ", ".join(
        str(nodes[name].output_shape[0]) for name in spec.main if width_key(nodes[name])
    )


def _signed(difference: int, part: float) -> str:
    return f"{difference:+,} ({100 * part:+.2f} %)" if difference else "0"
