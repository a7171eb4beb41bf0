"""The command line, as a process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LOOPYNET = Path(sys.executable).with_name("loopynet")


def run(*arguments, cwd, status=0):
    done = subprocess.run(
        [LOOPYNET, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    out = run("train", "digits-loopy", "--set", "training.epochs=3", "--run", "first", cwd=folder)
    assert "test accuracy" in out
    assert "runs/first" in out
    return folder


def test_help_names_every_command(tmp_path):
    out = run("--help", cwd=tmp_path)
    for command in ("train", "resume", "evaluate", "predict", "describe", "check", "zoo", "import"):
        assert command in out
        assert "usage" in run(command, "--help", cwd=tmp_path)


def test_unrolls_of_the_parallel_order_keep_their_numbers(tmp_path):
    changes = ("unroll.schedule=parallel", "unroll.steps=4", "training.epochs=1")
    assert "1 loop, 4 unrolls" in run("check", "digits-loopy", "--set", *changes, cwd=tmp_path)
    run("train", "digits-loopy", "--set", *changes, "--run", "first", cwd=tmp_path)
    lines = run("evaluate", "first", "--each", cwd=tmp_path).splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == ["unroll 2", "unroll 3", "unroll 4"]
    changes = ("unroll.schedule=parallel", "unroll.steps=1", "training.epochs=1")
    assert "1 unroll" in run("check", "digits-loopy", "--set", *changes, cwd=tmp_path)
    changes = ("unroll.schedule=parallel", "unroll.steps=3")
    assert "write 4" in run("check", "digits-loopy", "--set", *changes, cwd=tmp_path, status=1)


def test_evaluate_gives_the_accuracy_of_training_at_every_unroll(trained):
    out = run("evaluate", "first", "--each", cwd=trained)
    assert out.count("unroll ") == 3
    line = next(x for x in out.splitlines() if x.startswith("test accuracy"))
    assert line in run("evaluate", "runs/first", cwd=trained)
    assert float(line.split()[2]) > 90
    assert "validation accuracy" in run("evaluate", "first", "--split", "validation", cwd=trained)


def test_more_unrolls_than_trained_run_with_one_warning(trained):
    done = subprocess.run(
        [LOOPYNET, "evaluate", "first", "--unrolls", "5", "--each"],
        cwd=trained, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.stdout.count("unroll ") == 5
    assert done.stderr.count("loopynet: warning:") == 1


def test_predict_reads_a_digit(trained):
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    right = 0
    for i in range(10):
        picture = Image.fromarray((digits.images[i] * 255 / 16).astype("uint8"))
        picture.resize((64, 64), Image.Resampling.NEAREST).save(trained / f"{i}.png")
    out = run("predict", "first", *[f"{i}.png" for i in range(10)], cwd=trained).splitlines()
    for i in range(10):
        assert out[2 * i] == f"{i}.png"
        assert out[2 * i + 1].count("%") == 3
        right += out[2 * i + 1].split()[0] == str(digits.target[i])
    assert right >= 8
    assert "unroll 2:" in run("predict", "first", "3.png", "--each", cwd=trained)


def test_predict_names_a_file_that_is_no_image(trained):
    (trained / "text.png").write_text("not an image")
    assert "text.png" in run("predict", "first", "text.png", cwd=trained, status=1)
    assert "nothing.png" in run("predict", "first", "nothing.png", cwd=trained, status=1)


def test_check_describe_and_zoo(tmp_path):
    assert "72" not in run("check", "digits-loopy", cwd=tmp_path)
    assert "24,394 parameters" in run("check", "digits-loopy", cwd=tmp_path)
    described = run("describe", "cifar10-loopy", cwd=tmp_path)
    for word in ("conv_1", "feedback", "71,967", "72,753"):
        assert word in described
    listing = run("zoo", cwd=tmp_path)
    assert "mnist-loopy" in listing
    (tmp_path / "mine.yaml").write_text(run("zoo", "mnist-loopy", cwd=tmp_path))
    assert "fine" in run("check", "mine.yaml", cwd=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "filters: 32",
            "filtrs: 8",
            'mine.yaml:8 layers.conv_1.filtrs: unknown key "filtrs". Did you mean',
        ),
        (
            "filters: 32",
            "filters: 0",
            "mine.yaml:8 layers.conv_1.filters: must be greater than or equal to 1",
        ),
        ("units: 10", "units: 900000000", "smaller training.batch_size"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(tmp_path, old, new, message):
    spec = run("zoo", "digits-loopy", cwd=tmp_path).replace(old, new, 1)
    (tmp_path / "mine.yaml").write_text(spec)
    error = run("train", "mine.yaml", cwd=tmp_path, status=1)
    assert message in error
    assert len(error.splitlines()) < 12
    assert not (tmp_path / "runs").exists()


def test_import_translates_an_old_file(tmp_path):
    (tmp_path / "old.py").write_text("""
