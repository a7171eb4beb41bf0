"""A small network trained on digits, the page that shows them, and a browser."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from serve_browser import CHROMIUM, DRIVER, Tab, chromium, served

from loopynet.serve.networks import Networks, Trained, load
from loopynet.zoo import load_spec

EPOCHS = 3


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `first`."""
    from loopynet.training import train

    folder = tmp_path_factory.mktemp("explore")
    spec = load_spec("digits-loopy", (f"training.epochs={EPOCHS}",))
    train(spec, str(folder / "runs" / "first"))
    return folder


@pytest.fixture
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, as the current one."""
    monkeypatch.chdir(home)
    return home


@pytest.fixture(scope="session")
def first(home: Path) -> Trained:
    return load(str(home / "runs" / "first"))


@pytest.fixture
def networks(inside: Path) -> Networks:
    return Networks("first")


@pytest.fixture(scope="session")
def address(home: Path) -> Iterator[str]:
    missing = [name for name in ("gradio", "selenium") if importlib.util.find_spec(name) is None]
    missing += [] if CHROMIUM and DRIVER else ["chromium and chromedriver"]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    source = str(Path(__file__).parents[2] / "src")
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        with served(home, "first") as found:
            yield found


@pytest.fixture(scope="session")
def browser(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab, address: str) -> Iterator[Tab]:
    """The page, freshly opened; afterwards the console was silent and nothing came from outside."""
    browser.driver.get("about:blank")  # a page that is left tells of its open connections
    browser.collect()
    browser.requested.clear()
    browser.said.clear()
    browser.open(address)
    yield browser
    browser.collect()
    assert not browser.said
    ours = (address, "data:", "blob:", "chrome://")  # the last: its own empty page
    assert not [url[:200] for url in browser.requested if not url.startswith(ours)]
    assert any(url.startswith(address) for url in browser.requested)
