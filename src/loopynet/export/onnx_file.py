"""A network as an ONNX file that has been checked against the network."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from loopynet.errors import LoopyNetError
from loopynet.export.program import Net, Traceable, export, traceable
from loopynet.network import Readout

TOLERANCE = 1e-4
"""The largest difference, beside numbers of 1 and below; relative to larger ones."""

NEEDED = ("onnx", "onnxruntime", "onnxscript")


def to_onnx(
    net: Net,
    path: str | Path,
    unrolls: int | None = None,
    readout: Readout | Literal["last", "each"] | None = None,
    example: Any = None,
) -> float:
    """Write a network to an ONNX file, run it in onnxruntime, and compare.

    The file takes batches of any size. It is the network in evaluation mode and float32, all
    unrolls written out. It is checked with the example and with batches of one and of another size;
    a file that computes something else is not kept.

    Args:
        net: a LoopyNet, or a model with added loops; it stays as it is.
        path: the file; one that exists is replaced.
        unrolls: passes; those of the network if None.
        readout: Last() or Each(), or the word for it; the network's if None.
        example: as for `to_program`.

    Returns:
        The largest difference between onnxruntime's outputs and the network's that was found.

    Raises:
        LoopyNetError: the packages of `loopynet[onnx]` are missing, the network cannot be written
            as ONNX, or its outputs differ by more than 1e-4.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise LoopyNetError(
            f"ONNX needs {', '.join(missing)}; install them with: pip install 'loopynet[onnx]'"
        )
    function = traceable(net, unrolls, readout, example)
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)  # it may be a link
    try:
        _write(function, partial)
        difference = _largest_difference(function, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return difference


def _write(function: Traceable, path: Path) -> None:
    """Write a file without looking into it."""
    with _quiet():
        try:
            program = torch.onnx.export(
                export(function),
                input_names=function.input_names,
                output_names=function.output_names,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # torch raises many kinds for an operation that ONNX lacks
            reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
            raise LoopyNetError(f"this network cannot be written as ONNX: {reason}") from error
        assert program is not None
        program.save(path, external_data=False)


def _largest_difference(function: Traceable, path: Path) -> float:
    """Return how far onnxruntime's outputs are from the network's; raises if too far."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest = 0.0
    for inputs in _batches(function.inputs):
        given = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs, strict=True)}
        with torch.no_grad():
            wanted = function.module(*inputs)
        for output, found, right in zip(
            session.get_outputs(), session.run(None, given), wanted, strict=True
        ):
            difference = _difference(found, right.numpy())
            largest = max(largest, difference)
            if not difference <= TOLERANCE:
                raise LoopyNetError(
                    f'in onnxruntime "{output.name}" is off by {difference:.2g} for a batch of '
                    f"{len(inputs[0])}, where {TOLERANCE:g} is allowed; the file was not kept"
                )
    return largest


def _batches(inputs: tuple[Tensor, ...]) -> Iterator[tuple[Tensor, ...]]:
    """Yield the example, a batch of one, and one that is larger by one."""
    yield inputs
    yield tuple(x[:1] for x in inputs)
    yield tuple(torch.cat((x, x[:1])) for x in inputs)


def _difference(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> float:
    """Return the largest difference, relative to numbers above 1; infinite for other shapes."""
    if found.shape != wanted.shape:
        return float("inf")
    apart = np.abs(found.astype(float) - wanted) / np.maximum(1.0, np.abs(wanted))
    return float(apart.max(initial=0.0))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
