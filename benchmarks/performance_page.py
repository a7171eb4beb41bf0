"""Makes docs/performance.md and its charts from the data in results/bench/.

make results
"""

import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from loopynet.bench.accuracy import accuracy_loss
from loopynet.bench.cells import GROUPS
from loopynet.bench.measures import PRODUCT
from loopynet.bench.run import read_results
from loopynet.bench.targets import closing_line, fit_line, judge, rate_share, show_time
from loopynet.page.charts import chart_style, series_style
from loopynet.statistics import ratio

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "bench"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
OURS = ("ours", "truncated")
"""What the others of a cell are compared with."""
Results = Mapping[str, Mapping[str, Any]]

INTRODUCTION = """\
# Performance

This page is made from the files in `results/bench/` by `make results`; a test keeps them in step.
The files are made by

    loopynet bench --out results/bench                  # everything; goes on where it stopped
    loopynet bench --quick                              # what the targets need, about 5 minutes
    loopynet bench --out results/bench --device cuda    # the same on an accelerator

## How it is measured

* A step is a training step of `cifar10-loopy` (k = 3, 32x32 images, random numbers): forward, loss,
  backward, Adam. No data is loaded.
* **ours** is the library with its defaults, as a long training run uses them. **eager** is the
  network as one would write it in plain PyTorch: `nn.Conv2d`, an `nn.BatchNorm2d` for each unroll,
  a Python loop ([plain.py](../src/loopynet/bench/plain.py)). **compiled** is the same module,
  channels last, compiled whole by `torch.compile`. **deep** is ours untied: the paper's control.
* Before anything is timed, all get the same weights and images and must give the same logits and
  gradients: to 1e-10 in float64 without compiling, and in float32 as they run: logits to 0.1 %,
  each gradient to 5 %. (Rounding decides whether a gradient passes a rectifier whose input is near
  zero; a wrong compilation, which this found, was 100 % off.)
* Each contender has a process of its own, since what ours does to its process's memory must not
  help the others. They take turns, one running at a time, and who begins changes from round to
  round: whatever else the machine does meets all of them.
* Every figure is the median of the rounds' ratios, with the least and the largest round in
  brackets. Absolute times stand beside it; they depend on the machine's mood.
* Operations of a training step: 3 x 2 x multiply-adds x batch (a pass forward, and two of its size
  back), with the multiply-adds of `loopynet describe`. That counts the gradient of the image, too,
  which nobody computes: half a percent. The machine's rate is that of a product of two 4096 x 4096
  float32 matrices, timed in the same turns.
* Allocated bytes are those of PyTorch's allocator, added up exactly over one forward and backward
  pass, above weights and optimizer. Resident bytes are what a fresh process grew by. The gradient
  modes are measured without compiling.
* To compile means what the first steps take longer than later ones. In the table of compile times
  every process begins with empty caches; the timed contenders share what was compiled before.
"""
NOTHING = "Not measured yet."
CUDA = """\
## On an accelerator

{text}"""
NO_CUDA = """\
There was no accelerator where these files were made. `loopynet bench --device cuda` runs the same
code there, with CUDA's own count of allocated bytes, and its tables will stand here. Convolutions
multiply in TF32 there for all contenders, as PyTorch has it, and the product in float32, so that
its rate is no upper bound."""


def page(results: Path = RESULTS, accuracy: Path = ROOT / "results" / "truncated") -> str:
    """Return the text of docs/performance.md."""
    cpu, cuda = read_results(results / "cpu"), read_results(results / "cuda")
    parts = [INTRODUCTION.rstrip(), targets(cpu, accuracy), *tables(cpu), *charts(cpu)]
    text = "\n\n".join([targets(cuda, accuracy), *tables(cuda)]) if cuda else NO_CUDA
    parts.append(CUDA.format(text=text.replace("\n## ", "\n### ").removeprefix("## Targets\n\n")))
    return "\n\n".join(parts) + "\n"


def targets(results: Results, accuracy: Path) -> str:
    """Return the table of targets and verdicts."""
    verdicts = judge(results, accuracy_loss(accuracy))
    lines = ["| | target | limit | measured | | beside |", "| --- | --- | --- | --- | --- | --- |"]
    for v in verdicts:
        lines.append(
            f"| {v.number} | {v.what} | {v.bound()} | {v.figure()} | {v.word} | {v.beside} |"
        )
    said = f"{closing_line(verdicts)}.{machines(results)}" if results else NOTHING
    return "\n".join(["## Targets", "", said, "", *lines])


