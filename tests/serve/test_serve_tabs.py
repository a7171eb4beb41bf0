"""The tabs Change, Compare and Build in a real browser, and what an accessibility tool finds."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from serve_browser import Tab, wait

from loopynet import parse_spec


def test_a_lesion_its_effect_and_undo(tab: Tab) -> None:
    tab.tab("Change")
    tab.says("#history", "No changes")
    tab.click("#cut")
    tab.says("#history", "feedback cut")
    tab.says("#changed-drawing", "digits-loopy-no-loops")
    tab.says("#changed", "Answer at the last unroll")
    said = tab.says("#effect", r"269 of 269 test images")
    assert re.search(r"as trained\s+\d+\.\d %", said)
    assert re.search(r"difference\s+[-+]\d+\.\d points", said)
    tab.click("#undo")
    tab.says("#history", "No changes")
    tab.says("#changed", "Nothing is changed")
    assert tab.text("#effect").strip() == ""


def test_loops_are_scaled_merged_unrolled_added_and_exported(tab: Tab) -> None:
    tab.tab("Change")
    tab.slide("factor", Keys.HOME)
    tab.says("#history", "feedback times -1")
    tab.choose("merge", "mul")
    tab.says("#history", "feedback merges by mul")
    tab.slide("steps", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    tab.says("#history", "k = [45]")
    tab.click("#new-loop button")
    tab.choose("from", "conv_3")
    tab.choose("to", "conv_1")
    tab.click("#add")
    tab.says("#message [role=alert]", "shapes|fit: project")
    tab.choose("fit", "project")
    tab.click("#add")
    tab.says("#history", "loop from conv_3 to conv_1 added")
    tab.says("#changed", "Not trained: fits.loop_1.op.mix.weight")
    tab.click("#export")
    tab.until("#exported .cm-content")
    text = tab.says("#exported .cm-content", "scale_feedback")
    spec = parse_spec("\n".join(line for line in text.splitlines() if line.strip()))
    assert set(spec.loops) == {"feedback", "loop_1"}
    assert spec.loops["feedback"].merge == "mul"
    assert spec.loops["feedback"].through == ("scale_feedback",)
    assert spec.layers["scale_feedback"].factor == -1
    assert spec.unroll.steps >= 4
    tab.click("#reset")
    tab.says("#history", "No changes")


def test_what_cannot_be_is_said(tab: Tab) -> None:
    tab.tab("Change")
    tab.click("#new-loop button")
    tab.choose("from", "conv_1")
    tab.choose("to", "conv_3")
    tab.click("#add")
    tab.says("#message [role=alert]", "a loop goes back")
    tab.says("#history", "No changes")


def test_two_runs_side_by_side(tab: Tab) -> None:
    tab.tab("Compare")
    tab.says("#compared", "Choose the second network")
    tab.choose("other", "mnist-loopy")
    tab.says("#compared", "mnist-loopy")
    titles = [e.text for e in tab.all("#compared h2")]
    assert titles == ["first", "mnist-loopy"]
    before = tab.source("#compared section:nth-of-type(2) figure img")
    tab.click("#gallery button[data-image='4']")
    wait(lambda: tab.source("#compared section:nth-of-type(2) figure img") not in ("", before))
    tab.slide("unroll", Keys.ARROW_RIGHT)
    tab.says("#compared section:nth-of-type(1) th.now", "unroll 2")


def write(tab: Tab, text: str) -> None:
    """Replace the whole text of the editor, as somebody who pastes it."""
    editor = tab.until("#yaml .cm-content")
    editor.click()
    editor.send_keys(Keys.CONTROL, "a")
    editor.send_keys(Keys.DELETE)
    tab.driver.execute_cdp_cmd("Input.insertText", {"text": text})


SMALL = """name: from-the-page
input: {shape: [1, 8, 8]}
layers:
  conv_1: {type: conv2d, filters: 4, activation: relu}
  conv_2: {type: conv2d, filters: 4, activation: relu}
  fc_1: {type: dense, units: 10}
main: [conv_1, conv_2, fc_1]
loops:
  feedback: {from: conv_2, to: conv_2, merge: mul}
unroll: {steps: 2}
"""


def test_a_network_is_written_checked_and_trained(tab: Tab, home: Path) -> None:
    tab.tab("Build")
    tab.says("#verdict", "fine: 5 layers, 1 loop, 3 unrolls")
    write(tab, SMALL.replace("merge: mul", "merge: mull"))
    said = tab.says("#verdict [role=alert]", "mull")
    assert "network.yaml:9" in said
    assert 'Did you mean "mul"?' in said
    write(tab, SMALL)
    tab.says("#verdict", "fine: 3 layers, 1 loop, 2 unrolls")
    tab.says("#sketch", "from-the-page")
    tab.slide("epochs", Keys.HOME, Keys.ARROW_RIGHT)
    tab.click("#train")
    tab.says("#curves", r"training from-the-page: epoch \d of 2", 20)
    tab.says("#curves", r"from-the-page is trained: 2 of 2 epochs", 40)
    assert len(tab.all("#curves svg")) == 2
    assert (home / "runs/from-the-page/model.safetensors").is_file()
    tab.tab("See")
    tab.choose("network", "from-the-page")
    tab.says("#drawing", "from-the-page")
    tab.says("#seen", "conv_2@1, filter")


def test_a_network_that_digits_do_not_fit_is_refused(tab: Tab) -> None:
    tab.tab("Build")
    tab.choose("begin", "cifar10-loopy")
    tab.says("#sketch", "cifar10-loopy")
    tab.click("#train")
    tab.says("#curves [role=alert]", "digits are gray images of ten classes")


SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_accessibility_tool_finds_nothing_serious(
    browser: Tab, address: str, scheme: str
) -> None:
    tab = browser
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("not installed: axe-core-python")
    axe = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    feature = [{"name": "prefers-color-scheme", "value": scheme}]
    tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
    tab.open(address)
    assert tab.run("return document.body.classList.contains('dark')") == (scheme == "dark")
    tab.run(axe)
    for name in ("See", "Change", "Compare", "Build"):
        tab.tab(name)
        if name == "Change":
            tab.click("#cut")
            tab.says("#effect", "269 of 269")
        if name == "Compare":
            tab.choose("other", "mnist-loopy")
            tab.says("#compared", "mnist-loopy")
        wait(lambda: tab.all("button[role=tab][aria-selected=true]"))
        found_here = tab.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(r => done("
            "[r.passes.length, r.violations.map(v => [v.impact, v.id, v.nodes[0].html])]))"
        )
        assert found_here[0] > 10
        assert not [v for v in found_here[1] if v[0] in SERIOUS], name
    tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
