"""Makes docs/images/digits-loopy.png: what three unrolls do to handwritten digits.

    python benchmarks/readme_picture.py RUN

RUN is a finished run of digits-loopy. Shown are test images that the first unroll gets wrong and
the last one right; such images are the minority, and the caption in the README says so.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from loopynet import Each, LoopyNet
from loopynet.data import load_data
from loopynet.run import RunFolder

mpl.use("Agg")
ROWS = 3
PICTURE = Path(__file__).parent.parent / "docs" / "images" / "digits-loopy.png"


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    run = RunFolder.open(parser.parse_args().run)
    net = run.network()
    test = load_data(net.spec.data, net.graph.input_shape, net.graph.output_shape[0]).test
    with torch.inference_mode():
        x = run.preprocessing()(test.pixels)
        answers = net(x, readout=Each()).argmax(-1)  # [unrolls, N]
        changed = (answers[0] != test.labels) & (answers[-1] == test.labels)
        chosen = changed.nonzero()[:ROWS, 0]
        draw(net, test.pixels[chosen], x[chosen])
    print(f"{int(changed.sum())} of {len(x)} images are put right; wrote {PICTURE}")


def draw(net: LoopyNet, pixels: Tensor, x: Tensor) -> None:
    """Draw a row for each image: itself, the merge's result and the answer at each unroll."""
    trace = net.trace(x)
    probabilities = net(x, readout=Each()).softmax(-1)  # [unrolls, N, classes]
    steps = net.graph.steps
    target = net.graph.loops[0].target
    names = [f"{net.graph.trunk[-1]}@1"] + [f"feedback@{t}" for t in range(2, steps + 1)]
    maps = torch.stack([trace[name].mean(1) for name in names])  # [unrolls, N, H, W]
    figure, axes = plt.subplots(
        len(x), 1 + 2 * steps, figsize=(11, 1.75 * len(x)), layout="constrained"
    )
    for row in range(len(x)):
        image(axes[row, 0], pixels[row, 0], "gray_r", "image" if row == 0 else "")
        for t in range(steps):
            title = f"input of {target}@{t + 1}" if row == 0 else ""
            image(axes[row, 1 + 2 * t], maps[t, row], "viridis", title, maps.max().item())
            bars(axes[row, 2 + 2 * t], probabilities[t, row], f"unroll {t + 1}" if row == 0 else "")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


def image(axes: Axes, values: Tensor, colors: str, title: str, top: float | None = None) -> None:
    """Show a map [H, W]; maps share their scale from 0 to `top`."""
    axes.imshow(values, cmap=colors, vmin=0 if top else None, vmax=top)
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])


def bars(axes: Axes, probabilities: Tensor, title: str) -> None:
    """Show the probability of each class, the likeliest one colored."""
    best = int(probabilities.argmax())
    colors = ["tab:orange" if c == best else "lightgray" for c in range(len(probabilities))]
    axes.bar(range(len(probabilities)), probabilities, color=colors)
    axes.set_ylim(0, 1)
    axes.set_xticks(range(len(probabilities)))
    axes.tick_params(labelsize=7)
    axes.set_title(title, fontsize=9)


if __name__ == "__main__":
    main()
