"""Makes docs/systems/index.md from the short runs in results/systems/.

make results
"""

from pathlib import Path

from systems import SYSTEMS, System, short_runs

from loopynet import build_graph, load_spec
from loopynet.compare import CellFolder
from loopynet.graph import costs
from loopynet.spec import NetworkSpec
from loopynet.spec.data import Split

PAGE = Path(__file__).parent.parent / "docs" / "systems" / "index.md"

INTRODUCTION = """\
# Systems of the field

Known networks with feedback, and the loop-free ones that they are built on or compared with, as
entries of the zoo: `loopynet train NAME`, `describe NAME`, `draw NAME`. Each has a page: what it
is, how its loops are written, what differs, and a drawing. For most, `tests/zoo/systems` has a
forward pass written from the paper's equations, without this library; with the same weights both
give the same numbers at every step.

This page is made from the files in `results/systems/` by `make results`. The figures of ours are
**short runs**: a few thousand images and a few epochs on a CPU, one seed, to show that each system
trains. They say nothing about what it reaches, and stand beside published figures of full training
on other images. CIFAR-10 is a copy whose pictures were re-encoded as JPEG.

    LOOPYNET_DATA=FOLDER python benchmarks/systems.py
"""
HEAD = "| system | | parameters | published | published accuracy | ours, short run | of |"


def page() -> str:
    """Return the text of docs/systems/index.md."""
    runs = {folder.cell.spec.name: folder for folder in short_runs()}
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- |"]
    lines += [row(name, system, runs.get(name)) for name, system in SYSTEMS.items()]
    return INTRODUCTION + "\n" + "\n".join(lines) + "\n"


def row(name: str, system: System, run: CellFolder | None) -> str:
    """Return a system's line."""
    parameters = f"{costs(build_graph(load_spec(name))).parameters:,}"
    file = PAGE.parent / f"{system.page or name}.md"
    cells = [f"[{name}]({file.name})", system.what, parameters, system.parameters, system.published]
    return "| " + " | ".join([*cells, *figures(run)]) + " |"


def figures(run: CellFolder | None) -> tuple[str, str]:
    """Return the test accuracy of a short run, and what it was trained on."""
    if run is None:
        return "", "see its page"
    if run.state != "finished":
        return "not run", ""
    results = run.run.read_json("results.json")
    accuracy = f"{100 * results['test']['accuracy']:.1f} %"
    return accuracy, conditions(run.cell.spec, results["train"]["images"])


def conditions(spec: NetworkSpec, images: int) -> str:
    """Return data, images and epochs of a run."""
    data = spec.data.name
    small = isinstance(spec.data.split, Split) and spec.data.split.train is not None
    return f"{data}, {images:,} {'of its' if small else ''} images, {spec.training.epochs} epochs"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
