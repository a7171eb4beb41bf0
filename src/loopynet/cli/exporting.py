"""The command that writes a run in the formats of other tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal

from loopynet.cli.terminal import visible
from loopynet.foreign import write_whole


def run_export(options: argparse.Namespace) -> int:
    """Write a run's network as a file."""
    from loopynet.run import RunFolder

    net = RunFolder.open(options.run).network()
    path = Path(options.out)
    readout: Literal["each"] | None = "each" if options.each else None
    said = ""
    if options.format == "onnx":
        from loopynet.export import to_onnx

        difference = to_onnx(net, path, options.unrolls, readout)
        said = f"; onnxruntime gives the same logits, to {difference:.1g}"
    elif options.format == "torch":
        import torch

        from loopynet.export import to_program

        program = to_program(net, options.unrolls, readout)
        path.unlink(missing_ok=True)  # it may be a link
        with path.open("wb") as file:  # which torch would open with an error of its own
            torch.export.save(program, file)
    else:
        from loopynet.export import to_fx

        code = to_fx(net, options.unrolls, readout).code.strip()
        weights = f"# {net.graph.name}, unrolled. The weights are those of {options.run}.\n"
        write_whole(path, f"{weights}{code}\n")
    print(visible(f"wrote {options.out}{said}"), file=sys.stderr)
    return 0
