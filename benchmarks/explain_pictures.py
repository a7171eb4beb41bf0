"""Makes the figures of docs/seeing-inside.md from trained networks.

    python benchmarks/explain_pictures.py cifar10-loopy cifar10-loop-mul --images 3 10 12 25

Each argument is a run. For each, docs/images/seeing-inside has one figure for each layer of the
loopy section, of the filter that is most active at the last unroll, and one for each loop.
"""

import argparse
from pathlib import Path

from loopynet.data import load_data
from loopynet.explain import merges
from loopynet.explain.gallery import default_layers, filter_maps
from loopynet.explain.pictures import filter_figure, merge_figure, png
from loopynet.run import RunFolder

FOLDER = Path(__file__).parent.parent / "docs" / "images" / "seeing-inside"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--images", type=int, nargs="+", default=[3, 10, 12, 25])
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.runs:
        for file, content in figures(RunFolder.open(name), options.images):
            (options.out / file).write_bytes(content)
            print(options.out / file)


def figures(run: RunFolder, numbers: list[int]):
    """Yield the name and the bytes of each picture of a run."""
    net, names = run.network(), run.class_names()
    test = load_data(net.spec.data, net.graph.input_shape, net.graph.output_shape[0]).test
    pixels = test.pixels[numbers]
    x = run.preprocessing()(pixels)
    labels = [names[i] for i in test.labels[numbers].tolist()]
    for layer in default_layers(net):
        active = net.trace(x)[f"{layer}@{net.graph.steps}"].flatten(2).mean((0, 2))
        (shown,) = filter_maps(net, x, [layer], [int(active.argmax())])
        yield f"{net.graph.name}-{layer}.png", png(filter_figure(pixels / 255, labels, shown))
    views = list(merges(net, x).values())
    for edge in net.graph.loops:
        mine = [v for v in views if v.name.startswith(f"{edge.name}@") and v.attention is not None]
        if mine:
            yield f"{net.graph.name}-{edge.name}.png", png(merge_figure(pixels / 255, labels, mine))


if __name__ == "__main__":
    main()
