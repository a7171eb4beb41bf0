"""The wheel has every file of the package, and runs from an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
TINY = ["training.epochs=1", "data.split.train=64", "data.split.validation=8", "data.split.test=32"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel from a copy: setuptools leaves files beside what it builds."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(SOURCE, copy / "src", ignore=ignored)
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(copy / "dist"), str(copy))
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-index", "--target", str(folder), str(wheel))
    return folder


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*command, *arguments], check=True)


def run(installed: Path, folder: Path, *arguments: str) -> str:
    """Run Python where loopynet is the installed one."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_file_of_the_package_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if name.startswith("loopynet/")}
    files = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "loopynet").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert inside == files
    assert "loopynet/py.typed" in inside


def test_a_network_trains_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    said = run(
        installed, tmp_path, "-m", "loopynet", "train", "digits-loopy", "--run", "first",
        "--set", *TINY,
    )  # fmt: skip
    assert "run folder: runs/first" in said
    assert (tmp_path / "runs/first/model.safetensors").is_file()
    assert "<html" in (tmp_path / "runs/first/report.html").read_text(encoding="utf-8")


def test_trained_networks_and_the_version_come_with_it(installed: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.metadata, loopynet; print(loopynet.__file__)\n"
        "for name in loopynet.pretrained_names(): loopynet.LoopyNet.pretrained(name)\n"
        "assert importlib.metadata.version('loopynet') == loopynet.__version__\n"
        "print(importlib.metadata.entry_points(group='console_scripts', name='loopynet'))"
    )
    said = run(installed, tmp_path, "-c", code)
    assert said.startswith(str(installed))
    assert "loopynet.cli.main:main" in said
