"""Cells on Ray and by submitit are those that ran here."""

import importlib
import io
import os
import signal
import subprocess
import threading
import time

import pytest
from rich.console import Console

from loopynet import LoopyNetError
from loopynet.cli.main import main
from loopynet.compare import find_cells, grid, run_cells, run_on
from loopynet.training.repeat import compare_runs
from training.small_runs import small_spec


def cells(folder, *changes, seeds=2):
    split = "data.split={train: 200, validation: 50, test: 50}"
    return find_cells(folder, grid([small_spec("training.epochs=1", split, *changes)], {}, seeds))


def on(where, folders):
    said = io.StringIO()
    run_on(where, folders, Console(file=said))
    return said.getvalue()


def same_as_here(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    here = cells(tmp_path / "here")
    run_cells(here, Console(file=io.StringIO()))
    for one, other in zip(folders, here, strict=True):
        assert one.state == "finished", one.failure
        assert compare_runs(one.run, other.run).equal


def test_jobs_of_submitit_are_cells(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folders = cells(tmp_path / "there")
    said = on("local", folders)
    assert said.count("done, test accuracy") == 2
    same_as_here(folders, tmp_path, monkeypatch)


def test_a_failed_job_has_its_reason(tmp_path):
    pytest.importorskip("submitit")
    large = ("training.learning_rate=1.0e+30", "training.optimizer=sgd", "norm=none")
    (folder,) = cells(tmp_path, *large, seeds=1)
    on("local", [folder])
    assert folder.state == "failed"
    assert folder.failure.startswith("the loss became")


@pytest.fixture
def ray():
    module = pytest.importorskip("ray")
    yield module
    module.shutdown()


def test_tasks_of_ray_are_cells(ray, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folders = cells(tmp_path / "there")
    said = on("ray", folders)
    assert said.count("done, test accuracy") == 2
    same_as_here(folders, tmp_path, monkeypatch)


def test_a_cell_whose_worker_is_lost_is_run_again(ray, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (folder,) = cells(tmp_path / "there", "training.epochs=200", seeds=1)
    killed = []

    def kill():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if [*(folder.run.path / "checkpoints").glob("step-*.ckpt")]:
                words = ["ps", "-ww", "-eo", "pid,ppid,args"]
                lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout
                rows = [line.split(None, 2) for line in lines.splitlines()[1:]]
                cell = next((r for r in rows if f"resume {folder.run.path}" in r[2]), None)
                if cell:
                    for pid in (cell[1], cell[0]):  # the worker, then the cell that it left behind
                        os.kill(int(pid), signal.SIGKILL)
                    killed.append(cell)
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    on("ray", [folder])
    thread.join()
    assert killed
    assert folder.state == "finished", folder.failure
    (alone,) = cells(tmp_path / "here", "training.epochs=200", seeds=1)
    run_cells([alone], Console(file=io.StringIO()))
    assert compare_runs(folder.run, alone.run).equal


def test_no_such_place(tmp_path, capsys):
    with pytest.raises(LoopyNetError, match="write ray, ray://HOST:PORT, slurm or local"):
        on("moon", cells(tmp_path))
    if not any(os.access(f"{p}/sbatch", os.X_OK) for p in os.environ["PATH"].split(":")):
        with pytest.raises(LoopyNetError, match="there is no sbatch here"):
            on("slurm", cells(tmp_path))
    words = ["--set", "training.epochs=1", "--out", str(tmp_path / "out"), "--on", "moon"]
    assert main(["compare", "digits-loopy", *words]) == 1
    assert "--on moon" in capsys.readouterr().err


def test_a_cell_that_a_lost_worker_still_runs_is_waited_for(tmp_path, monkeypatch):
    module = importlib.import_module("loopynet.compare.run_cells")
    (folder,) = cells(tmp_path, seeds=1)
    module.prepare_cell(folder)
    lock, began = module._lock(folder.run.path), []
    monkeypatch.setattr(module, "_process", lambda *_, **__: began.append(1) or Ended())
    monkeypatch.setattr(module.time, "sleep", lambda _: lock.close())
    module.run_here(str(folder.run.path))
    assert began == [1]


class Ended:
    returncode = -signal.SIGKILL

    def wait(self):
        return self.returncode
