"""A real Chromium without a window, driven by Selenium, and the page in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--force-device-scale-factor=1", "--hide-scrollbars",
)  # fmt: skip


@contextmanager
def served(folder: Path, *words: str) -> Iterator[str]:
    """Serve the page from a folder; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "loopynet", "explore", *words, "--port", str(port)]
    with (folder / "served.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: _answers(address) or process.poll() is not None, 60)
        assert process.poll() is None, (folder / "served.txt").read_text()
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait(ready: Callable[[], Any], seconds: float = 20, what: str = "") -> Any:
    """Wait until something is true; returns it."""
    end = time.monotonic() + seconds
    while True:
        found = ready()
        if found:
            return found
        assert time.monotonic() < end, what or "it did not happen in time"
        time.sleep(0.05)


@contextmanager
def chromium(profile: Path, width: int = 1360, height: int = 1000) -> Iterator[Tab]:
    """Start a browser with an empty profile; gives its only tab."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    driver = webdriver.Chrome(options, Service(str(DRIVER), env=environment))
    try:
        yield Tab(driver)
    finally:
        driver.quit()


class Tab:
    """What a person does and sees."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.requested: list[str] = []
        self.said: list[str] = []

    def open(self, address: str) -> None:
        self.driver.get(address)
        self.until("#drawing rect.pick")
        self.until("#gallery button, #gallery .note")
        self.until("#seen figure")

    def all(self, css: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", css))

    def until(self, css: str, seconds: float = 20) -> Any:
        return wait(lambda: self.all(css), seconds, f"no {css}")[0]

    def text(self, css: str) -> str:
        """Return the text of what there is; empty while it is exchanged."""
        return str(self.run("const e = document.querySelector(arguments[0]);"
                            "return e ? e.innerText : '';", css))  # fmt: skip

    def says(self, css: str, words: str, seconds: float = 20) -> str:
        """Wait until an element says something; returns all it says."""
        wait(lambda: re.search(words, self.text(css)), seconds,
             f"{css} does not say {words!r} but {self.text(css)[:500]!r}")  # fmt: skip
        return self.text(css)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def source(self, css: str) -> str:
        """Return the address of a picture, which holds it."""
        return str(self.run("const e = document.querySelector(arguments[0]);"
                            "return e ? e.getAttribute('src') : '';", css))  # fmt: skip

    def click(self, css: str) -> None:
        element = self.until(css)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        try:
            element.click()
        except Exception:  # it was exchanged meanwhile, or something moved in front of it
            time.sleep(0.3)
            self.until(css).click()

    def tab(self, name: str) -> None:
        wait(lambda: [b for b in self.all("button[role=tab]") if b.text == name])[0].click()

    def choose(self, name: str, option: str) -> None:
        """Choose in a list, and wait until it is closed."""
        self.click(f"#{name} input")
        wait(lambda: [o for o in self.all("[role=option]") if o.text.strip(" ✓\n") == option],
             10, f"no {option} in {name}")[0].click()  # fmt: skip
        wait(lambda: not self.all("[role=listbox]"))

    def slide(self, name: str, *keys: str) -> None:
        """Press keys on a slider."""
        self.until(f"#{name} input[type=range]").send_keys(*keys)

    def position(self, name: str) -> float:
        return float(self.until(f"#{name} input[type=range]").get_attribute("value"))

    def idle(self) -> None:
        """Wait until two looks at the page, a moment apart, are the same."""
        last = None
        for _ in range(20):
            now = self.driver.get_screenshot_as_png()
            if now == last:
                return
            last = now
            time.sleep(0.3)

    def collect(self) -> None:
        """Add what was requested and what the console said since the last call."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            if message["method"] == "Network.webSocketCreated":
                self.requested.append(message["params"]["url"])
        self.said += [e["message"] for e in self.driver.get_log("browser")
                      if e["level"] in ("SEVERE", "WARNING")]  # fmt: skip
