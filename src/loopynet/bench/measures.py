"""How each kind of cell is measured: from its settings to its result, both plain data."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from loopynet.bench.contenders import SHORT_RUN
from loopynet.bench.exact import measure_gradients, measure_same
from loopynet.bench.same import BenchError, check_same
from loopynet.bench.turns import Place, Worker, take_turns

TURN_SECONDS = 0.3
"""A turn has so many steps that it takes about this long."""
PRODUCT = "product"

Settings = Mapping[str, Any]
Result = dict[str, Any]


def measure_steps(settings: Settings, place: Place) -> Result:
    """Time several contenders in turns, after they have shown that they compute the same.

    A contender that cannot be set up (no compiler, no torchdeq) is left out, with its reason.

    Settings: network, changes, batch, mode, rounds, tolerances (of logits and gradients), product
    (matrix size or null) and entries: for each name a contender, changes, and whether its gradients
    are the same.
    """
    workers, warm, skipped = _set_up(settings, place)
    agreement = _agreement(settings, workers, place)
    longest = max(one["seconds"] for one in warm.values())
    steps = max(1, math.ceil(TURN_SECONDS / longest))
    runs = {name: _per_step(worker, steps) for name, worker in workers.items()}
    if settings[PRODUCT]:
        own = {"size": settings[PRODUCT], "device": place.device}
        product = place.worker(PRODUCT, "product", own)
        product.ask("warm")
        runs[PRODUCT] = _per_step(product, 1)
    return {
        "seconds": take_turns(runs, settings["rounds"]),
        "steps_a_turn": steps,
        "compile_seconds": {name: one["compile_seconds"] for name, one in warm.items()},
        "multiply_adds": {name: worker.ask("multiply_adds") for name, worker in workers.items()},
        "agreement": agreement,
        "skipped": skipped,
    }


def _set_up(
    settings: Settings, place: Place
) -> tuple[dict[str, Worker], dict[str, dict[str, float]], dict[str, str]]:
    """Return the workers, their times of warming up, and why others were left out."""
    workers, warm, skipped = {}, {}, {}
    for name, entry in settings["entries"].items():
        own = {
            **_one(entry["contender"], settings, place),
            "changes": [*settings["changes"], *entry["changes"]],
            "mode": settings["mode"],
        }
        try:
            worker = place.worker(name, "steps", own)
            warm[name] = worker.ask("warm")
            workers[name] = worker
        except BenchError as error:
            skipped[name] = str(error)
    if not workers:
        raise BenchError("; ".join(f"{name}: {why}" for name, why in skipped.items()))
    return workers, warm, skipped


def _agreement(settings: Settings, workers: Mapping[str, Worker], place: Place) -> Result:
    """Return how far the answers are apart; raises BenchError if too far."""
    answers = {}
    for name, worker in workers.items():
        file = place.folder / f"{name}.safetensors"
        worker.ask("answer", file=str(file))
        answers[name] = load_file(file)
        file.unlink()
    others = [n for n, entry in settings["entries"].items() if not entry["same_gradients"]]
    # On CUDA ours multiplies in TF32, with 10 bits after the point.
    coarser = 10 if place.device == "cuda" else 1
    logits, gradients = (coarser * each for each in settings["tolerances"])
    return check_same(answers, logits, others, gradients)


def _per_step(worker: Worker, steps: int) -> Callable[[], float]:
    return lambda: float(worker.ask("run", steps=steps)) / steps


def measure_linear(settings: Settings, place: Place) -> Result:
    """Time training steps of one network with several numbers of unrolls, in turns.

    Settings: network, changes, batch, unrolls (a list), rounds.
    """
    most = max(settings["unrolls"])
    own = {
        **_one("ours", settings, place),
        "changes": [*settings["changes"], f"unroll.steps={most}"],
    }
    worker = place.worker("ours", "steps", own)
    worker.ask("warm")
    runs = {}
    for k in settings["unrolls"]:
        steps = max(1, most // (4 * k))
        runs[str(k)] = partial(_unrolled, worker, steps, k)
        runs[str(k)]()
    return {"seconds": take_turns(runs, settings["rounds"])}


def _unrolled(worker: Worker, steps: int, unrolls: int) -> float:
    return float(worker.ask("run", steps=steps, unrolls=unrolls)) / steps


def measure_compile(settings: Settings, place: Place) -> Result:
    """Time how long it takes to compile, each time in a new process with empty caches.

    Settings: network, changes, batch, rounds, contenders, unrolls (a list).
    """

    def once(contender: str, k: int) -> float:
        with tempfile.TemporaryDirectory(dir=place.folder, ignore_cleanup_errors=True) as cache:
            own = _one(contender, settings, place)
            own["changes"] = [*settings["changes"], f"unroll.steps={k}"]
            with Worker("steps", place, own, Path(cache)) as worker:
                return float(worker.ask("warm")["compile_seconds"])

    runs = {
        (name, k): partial(once, name, k)
        for name, each in settings["contenders"].items()
        for k in each
    }
    seconds = take_turns(runs, settings["rounds"])
    return {
        "seconds": {
            name: {str(k): seconds[name, k] for k in each}
            for name, each in settings["contenders"].items()
        }
    }


def measure_memory(settings: Settings, place: Place) -> Result:
    """Measure the most bytes of a forward and backward pass.

    Settings: network, changes, batch, images (of the run that the library is told of), fresh
    (whether each is measured in a fresh process; without, only allocated bytes mean anything) and
    entries: for each name a contender, changes and unrolls (null for the spec's).
    """
    found: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for name, entry in settings["entries"].items():
        own = {
            **_one(entry["contender"], settings, place),
            "changes": [*settings["changes"], *entry["changes"]],
            "images": settings["images"],
        }
        asked = {"unrolls": entry["unrolls"], "small_first": settings["images"] == SHORT_RUN}
        try:
            if settings["fresh"]:
                with Worker("steps", place, own) as worker:
                    found[name] = worker.ask("peak", **asked)
            else:
                worker = place.worker(entry["contender"], "steps", own)
                found[name] = {"allocated": worker.ask("peak", **asked)["allocated"]}
        except BenchError as error:
            skipped[name] = str(error)
    return {"bytes": found, "skipped": skipped}


def measure_start(settings: Settings, place: Place) -> Result:
    """Time new Python processes: nothing, torch, our package, our command.

    Settings: rounds.
    """
    commands = {
        "python": ["-c", "pass"],
        "import loopynet": ["-c", "import loopynet"],
        "loopynet --help": ["-m", "loopynet", "--help"],
        "loopynet check cifar10-loopy": ["-m", "loopynet", "check", "cifar10-loopy"],
        "import torch": ["-c", "import torch"],
    }

    def once(arguments: list[str]) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    runs = {name: partial(once, arguments) for name, arguments in commands.items()}
    take_turns(runs, 1)  # byte code and disk caches
    return {"seconds": take_turns(runs, settings["rounds"])}


MEASURES: dict[str, Callable[[Settings, Place], Result]] = {
    "same": measure_same,
    "steps": measure_steps,
    "linear": measure_linear,
    "compile": measure_compile,
    "memory": measure_memory,
    "gradients": measure_gradients,
    "start": measure_start,
}


def _one(contender: str, settings: Settings, place: Place) -> dict[str, Any]:
    return {
        "contender": contender,
        "network": settings["network"],
        "changes": list(settings["changes"]),
        "batch": settings["batch"],
        "device": place.device,
    }
