"""The editor's verdicts, what is trained, and what serving needs."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from loopynet import load_spec, parse_spec
from loopynet.cli.main import main
from loopynet.errors import LoopyNetError
from loopynet.serve import building
from loopynet.serve.building import Training, Trainings, check, for_digits
from loopynet.serve.diagram import diagram
from loopynet.zoo import zoo_names, zoo_text

SMALL = """
name: small
input: {shape: [1, 8, 8]}
layers: {conv_1: {type: conv2d, filters: 2}, fc_1: {type: dense, units: 10}}
main: [conv_1, fc_1]
"""


@pytest.mark.parametrize("name", zoo_names())
def test_every_zoo_entry_is_fine(name: str) -> None:
    said, drawn = check(zoo_text(name))
    assert said.startswith('<p class="fine"')
    assert drawn is None or "<svg" in drawn


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SMALL.replace("conv2d", "conv2"), "network.yaml:4"),
        (SMALL.replace("[conv_1, fc_1]", "[conv_1, fc_2]"), "network.yaml:5"),
        (SMALL + "unroll: {steps: 2}\nloops: {f: {from: fc_1, to: conv_1}}\n", "network.yaml:7"),
        (SMALL + "a: [1, 2\n", "network.yaml"),
        ("", "network.yaml: empty"),
        ("- 1\n", "must be a mapping"),
        ("a: !!python/object:os.system {}\n", "the tag"),
        ("[" * 100_000, "network.yaml"),
        ("a: " + "x" * 1_100_000, "longer than"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: str) -> None:
    said, drawn = check(text)
    assert said.startswith('<p class="alert" role="alert">')
    assert line in said
    assert drawn is None


def test_texts_of_a_stranger_are_escaped() -> None:
    said, _ = check(SMALL.replace("conv2d", "'<img src=x onerror=alert(1)>'"))
    assert "&lt;img" in said
    assert "<img" not in said


def test_a_long_chain_is_not_drawn() -> None:
    count = building.MOST_DRAWN + 1
    layers = "".join(f"  l{n}: {{type: identity}}\n" for n in range(count))
    main_stack = ", ".join(f"l{n}" for n in range(count))
    text = f"name: long\ninput: {{shape: [4]}}\nlayers:\n{layers}main: [{main_stack}]\n"
    said, drawn = check(text)
    assert "too many layers to draw" in said
    assert drawn is None


def test_layers_and_merges_are_buttons_with_names() -> None:
    drawn = diagram(load_spec("digits-loopy"), "conv_2")
    for name in ("conv_1", "conv_2", "conv_3", "fc_1", "feedback"):
        assert f'data-layer="{name}"' in drawn
    assert drawn.count('aria-pressed="true"') == 1
    assert 'role="button" aria-pressed="true" aria-label="layer conv_2"' in drawn
    assert isinstance(drawn, Markup)


def test_the_data_of_the_page_are_digits() -> None:
    spec = load_spec("mnist-loopy", ("training.protocol=published",))
    ours = for_digits(spec, 3)
    assert ours.data.name == "digits"
    assert ours.data.resize
    assert ours.training.epochs == 3
    assert ours.layers == spec.layers
    for wrong in (0, 51):
        with pytest.raises(LoopyNetError, match="1 to 50 epochs"):
            for_digits(spec, wrong)
    with pytest.raises(LoopyNetError, match="gray images of ten classes"):
        for_digits(load_spec("cifar10-loopy"), 3)


class Process:
    """Stands for a training that never ends by itself."""

    returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode

    def terminate(self) -> None:
        self.returncode = -15


def test_trainings_are_few_and_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(building, "_process", lambda run: Process())
    spec = for_digits(parse_spec(SMALL), 2)
    trainings = Trainings()
    one, two = trainings.start(spec), trainings.start(spec)
    assert (one.run.path.name, two.run.path.name) == ("small", "small-2")
    assert "epoch 0 of 2" in one.state()
    with pytest.raises(LoopyNetError, match="2 networks are being trained"):
        trainings.start(spec)
    one.stop()
    assert one.ended
    assert trainings.start(spec).run.path.name == "small-3"
    trainings.stop()
    assert two.ended


def test_a_failed_training_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    process: Any = Process()
    monkeypatch.setattr(building, "_process", lambda run: process)
    training: Training = Trainings().start(for_digits(parse_spec(SMALL), 2))
    (training.run.path / "log.txt").write_text("one\nloopynet: the disk is <full>\n")
    process.returncode = 1
    assert "the disk is &lt;full&gt;" in training.state()


def test_without_gradio_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name.split(".")[0] == "gradio":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["explore"]) == 1
    assert "pip install 'loopynet[explore]'" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gradio")
    for name in ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")  # so that what the page sets is taken back
    assert main(["explore", "zork"]) == 1
    assert '"zork" is no run folder' in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "70000", "x", "-1"])
def test_ports_are_numbers(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explore", "--port", port])
    assert "is no port" in capsys.readouterr().err


def test_serving_is_not_imported_before_it_is_wanted() -> None:
    code = (
        "import sys, loopynet, loopynet.cli.main\n"
        "loopynet.cli.main.build_parser().format_help()\n"
        "import loopynet.serve, loopynet.cli.exploring\n"
        "assert not {'gradio', 'torch', 'fastapi'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
