"""`loopynet explain`, as a process on a run that was trained for a moment."""

import subprocess
import sys
from pathlib import Path

import pytest

from loopynet import LoopyNetError
from loopynet.cli.explaining import chosen_images
from loopynet.cli.main import main

LOOPYNET = Path(sys.executable).with_name("loopynet")


def run(*arguments, cwd, status=0):
    done = subprocess.run(
        [LOOPYNET, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    small = ["layers.conv_1.filters=4", "layers.conv_2.filters=4", "layers.conv_3.filters=4"]
    run("train", "digits-loopy", "--set", "training.epochs=1", *small, "--run", "first", cwd=folder)
    return folder


def test_the_page_and_the_pictures(trained):
    said = run("explain", "first", "--images", "2", "--layers", "conv_3", "logits", "--filters", 1,
               "--unrolls", 2, cwd=trained)  # fmt: skip
    out = trained / "runs" / "first" / "explain"
    assert said == "wrote runs/first/explain/explain.html and the pictures beside it\n"
    page = (out / "explain.html").read_text()
    assert page.count("<img ") == page.count(' alt="') == 3
    assert "loopynet explain first --images 2" in page
    assert "Guided backpropagation" in page
    for name in ("conv_3@1", "conv_3@2", "fc_1@2"):
        assert {p.name for p in (out / name / "filter_1").iterdir()} == {
            "image_0.png", "image_1.png",
        }  # fmt: skip
    assert (out / "feedback@2" / "overlay" / "image_1.png").is_file()
    assert not (out / "conv_3@3").exists()


def test_another_folder_method_and_split(trained):
    run("explain", "first", "--images", "5", "7-8", "--layers", "conv_2", "--method", "occlusion",
        "--split", "validation", "--out", "pictures", cwd=trained)  # fmt: skip
    out = trained / "pictures"
    assert len(list(out.glob("conv_2-filter_*.png"))) == 4
    names = {p.name for p in (out / "conv_2@3" / "filter_0").iterdir()}
    assert names == {"image_5.png", "image_7.png", "image_8.png"}
    assert "images 5, 7, 8 of the validation images" in (out / "explain.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["nothing"], '"nothing" is no run folder'),
        (["first", "--layers", "conv_9"], 'Did you mean "conv_'),
        (["first", "--filters", "4"], "has 4 filters, 0 to 3, not 4"),
        (["first", "--filters", "x"], 'numbers or the word all, not "x"'),
        (["first", "--images", "x"], 'not "x"'),
        (["first", "--images", "1", "999"], "there is no image 999; there are 269"),
    ],
)
def test_errors_are_one_line(trained, arguments, wanted, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    assert main(["explain", *arguments]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert wanted in said


def test_an_error_of_the_process_is_one_line(trained):
    said = run("explain", "first", "--layers", "conv_9", cwd=trained, status=1)
    assert said.count("\n") == 1
    assert said.startswith('loopynet: no layer or merge "conv_9"')


def test_which_images():
    assert chosen_images(["3"], 10) == [0, 1, 2]
    assert chosen_images(["30"], 10) == list(range(10))
    assert chosen_images(["7-7"], 10) == [7]
    assert chosen_images(["5", "2-4", "3"], 10) == [5, 2, 3, 4]
    with pytest.raises(LoopyNetError, match="names no image"):
        chosen_images(["4-2"], 10)
    with pytest.raises(LoopyNetError, match="split is empty"):
        chosen_images(["3"], 0)