# a comment
{"framework": "lasagne", "name": "old", "run_params": {"use_batchnorm": True},
 "templates": {"input": {"type": "input"},
   "conv": {"type": "conv2d", "filter_size": 3, "pad": 1, "W": "glorot_uniform"},
   "dense": {"type": "dense"},},
 "layers": {"input": {"template": "input", "output_dim": (1, 8, 8)},
   "conv_1": {"template": "conv", "num_filters": 4},
   "conv_2": {"template": "conv", "num_filters": 1},
   "fc": {"template": "dense", "output_dim": 10, "nonlinearity": "softmax"}},
 "stacks": {"main_stack": {"type": "main", "structure": ["input", "conv_1", "conv_2", "fc"]},
   "loop": {"type": "loop", "structure": ["conv_2", "conv_1"], "composition_mode": "sum"}},
 "layer_defaults": {"dense": {"nonlinearity": "relu"}, "conv2d": {"nonlinearity": "relu"}},}
""")
    run("import", "old.py", "-o", "new.yaml", "--unrolls", "2", cwd=tmp_path)
    assert "1 loop, 2 unrolls" in run("check", "new.yaml", cwd=tmp_path)
    assert "exists already" in run("import", "old.py", "-o", "new.yaml", cwd=tmp_path, status=1)


def test_ctrl_c_keeps_what_was_learnt_and_resume_goes_on(tmp_path):
    command = [LOOPYNET, "train", "digits-loopy", "--set", "training.epochs=200", "--run", "long"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch   2/"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(timeout=120) == 130
    assert "loopynet resume" in rest
    assert "test accuracy" in run("evaluate", "long", cwd=tmp_path)
    config = tmp_path / "runs/long/config.yaml"
    config.write_text(config.read_text().replace("epochs: 200", "epochs: 4"))
    assert "epoch 4/4" in run("resume", "long", cwd=tmp_path)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs POSIX signals")
def test_a_killed_run_goes_on(tmp_path):
    command = [LOOPYNET, "train", "digits-loopy", "--set", "training.epochs=200", "--run", "long"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    checkpoints = tmp_path / "runs/long/checkpoints"
    deadline = time.monotonic() + 200
    while not [*checkpoints.glob("step-*.ckpt")] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    config = tmp_path / "runs/long/config.yaml"
    config.write_text(config.read_text().replace("epochs: 200", "epochs: 3"))
    out = run("resume", "long", cwd=tmp_path)
    assert "test accuracy" in out
    assert "finished" in run("resume", "long", cwd=tmp_path, status=1)


def test_usage_errors_have_status_2(tmp_path):
    assert "invalid choice" in run("trian", "digits-loopy", cwd=tmp_path, status=2)
    assert "required" in run("train", cwd=tmp_path, status=2)


def test_a_wrong_change_is_not_blamed_on_the_file(tmp_path):
    error = run("check", "digits-loopy", "--set", "training.epochs=abc", cwd=tmp_path, status=1)
    assert "loopynet: --set training.epochs: must be a whole number, not 'abc'" in error


def test_names_are_printed_as_they_are(trained):
    from PIL import Image

    for name in ("x[red].png", ":smile:.png", "q[bold].png"):
        Image.new("L", (8, 8)).save(trained / name)
        assert run("predict", "first", name, cwd=trained).startswith(name)


def test_loops_that_are_not_used_are_mentioned(tmp_path):
    done = subprocess.run(
        [LOOPYNET, "check", "digits-loopy", "--set", "unroll.steps=1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "warning: loops not used (feedback)" in done.stderr
    assert "0 loops" in done.stdout


def test_the_words_of_control_are_those_of_the_library():
    from loopynet.cli.main import CONTROL_WORDS
    from loopynet.control import CONTROLS

    assert list(CONTROL_WORDS) == list(CONTROLS)


def test_control_and_draw_write_files(tmp_path):
    run("control", "digits-loopy", "--untied", "-o", "untied.yaml", cwd=tmp_path)
    assert "fine" in run("check", "untied.yaml", cwd=tmp_path)
    run("draw", "untied.yaml", "-o", "untied.svg", "--unrolled", cwd=tmp_path)
    assert "conv_2@3" in (tmp_path / "untied.svg").read_text()
    assert ".svg" in run("draw", "untied.yaml", "-o", "untied.txt", cwd=tmp_path, status=1)
