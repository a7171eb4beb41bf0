"""The cells of the suite: what is measured, as data. A cell is one JSON file of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loopynet.bench.contenders import LONG_RUN, SHORT_RUN
from loopynet.bench.measures import PRODUCT

NETWORK = "cifar10-loopy"
BATCHES = (1, 5, 32, 128, 512)
QUICK_BATCHES = (5, 32, 128)
UNROLLS = (1, 2, 4, 8, 16, 32)
LINEAR = (1, 8, 16, 24, 32, 40, 48, 56, 64)
WIDTHS = {"small": 16, "large": 192}  # cifar10-loopy, with 64 filters, is the medium one
PRODUCT_SIZE = 4096
TOLERANCES = (1e-3, 5e-2)
"""Of float32 logits and gradients, relative. Where a rectifier's input is near zero, rounding
decides whether a gradient passes; float64 ones, in cell `same`, are compared to 1e-10."""
CONVERGING = (
    "norm={type: group, groups: 1, over_time: shared}",
    "unroll={steps: 2, until: converged, tolerance: %g, max_steps: %d}",
    "training.gradient={type: implicit, tolerance: %g, max_steps: %d}",
)
"""cifar10-loopy with a norm that does not mix samples, run to its fixed point."""


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        quick: only what the targets need, in minutes.
        network: of the form of cifar10-loopy.
        changes: of its spec.
        batches: batch sizes of training steps; the size's own if empty.
        rounds: turns of each contender; each cell's own if None.
        compiling: whether what needs a compiler is measured.
        only: kinds of cells; all if empty.
    """

    quick: bool = False
    network: str = NETWORK
    changes: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    rounds: int | None = None
    compiling: bool = True
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One thing to measure.

    Attributes:
        name: of its file.
        group: what `--only` chooses by, one of GROUPS.
        kind: how it is measured: a name in `loopynet.bench.measures.MEASURES`.
        settings: of that measure.
    """

    name: str
    group: str
    kind: str
    settings: dict[str, Any]


GROUPS = {
    "same": "whether all contenders compute the same",
    "steps": "training steps by batch size",
    "truncated": "a truncated gradient against the deep control",
    "memory": "peak memory and gradients of recompute and implicit",
    "linear": "time by number of unrolls",
    "compile": "time to compile",
    "unrolls": "training steps by number of unrolls, all contenders",
    "sizes": "training steps of a small and a large network",
    "inference": "answers without training",
    "converge": "running to convergence, against torchdeq",
    "start": "start-up of the package and the command",
}
"""What is measured, in the order in which it is run; the first six are those of a quick run."""
QUICK_GROUPS = ("same", "steps", "truncated", "memory", "linear", "compile")


def cells(size: Size) -> list[Cell]:
    """Return what a suite of this size measures, in order."""
    if not size.compiling:
        size = replace(size, changes=(*size.changes, "training.speed.compile=false"))
    wanted = size.only or (QUICK_GROUPS if size.quick else tuple(GROUPS))
    found = [cell for group in GROUPS if group in wanted for cell in _MAKERS[group](size)]
    if size.rounds is None:
        return found
    return [
        replace(c, settings={**c.settings, "rounds": size.rounds}) if "rounds" in c.settings else c
        for c in found
    ]


def _entry(contender: str, *changes: str, same_gradients: bool = True) -> dict[str, Any]:
    return {"contender": contender, "changes": list(changes), "same_gradients": same_gradients}


def _passes(contender: str, unrolls: int | None = None, *changes: str) -> dict[str, Any]:
    return {"contender": contender, "changes": list(changes), "unrolls": unrolls}


def _on(size: Size, batch: int, *changes: str) -> dict[str, Any]:
    """Return the settings that most cells have."""
    return {"network": size.network, "changes": [*size.changes, *changes], "batch": batch}


def _by_hand(size: Size) -> list[str]:
    return ["eager", "compiled"] if size.compiling else ["eager"]


def _timed(size: Size, group: str, name: str, rounds: int, **other: Any) -> Cell:
    """Return a cell of training steps of the contenders that are written by hand, and of ours."""
    settings: dict[str, Any] = {
        **_on(size, 32),
        "mode": "train",
        "rounds": rounds,
        "tolerances": list(TOLERANCES),
        PRODUCT: None,
        "entries": {who: _entry(who) for who in (*_by_hand(size), "ours")},
    }
    return Cell(name, group, "steps", {**settings, **other})


def _same(size: Size) -> list[Cell]:
    settings = {
        **_on(size, 4),
        "contenders": ["eager", "ours", "untied"],
        "unrolls": [2, 3, 8],
        "tolerance": 1e-10,
    }
    return [Cell("same", "same", "same", settings)]


def _steps(size: Size) -> list[Cell]:
    batches = size.batches or (QUICK_BATCHES if size.quick else BATCHES)
    found = []
    for batch in batches:
        rounds = 7 if size.quick else 15
        cell = _timed(size, "steps", f"steps-batch-{batch}", rounds, batch=batch)
        cell.settings[PRODUCT] = PRODUCT_SIZE
        if not size.quick:
            cell.settings["entries"]["deep"] = _entry("untied")
        found.append(cell)
    return found


def _truncated(size: Size) -> list[Cell]:
    batches = size.batches or (32,)
    last = "training.gradient={type: truncated, steps: 1}"
    entries = {
        "deep": _entry("untied"),
        "truncated": _entry("ours", last, same_gradients=False),
    }
    if not size.quick:
        entries["full"] = _entry("ours")
    rounds = 9 if size.quick else 15
    return [
        _timed(size, "truncated", f"truncated-batch-{batch}", rounds, batch=batch, entries=entries)
        for batch in batches
    ]


def _memory(size: Size) -> list[Cell]:
    ks = (1, 32) if size.quick else UNROLLS
    modes = {"full": "full", "recompute": "recompute"}
    if not size.quick:
        modes["truncated"] = "{type: truncated, steps: 1}"
    loops: dict[str, Any] = {
        f"{name} {k}": _passes("ours", k, "unroll.steps=32", f"training.gradient={mode}")
        for name, mode in modes.items()
        for k in ks
    }
    iterations = (5, 80) if size.quick else (5, 10, 20, 40, 80)
    fixed = {f"implicit {n}": _passes("ours", None, *converging(1e-30, n)) for n in iterations}
    on = _on(size, size.batches[0] if size.batches else 32)
    run = {**on, "images": SHORT_RUN, "fresh": not size.quick, "entries": {**loops, **fixed}}
    recompute = ["unroll.steps=8", "training.gradient=recompute"]
    at_convergence = [CONVERGING[0], "unroll.steps=200"]
    found = [
        Cell("memory", "memory", "memory", run),
        _gradients("recompute", size, recompute, ["unroll.steps=8"]),
        _gradients("implicit", size, converging(1e-11, 300), at_convergence),
    ]
    if not size.quick:
        who = {name: _passes(name) for name in (*_by_hand(size), "ours", "untied")}
        whole = {**on, "images": LONG_RUN, "fresh": True, "entries": who}
        found.append(Cell("memory-contenders", "memory", "memory", whole))
    return found


def _gradients(name: str, size: Size, one: Sequence[str], other: Sequence[str]) -> Cell:
    settings = {**_on(size, 2, *one), "other_changes": [*size.changes, *other]}
    return Cell(f"gradients-{name}", "memory", "gradients", settings)


def _linear(size: Size) -> list[Cell]:
    settings = {
        **_on(size, size.batches[0] if size.batches else 4),
        "unrolls": list(LINEAR),
        "rounds": 7 if size.quick else 15,
    }
    return [Cell("linear", "linear", "linear", settings)]


def _compile(size: Size) -> list[Cell]:
    if not size.compiling:
        return []
    contenders = {"ours": [2, 64]}
    if not size.quick:
        contenders = {"ours": [2, 4, 8, 16, 32, 64], "compiled": [2, 4, 8, 16]}
    settings = {
        **_on(size, 4, "training.speed.compile=layers"),  # whole grows with k, and says so
        "contenders": contenders,
        "rounds": 1 if size.quick else 3,
    }
    return [Cell("compile", "compile", "compile", settings)]


def _unrolls(size: Size) -> list[Cell]:
    return [
        _timed(
            size,
            "unrolls",
            f"unrolls-{k}",
            7,
            changes=[*size.changes, f"unroll.steps={k}"],
            batch=8,
            tolerances=[k * each for each in TOLERANCES],
        )
        for k in UNROLLS
    ]


def _sizes(size: Size) -> list[Cell]:
    found = []
    for name, filters in WIDTHS.items():
        changes = [*size.changes, *(f"layers.conv_{i}.filters={filters}" for i in (1, 2))]
        found.append(_timed(size, "sizes", f"size-{name}", 7, changes=changes))
    return found


def _inference(size: Size) -> list[Cell]:
    return [
        _timed(size, "inference", f"inference-batch-{batch}", 11, batch=batch, mode="infer")
        for batch in (size.batches or (1, 32, 128))
    ]


def _converge(size: Size) -> list[Cell]:
    tolerance, most = 1e-4, 100
    still = "training.learning_rate=1e-12"  # else the loop may cease to contract
    changes = [*size.changes, *converging(tolerance, most), still]
    names = ("torchdeq", "ours")
    entries = {name: _entry(name) for name in names}
    timed = _timed(size, "converge", "converge", 11, changes=changes, entries=entries)
    timed.settings["tolerances"] = [
        100 * tolerance,
        100 * tolerance,
    ]  # both stop before they are there
    memory = {
        **_on(size, 32, *converging(tolerance, most)),
        "images": SHORT_RUN,
        "fresh": True,
        "entries": {name: _passes(name) for name in names},
    }
    return [timed, Cell("converge-memory", "converge", "memory", memory)]


def _start(size: Size) -> list[Cell]:
    return [Cell("start", "start", "start", {"rounds": 11})]


def converging(tolerance: float, most: int) -> list[str]:
    """Return the changes that make the network run to convergence."""
    return [line % ((tolerance, most) if "%" in line else ()) for line in CONVERGING]


_MAKERS: dict[str, Callable[[Size], list[Cell]]] = {
    "same": _same,
    "steps": _steps,
    "truncated": _truncated,
    "memory": _memory,
    "linear": _linear,
    "compile": _compile,
    "unrolls": _unrolls,
    "sizes": _sizes,
    "inference": _inference,
    "converge": _converge,
    "start": _start,
}
