"""Makes docs/reliability.md from the data in results/reliability/.

make results
"""

import json
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "reliability"
PAGE = ROOT / "docs" / "reliability.md"

PAGE_TEXT = """\
# Reliability

What happens to a run when something goes wrong, and how that was tried. This page is made from
`results/reliability/` by `make results`, and a test keeps it in step; `make reliability` runs the
campaigns anew. A short version of each is in `make test`. [security.md](security.md) is about
files from strangers.

## Nothing is lost

**Resuming is exact.** `loopynet resume RUN` goes on from the last checkpoint: of the end of an
epoch, or of a step within it if `training.checkpoint_every` says after how many steps one is
written. What came after it is run again: all random numbers follow from the run's seed and the
number of the epoch, and begin anew at each checkpoint, so that they are the same numbers. The run
ends with the weights and figures of a run that was left alone, to the bit, on the same machine with
the same versions and threads; if those differ, a warning names them. Early stopping, `keep: best`,
schedules, averaged weights, the place in the epoch, its means so far, steps that were left out and
the state of the evolution strategy are part of a checkpoint.

**Every file is written whole or not at all.** It is written beside its place, brought to the disk
(`fsync`), and put in its place in one step. What stood there before stays until then.

**Checkpoints are checked.** The name of a checkpoint holds the beginning of the SHA-256 of its
content; the two newest are kept. A damaged one is named in a warning, and the one before it is
used.

{kills}

In the tests, the power is cut at every single write of a run in turn
(`tests/reliability/test_nothing_is_lost.py`): with each of them missing, or half written, the run
goes on to the same bits. A file system of 400 KB fills up while a run writes: the command ends
with one line and status 1, all files are whole, and with more space the run goes on to the same
bits.

## Divergence is named

The loss and the norm of the gradient are looked at in every step, before weights change. If one is
not finite, the batch is run again with the same random numbers and everything recorded, and the
run ends with the first layer and unroll whose activation is not finite, or, if all are finite,
whose gradient is not:

    loopynet: the loss became nan in epoch 3, step 1,876: the first activation that is not finite
    is that of conv_2@3; what came before it reached 3.1e+38; try a smaller training.learning_rate
    or training.gradient_clip_norm (multiplying loops grow fast); the last checkpoint stays

`training.nonfinite: skip` leaves such steps out instead, with what they did to running statistics,
and says how many; 20 in a row end the run. In float16 infinite gradients are a matter of course
and are scaled down, as PyTorch does it. What the check costs, as a share of a training step:

{checks}

## It fits, or says so first

Before training, one step is run on tensors that have shapes and no storage (a tenth of a second),
and what they would hold at once is added up. On a processor, a process grows by 1.6 times that and
23 MiB: copies in other layouts, and freed memory that the C library keeps. These two numbers were
fitted to nine cases like those below. Training that needs more than is free (of the machine, of
its container, or of the process's own limit) is refused, with the numbers and with what would fit.
`training.too_large: shrink` halves the batch until it fits, and `training.batch_size: auto` finds
the largest power of two, not above the number of training images, that is predicted to take four
fifths of what is free at most. It is found once, after the images are loaded: the number is said,
is in the run's `config.yaml`, and is what `resume` and `repeat` use. The largest batch is seldom
the one that learns best. Comparisons and searches ask for a number, since their runs must not
differ by what is free. Images that do not fit are refused, too; `data.streaming: true` reads them
from the disk batch by batch (`tests/training/test_training_streaming.py`: 492 MiB of images in a
process that may take 400 MiB).
For networks that run to convergence the estimate is rougher, and on GPUs nothing was measured.

{memory}

## Repeatable

`loopynet repeat RUN` trains a finished run's config again and compares every weight, figure and
score, to the bit. It says first what the two ran on that differs: versions, threads, device,
commit.
"""


def read(name: str) -> dict[str, Any]:
    """Return the data of a campaign."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def kills() -> str:
    """Return what the killed runs ended with."""
    data = read("kills")
    signals = " and ".join(f"{n} {name}" for name, n in data["by_signal"].items())
    same = data["runs"] - data["runs_that_differ"]
    runs = "1 run" if data["runs"] == 1 else f"{data['runs']} runs"
    said = (
        f"**Killed {data['kills']} times** ({signals}), half of the times at once after a file was "
        f"written and otherwise at random moments, in {runs} of {data['epochs']} epochs on digits "
        f"with a checkpoint every {data['checkpoint_every']} steps: "
        f"{same} of {data['runs']} ended with the bits of a run that was left alone, and no file "
        "was damaged."
    )
    return textwrap.fill(said, 99)


def checks() -> str:
    """Return the table of what the check of finiteness costs."""
    data = read("checks")
    lines = ["| network | batch size | share of a step (least to most) |", "| --- | --- | --- |"]
    for one in data["cases"]:
        share, least, most = (f"{100 * one[key]:.2f}" for key in ("share", "least", "most"))
        lines.append(f"| {one['network']} | {one['batch_size']} | {share} % ({least} to {most}) |")
    said = f"Medians of {data['rounds']} rounds, cpu, {data['threads']} threads, torch "
    return "\n".join([*lines, "", f"{said}{data['torch']}. The limit that we set is 2 %."])


def memory() -> str:
    """Return the table of memory that was said to be needed, and taken."""
    data = read("memory")
    lines = ["| network | batch size | predicted, MiB | taken, MiB | predicted / taken |"]
    lines.append("| --- | --- | --- | --- | --- |")
    ratios = []
    for one in data["cases"]:
        said, took = (one[key] / 2**20 for key in ("said", "took"))
        ratios.append(said / took)
        name, size = one["network"], one["batch_size"]
        lines.append(f"| {name} | {size} | {said:,.0f} | {took:,.0f} | {said / took:.2f} |")
    within = sum(0.8 <= ratio <= 1.2 for ratio in ratios)
    said = (
        f"What three steps of a process of its own took above what it held before, median of "
        f"{data['rounds']} processes,\ncpu, torch {data['torch']}. {within} of {len(ratios)} are "
        f"within 20 %; the furthest is {max(ratios, key=lambda r: abs(r - 1)):.2f}."
    )
    return "\n".join([*lines, "", said])


def page() -> str:
    """Return the text of docs/reliability.md."""
    return PAGE_TEXT.format(kills=kills(), checks=checks(), memory=memory())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