def machines(results: Results) -> str:
    """Say where and when the cells were measured, and what else the machine did."""
    found = {
        f"{e['processor']}, {cell['threads']} thread(s), torch {e['packages']['torch']}"
        for cell in results.values()
        for e in [cell["environment"]]
    }
    notes = sorted({cell["note"] for cell in results.values() if cell["note"]})
    loads = [cell["load_before"] for cell in results.values()]
    hours = sum(cell["seconds"] for cell in results.values()) / 3600
    said = f" Measured on: {'; '.join(sorted(found))}; {hours:.1f} hours in all."
    said += f" Before each cell {min(loads):g} to {max(loads):g} processes wanted to run."
    return " ".join([said, *notes])


def tables(results: Results) -> Iterator[str]:
    """Yield a section for each group of cells that there is."""
    for group, what in GROUPS.items():
        cells = {name: cell for name, cell in results.items() if cell["group"] == group}
        parts = [part for kind, make in TABLES.items() if (part := make(_kind(cells, kind)))]
        if parts:
            yield "\n\n".join([f"## {what[0].upper()}{what[1:]}", *parts])


def _kind(cells: Results, kind: str) -> Results:
    found = {name: cell for name, cell in cells.items() if cell["kind"] == kind}
    return dict(sorted(found.items(), key=lambda item: _size(item[0], item[1])))


def _size(name: str, cell: Mapping[str, Any]) -> tuple[int, int, str]:
    digits = [int(part) for part in name.split("-") if part.isdigit()]
    return cell["settings"].get("batch", 0), digits[0] if digits else 0, name


def steps_table(cells: Results) -> str:
    """Return times of contenders; the first row of a cell is what the others are compared with."""
    if not cells:
        return ""
    head = "| cell | contender | a step | ours against it | of the product's rate | to compile |"
    lines = [head, "| --- | --- | --- | --- | --- | --- |"]
    for name, cell in cells.items():
        result = cell["result"]
        for who, values in result["seconds"].items():
            if who == PRODUCT:
                continue
            against = ""
            mine = next((name for name in OURS if name in result["seconds"]), who)
            if who != mine:
                r = ratio(result["seconds"][mine], values)
                against = f"{r.median:.2f} ({r.low:.2f} to {r.high:.2f})"
            share = ""
            if PRODUCT in result["seconds"]:
                share = f"{100 * rate_share(cell, who).median:.0f} %"
            step = show_time(statistics.median(values))
            compiling = f"{result['compile_seconds'][who]:.1f} s"
            lines.append(f"| {name} | {who} | {step} | {against} | {share} | {compiling} |")
        for who, why in result["skipped"].items():
            lines.append(f"| {name} | {who} | left out: {why} | | | |")
    return "\n".join(lines)


def memory_table(cells: Results) -> str:
    """Return peak bytes."""
    lines = []
    for name, cell in cells.items():
        lines += [f"| {name} | allocated | resident |", "| --- | --- | --- |"]
        for what, each in cell["result"]["bytes"].items():
            resident = each.get("resident")
            grown = f"{resident / 1e6:.1f} MB" if resident is not None else ""
            lines.append(f"| {what} | {each['allocated'] / 1e6:.1f} MB | {grown} |")
        lines += [
            f"| {who} | left out: {why} | |" for who, why in cell["result"]["skipped"].items()
        ]
        lines.append("")
    return "\n".join(lines).rstrip()


def linear_table(cells: Results) -> str:
    """Return times by number of unrolls, and the straight line through them."""
    parts = []
    for cell in cells.values():
        seconds = cell["result"]["seconds"]
        line = fit_line(seconds)
        rows = ["| k | a step | on the line |", "| --- | --- | --- |"]
        for k, values in seconds.items():
            fitted = show_time(line.base + int(k) * line.each)
            rows.append(f"| {k} | {show_time(statistics.median(values))} | {fitted} |")
        parts.append("\n".join(rows))
        parts.append(f"Batch {cell['settings']['batch']}; R^2 = {line.r_squared:.5f}.")
    return "\n\n".join(parts)


