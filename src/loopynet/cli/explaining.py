"""The command `explain`: what a run's filters look at, unroll by unroll."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loopynet.cli.arguments import add_split
from loopynet.cli.terminal import terminal, visible
from loopynet.errors import DataError, LoopyNetError
from loopynet.foreign import write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from loopynet.explain.explain_page import Shown
    from loopynet.network import LoopyNet
    from loopynet.page import Section
    from loopynet.run import RunFolder


METHODS = ("guided_backprop", "gradient", "deconvnet", "integrated_gradients", "occlusion")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    add_split(parser)
    parser.add_argument(
        "--images", nargs="+", default=["6"], metavar="N",
        help="how many, from the first on; or several numbers and ranges: 3 7-9; default 6",
    )  # fmt: skip
    parser.add_argument(
        "--layers", nargs="+", metavar="LAYER",
        help="layers or loops; default the convolutions of the loopy section",
    )  # fmt: skip
    parser.add_argument(
        "--filters", nargs="+", metavar="FILTER",
        help="numbers, or all; default the four that are most active at the last unroll",
    )  # fmt: skip
    parser.add_argument("--method", choices=METHODS, default="guided_backprop",
                        help="default: guided_backprop")  # fmt: skip
    parser.add_argument("--out", metavar="FOLDER", help="default: explain in the run folder")


def run_explain(options: argparse.Namespace) -> int:
    """Write the page and its pictures."""
    from loopynet.explain import merges
    from loopynet.explain.explain_page import explanation, merge_section
    from loopynet.explain.measured_section import measured_section
    from loopynet.run import RunFolder, best_device

    run = RunFolder.open(options.run)
    device = best_device()
    net = run.network().to(device)
    shown, x = _images(run, net, options.split, options.images)
    x = x.to(device)
    folder = Path(options.out) if options.out else run.outputs / "explain"
    sections = _filter_sections(net, shown, x, folder, options)
    views = merges(net, x, unrolls=options.unrolls)
    if views:
        sections.append(merge_section(folder, shown, views, x))
    measured = measured_section(run.outputs / "measurements")
    sections += [measured] if measured else []
    command = shlex.join(["loopynet", *sys.argv[1:]])
    page = explanation(run.path.resolve().name, command, options.method, shown, sections)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "explain.html", page)
    print(visible(f"wrote {folder / 'explain.html'} and the pictures beside it"), file=sys.stderr)
    return 0


def _filter_sections(
    net: LoopyNet, shown: Shown, x: Tensor, folder: Path, options: argparse.Namespace
) -> list[Section]:
    """Write the pictures of all filters; returns a section for each layer."""
    from markupsafe import Markup
    from rich.progress import Progress

    from loopynet.explain.explain_page import write_filter
    from loopynet.explain.gallery import default_layers, filter_maps
    from loopynet.page import Section

    layers = options.layers or default_layers(net)
    figures: dict[str, list[Markup]] = {}
    console = terminal()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("layers", total=len(layers))
        for each in filter_maps(
            net, x, layers, _filters(options.filters), method=options.method,
            unrolls=options.unrolls,
        ):  # fmt: skip
            figures.setdefault(each.layer, []).append(write_filter(folder, shown, each))
            description = f"{each.layer}, filter {each.filter}"
            progress.update(task, completed=len(figures), description=description)
    return [Section(layer, Markup("\n").join(parts)) for layer, parts in figures.items()]


def _filters(words: Sequence[str] | None) -> str | list[int] | None:
    """Return the filters that are asked for; None for all."""
    if words is None:
        return "most active"
    if list(words) == ["all"]:
        return None
    for word in words:
        if not word.isdecimal():
            raise LoopyNetError(f'--filters takes numbers or the word all, not "{word}"')
    return [int(word) for word in words]


def _images(
    run: RunFolder, net: LoopyNet, split: str, words: Sequence[str]
) -> tuple[Shown, Tensor]:
    """Return the images that are asked for, as they are and preprocessed."""
    import torch

    from loopynet.explain.explain_page import Shown
    from loopynet.network.checks import check_one_answer

    if len(net.graph.input_shape) != 3:
        raise LoopyNetError(f'"{net.graph.name}" takes vectors, and only images can be shown')
    check_one_answer(net.graph, "the page of explained images")
    data = run.data()
    images, names = getattr(data, split), run.class_names()
    numbers = chosen_images(words, len(images))
    pixels, classes = images.take(torch.tensor(numbers))
    labels = tuple(names[i] if i < len(names) else str(i) for i in classes.tolist())
    return Shown(pixels / 255, labels, tuple(numbers), split), data.preprocessing(pixels)


def chosen_images(words: Sequence[str], count: int) -> list[int]:
    """Return the numbers of images: of "8" the first eight, of "3 5 9" or "3-9" just those.

    Args:
        words: as given with --images.
        count: how many there are.

    Raises:
        LoopyNetError: a word that is neither.
        DataError: there are no images, or not so many.
    """
    if not count:
        raise DataError("there are no images to explain; this split is empty")
    numbers: list[int] = []
    for word in words:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
        if match is None:
            raise LoopyNetError(
                f'--images takes how many, or numbers and ranges such as 3 7-9, not "{word}"'
            )
        first = int(match[1])
        if len(words) == 1 and match[2] is None:
            return list(range(min(max(first, 1), count)))
        last = int(match[2] or first)
        if max(first, last) >= count:
            number = first if first >= count else count
            raise DataError(f"there is no image {number}; there are {count:,}, from 0 on")
        numbers += range(first, last + 1)
    if not numbers:
        raise LoopyNetError(f"--images {' '.join(words)} names no image")
    return list(dict.fromkeys(numbers))
