"""Makes docs/images/explorer-*.png: the tabs of `loopynet explore` in a real browser.

    python benchmarks/explorer_pictures.py

Needs chromium and chromedriver, and the test images of CIFAR-10 and MNIST in LOOPYNET_DATA.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/images"
sys.path.insert(0, str(ROOT / "tests/serve"))

from serve_browser import Tab, chromium, served  # noqa: E402

RIGHT = "\ue014"
"""The key that moves a slider on, in the numbers of WebDriver."""

IMAGE = "8"
"""A car, of which the first unroll makes an airplane, and the last one a car."""
WIDTH = 1360


def keep(tab: Tab, name: str, height: int) -> None:
    """Write the upper part of the page in few colors, which makes the file small."""
    tab.run("window.scrollTo(0, 0); document.activeElement.blur()")
    tab.driver.set_window_size(WIDTH, height)
    tab.idle()
    picture = Image.open(io.BytesIO(tab.driver.get_screenshot_as_png()))
    quantized = picture.convert("RGB").quantize(224, dither=Image.Dither.NONE)
    quantized.save(PICTURES / f"explorer-{name}.png", optimize=True)


def see(tab: Tab) -> None:
    tab.click(f"#gallery button[data-image='{IMAGE}']")
    tab.says("#source", f"test image {IMAGE}")
    tab.slide("unroll", RIGHT)
    tab.says("#seen", "conv_1@2")
    keep(tab, "see", 1455)


def change(tab: Tab) -> None:
    tab.tab("Change")
    for _ in range(10):
        tab.slide("factor", RIGHT)
    tab.says("#history", "times 1.5")
    tab.says("#effect", "2,000 of 2,000", 60)
    keep(tab, "change", 1270)
    tab.click("#reset")
    tab.says("#history", "No changes")


def compare(tab: Tab) -> None:
    tab.tab("Compare")
    tab.choose("other", "cifar10-loop-mul")
    tab.says("#compared", "cifar10-loop-mul")
    keep(tab, "compare", 1340)


def build(tab: Tab) -> None:
    tab.tab("Build")
    tab.click("#train")
    tab.says("#curves", "is trained", 120)
    keep(tab, "build", 960)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), "cifar10-loopy") as address,
        chromium(Path(folder) / "profile", WIDTH) as tab,
    ):
        tab.open(address)
        for step in (see, change, compare, build):
            step(tab)


if __name__ == "__main__":
    main()
