"""Measures the merge maps of trained networks: likeness to the image, deletion and insertion.

    python benchmarks/merge_maps.py mnist-loopy cifar10-loopy cifar10-loop-mul

Each argument is a run. results/inside/merge-maps has one file for each, for docs/seeing-inside.md:
the correlation of each merge's result with the image (300 test images), and the areas of the last
merge's map less those of random maps and of the plain gradient (the first 128 of them).
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from loopynet.data import load_data
from loopynet.explain import faithfulness, likeness, merges
from loopynet.run import RunFolder

FOLDER = Path(__file__).parent.parent / "results" / "inside" / "merge-maps"
IMAGES, FOLLOWED = 300, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in options.runs:
        found = measured(RunFolder.open(name))
        file = FOLDER / f"{Path(name).name}.json"
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(file)


def measured(run: RunFolder) -> dict:
    net = run.network()
    data = load_data(net.spec.data, net.graph.input_shape, net.graph.output_shape[0])
    x = run.preprocessing()(data.test.first(IMAGES).pixels)
    views = merges(net, x)
    last = list(views)[-1]
    curves = faithfulness(net, x[:FOLLOWED], maps={"merge": views[last].attention[:FOLLOWED]})
    areas = curves.maps["merge"]
    return {
        "command": f"python benchmarks/merge_maps.py {net.graph.name}",
        "images": IMAGES,
        "likeness": {k: asdict(v) for k, v in likeness(views, x).items()},
        "map": last,
        "followed": FOLLOWED,
        "deletion_less": {k: asdict(v) for k, v in areas.deletion_less.items()},
        "insertion_less": {k: asdict(v) for k, v in areas.insertion_less.items()},
    }


if __name__ == "__main__":
    main()
