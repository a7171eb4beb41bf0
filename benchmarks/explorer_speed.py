"""Times the answers of `loopynet explore`, from a click to the changed page, in a browser.

    python benchmarks/explorer_speed.py --out results/explorer-speed.json

cifar10-loopy, needs its test images (LOOPYNET_DATA), chromium and chromedriver. Each action is done
ten times after three that do not count. A time ends with the change of the page: an observer of the
document waits for the new picture, so that queueing, sending, reading and drawing are in it.

    python benchmarks/explorer_speed.py --figure docs/images/explorer-speed.svg

draws the figure from the file.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / "results/explorer-speed.json"
sys.path.insert(0, str(ROOT / "tests/serve"))

NETWORK = "cifar10-loopy"
WARM, ROUNDS = 3, 10
LIMIT = 200
"""Milliseconds that an answer should take at most."""

WAIT = """
const [act, watched, attribute] = arguments, done = arguments[arguments.length - 1];
const read = () => { const e = document.querySelector(watched);
                     return e ? (attribute ? e.getAttribute(attribute) : e.innerText) : null; };
const before = read(), start = performance.now();
const look = new MutationObserver(() => {
  const now = read();
  if (now !== null && now !== before) {
    look.disconnect();
    requestAnimationFrame(() => done(performance.now() - start));
  }
});
look.observe(document.body, {subtree: true, childList: true, attributes: true,
                             characterData: true});
new Function(act)();
"""
"""Does something, and gives the milliseconds until what is watched has changed and is drawn."""


def click(css: str) -> str:
    return f"document.querySelector({json.dumps(css)})" \
           ".dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"  # fmt: skip


def slide(name: str, value: float) -> str:
    return (
        f"const s = document.querySelector('#{name} input[type=range]');"
        f"s.value = {value}; s.dispatchEvent(new Event('input', {{bubbles: true}}))"
    )


SEEN = ("#seen figure:nth-of-type(2) img", "src")
ACTIONS = {
    "unroll": lambda n: (slide("unroll", 1 + (n + 1) % 3), *SEEN),
    "filter": lambda n: (slide("filter", 3 * n + 1), *SEEN),
    "layer": lambda n: (click(f"rect[data-layer=conv_{2 - n % 2}]"), *SEEN),
    "test image": lambda n: (click(f"#gallery button[data-image='{n + 1}']"),
                             "#seen figure img", "src"),
}  # fmt: skip
CHANGED = ("#changed section:nth-of-type(2) figure img", "src")
CHANGES = {
    "loop scaled": lambda n: (slide("factor", 0.1 * n - 0.5), *CHANGED),
    "unrolls k": lambda n: (slide("steps", 2 + n % 4), *CHANGED),
}


def measure(driver: object, actions: dict) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name, action in actions.items():
        times = []
        for n in range(WARM + ROUNDS):
            times.append(driver.execute_async_script(WAIT, *action(n)))
            time.sleep(0.6)
        found[name] = [round(t, 1) for t in times[WARM:]]
        print(f"{name}: median {statistics.median(found[name]):.0f} ms, "
              f"most {max(found[name]):.0f} ms")  # fmt: skip
    return found


def run(note: str) -> dict[str, object]:
    import torch
    from serve_browser import chromium, served

    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), NETWORK) as address,
        chromium(Path(folder) / "profile") as tab,
    ):
        tab.open(address)
        tab.driver.set_script_timeout(30)
        found = measure(tab.driver, ACTIONS)
        tab.tab("Change")
        tab.says("#history", "No changes")
        found |= measure(tab.driver, CHANGES)
        version = tab.driver.capabilities["browserVersion"]
    return {"network": NETWORK, "milliseconds": found, "torch": torch.__version__,
            "chromium": version, "machine": platform.machine(), "note": note}  # fmt: skip


def sentence() -> str:
    """Return what docs/explorer.md says of the data."""
    every = json.loads(DATA.read_text(encoding="utf-8"))["milliseconds"]
    medians = [statistics.median(times) for times in every.values()]
    most = max(max(times) for times in every.values())
    count = sum(len(times) for times in every.values())
    return (
        f"The medians are {min(medians):.0f} to {max(medians):.0f} ms, and the slowest of all "
        f"{count} took {most:.0f} ms."
    )


def figure(file: Path) -> None:
    from matplotlib.figure import Figure

    from loopynet.page import chart_style

    found = json.loads(DATA.read_text(encoding="utf-8"))["milliseconds"]
    with chart_style():
        picture = Figure(figsize=(6.4, 2.6), layout="constrained")
        axes = picture.add_subplot(xlabel="milliseconds from the click to the changed page")
        for row, times in enumerate(reversed(found.values())):
            axes.plot(times, [row] * len(times), "o", color="#0072B2", alpha=0.45, markersize=5)
            axes.plot([statistics.median(times)] * 2, [row - 0.3, row + 0.3], color="#D55E00")
        axes.axvline(LIMIT, color="#808080", linestyle=":")
        axes.set_yticks(range(len(found)), list(reversed(found)))
        axes.set_xlim(left=0)
        picture.savefig(file, metadata={"Date": None}, facecolor="white")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--note", default="", help="what else the machine did")
    options = parser.parse_args()
    if options.figure:
        figure(options.figure)
        return
    found = run(options.note)
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
