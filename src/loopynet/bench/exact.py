"""What must be equal and not fast: measured in float64, on the CPU, in this process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from loopynet.bench.contenders import SHORT_RUN, build_contender
from loopynet.bench.same import check_same, gaps
from loopynet.bench.turns import Place
from loopynet.errors import LoopyNetWarning
from loopynet.zoo import load_spec


def measure_same(settings: Mapping[str, Any], _: Place) -> dict[str, Any]:
    """Compare all contenders' logits and gradients; raises BenchError if they differ.

    Settings: network, changes, batch, contenders, unrolls (a list), tolerance.
    """
    found = {}
    with _float64():
        for k in settings["unrolls"]:
            changes = [*settings["changes"], f"unroll.steps={k}"]
            answers = {name: _answer(name, settings, changes) for name in settings["contenders"]}
            found[str(k)] = check_same(answers, settings["tolerance"])
    return found


def measure_gradients(settings: Mapping[str, Any], _: Place) -> dict[str, float]:
    """Return how far one gradient mode's logits and gradients are from another's.

    Settings: network, changes, other_changes, batch.
    """
    with _float64():
        one = _answer("ours", settings, settings["changes"])
        other = _answer("ours", settings, settings["other_changes"])
    found = gaps(one, other)
    return {"logits": found.pop("logits"), "gradients": max(found.values())}


def _answer(name: str, settings: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Tensor]:
    spec = load_spec(settings["network"], tuple(changes))
    cpu = torch.device("cpu")
    return build_contender(name, spec, settings["batch"], cpu, images=SHORT_RUN).answer()


@contextmanager
def _float64() -> Iterator[None]:
    """Make new numbers float64 for a while; that k is larger than trained needs no warning."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LoopyNetWarning)
            yield
    finally:
        torch.set_default_dtype(before)