def compile_table(cells: Results) -> str:
    """Return seconds of compiling by contender and number of unrolls."""
    lines = []
    for cell in cells.values():
        lines += ["| contender | k | to compile |", "| --- | --- | --- |"]
        for who, each in cell["result"]["seconds"].items():
            for k, values in each.items():
                lines.append(f"| {who} | {k} | {show_time(statistics.median(values))} |")
    return "\n".join(lines)


def start_table(cells: Results) -> str:
    """Return times of new processes."""
    lines = []
    for cell in cells.values():
        lines += ["| a new process | time |", "| --- | --- |"]
        for what, values in cell["result"]["seconds"].items():
            lines.append(f"| `{what}` | {show_time(statistics.median(values))} |")
    return "\n".join(lines)


def same_table(cells: Results) -> str:
    """Return how far contenders are from the one written by hand."""
    lines = []
    for cell in cells.values():
        lines += ["| k | contender | logits | gradients |", "| --- | --- | --- | --- |"]
        for k, each in cell["result"].items():
            for who, gap in each.items():
                row = f"| {k} | {who} | {gap['logits']:.0e} | {gap['gradients']:.0e} |"
                lines.append(row)
    return "\n".join(lines)


def gradients_table(cells: Results) -> str:
    """Return how far modes are from the full gradient."""
    lines = ["| float64 | logits | gradients |", "| --- | --- | --- |"]
    for name, cell in cells.items():
        found = cell["result"]
        lines.append(f"| {name} | {found['logits']:.0e} | {found['gradients']:.0e} |")
    return "\n".join(lines) if cells else ""


TABLES = {
    "same": same_table,
    "steps": steps_table,
    "memory": memory_table,
    "gradients": gradients_table,
    "linear": linear_table,
    "compile": compile_table,
    "start": start_table,
}


def charts(results: Results) -> Iterator[str]:
    """Yield a section with the charts that these results give."""
    shown = [f"![{alt}](images/{name}.svg)" for name, (alt, _) in figures(results).items()]
    if shown:
        yield "\n\n".join(["## Charts", *shown])


def figures(results: Results) -> dict[str, tuple[str, Figure]]:
    """Return charts by the name of their file, each with what it shows in words."""
    found = {}
    steps = _kind({n: c for n, c in results.items() if c["group"] == "steps"}, "steps")
    if len(steps) > 1:
        alt = "Images per second by batch size, of each contender"
        found["performance-batches"] = alt, _lines_chart(_rates(steps), "batch size", "images / s")
    if "linear" in results:
        seconds = results["linear"]["result"]["seconds"]
        values = {"ours": {int(k): 1000 * statistics.median(v) for k, v in seconds.items()}}
        alt = "Milliseconds of a training step by number of unrolls"
        found["performance-linear"] = alt, _lines_chart(values, "unrolls k", "ms / step", log=False)
    if "memory" in results:
        alt = "Peak of allocated bytes by number of unrolls, for each gradient mode"
        chart = _lines_chart(_megabytes(results["memory"]), "unrolls or iterations", "MB")
        found["performance-memory"] = alt, chart
    return found


def _rates(cells: Results) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for cell in cells.values():
        batch = cell["settings"]["batch"]
        for who, values in cell["result"]["seconds"].items():
            if who != PRODUCT:
                found.setdefault(who, {})[batch] = batch / statistics.median(values)
    return found


def _megabytes(cell: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for name, each in cell["result"]["bytes"].items():
        mode, k = name.split()
        found.setdefault(mode, {})[int(k)] = each["allocated"] / 1e6
    return found


def _lines_chart(
    series: Mapping[str, Mapping[int, float]], x: str, y: str, log: bool = True
) -> Figure:
    with chart_style():
        figure = Figure()
        axes = figure.add_subplot()
        for number, (name, values) in enumerate(series.items()):
            axes.plot(list(values), list(values.values()), label=name, **series_style(number))
        axes.set(xlabel=x, ylabel=y)
        if log:
            axes.set(xscale="log", yscale="log")
        if len(series) > 1:
            axes.legend()
        return figure


def save(figure: Figure, file: Path) -> None:
    """Write a chart."""
    with chart_style():
        figure.savefig(file, facecolor="white", metadata={"Date": None})


def main() -> None:
    """Write the page and its charts."""
    PAGE.write_text(page(), encoding="utf-8")
    for name, (_, figure) in figures(read_results(RESULTS / "cpu")).items():
        save(figure, IMAGES / f"{name}.svg")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
