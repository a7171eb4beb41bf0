"""The README's examples, as they stand."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from loopynet import build_graph, parse_spec

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL).group(1)


def test_the_python_example_runs_and_prints_the_shapes_it_promises(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", block("python")], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"#.*?(\[[0-9, ]+\])", block("python"))
    assert len(promised) == 3
    assert re.findall(r"\[[0-9, ]+\]", done.stdout) == promised


def test_the_yaml_example_is_a_network():
    assert build_graph(parse_spec(block("yaml"))).loops[0].name == "feedback"


def test_every_link_and_picture_leads_to_a_file():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(targets) >= 5
    for target in targets:
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize("line", re.findall(r"^    loopynet (.+)", README, re.M))
def test_every_command_is_complete(line):
    from loopynet.cli.main import build_parser

    build_parser().parse_args(shlex.split(line, comments=True))


@pytest.mark.parametrize("target", re.findall(r"`?make (\w+)", README))
def test_every_target_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
