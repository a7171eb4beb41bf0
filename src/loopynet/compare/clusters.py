"""Cells on other machines: on a Ray cluster, or as jobs of SLURM.

The workers see the comparison's folder, and have loopynet installed. What a cell does there is what
it does here, a process of its own on its folder: a cell whose worker was lost goes on from its
checkpoint.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence

from rich.console import Console

from loopynet.compare.cells import FAILURE, CellFolder
from loopynet.compare.progress import CellLines
from loopynet.compare.run_cells import prepare_cell, run_here
from loopynet.errors import LoopyNetError

POLL_SECONDS = 0.5
RETRIES = 3
"""How often Ray runs a cell again whose worker was lost."""


def run_on(where: str, folders: Sequence[CellFolder], console: Console, gpus: float = 0.0) -> None:
    """Run the cells that are not finished on a cluster.

    Args:
        where: "ray", which starts a cluster on this machine; "ray://HOST:PORT" for a running one;
            "slurm"; or "local", which runs SLURM's jobs as processes of this machine, to try them.
        folders: the cells; finished ones are passed over.
        console: where the lines of progress go.
        gpus: GPUs for each cell; with Ray a share of one will do.

    Raises:
        LoopyNetError: no such place, its package is not installed, or there is no SLURM.
    """
    waiting = [folder for folder in folders if folder.state != "finished"]
    for folder in waiting:
        prepare_cell(folder)
    with CellLines(folders, console) as lines:
        for folder in waiting:
            lines.started(folder)
        if where == "ray" or where.startswith("ray://"):
            _on_ray(where, waiting, lines, gpus)
        elif where in ("slurm", "local"):
            _by_submitit(where, waiting, lines, gpus)
        else:
            raise LoopyNetError(f"--on {where}: write ray, ray://HOST:PORT, slurm or local")


def _on_ray(where: str, folders: Sequence[CellFolder], lines: CellLines, gpus: float) -> None:
    try:
        import ray
    except ImportError:
        raise _needs("ray", "ray") from None
    address = None if where == "ray" else where
    ray.init(
        address=address, log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR
    )
    try:
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(run_here)
        pending = {task.remote(str(folder.run.path.absolute())): folder for folder in folders}
        while pending:
            done, _ = ray.wait(list(pending), timeout=POLL_SECONDS)
            for ref in done:
                folder = pending.pop(ref)
                run = folder.run
                try:
                    ray.get(ref)
                except ray.exceptions.RayError as error:
                    run.write_text(FAILURE, f"on Ray: {_first_line(error)}\n")
                lines.ended(folder)
            lines.refresh(pending.values())
    finally:
        ray.shutdown()


def _by_submitit(
    where: str,
    folders: Sequence[CellFolder],
    lines: CellLines,
    gpus: float,
) -> None:
    try:
        import submitit
    except ImportError:
        raise _needs("submitit", "slurm") from None
    if where == "slurm" and shutil.which("sbatch") is None:
        raise LoopyNetError(
            "--on slurm: there is no sbatch here; start it where jobs are submitted"
        )
    if gpus != int(gpus):
        raise LoopyNetError("--gpus-per-cell: SLURM gives whole GPUs; write a whole number")
    if not folders:
        return
    executor = submitit.AutoExecutor(folders[0].run.path.parent / "jobs", cluster=where)
    executor.update_parameters(name="loopynet", gpus_per_node=int(gpus), timeout_min=24 * 60)
    jobs = {executor.submit(run_here, str(f.run.path.absolute())): f for f in folders}
    while jobs:
        time.sleep(POLL_SECONDS)
        for job in [job for job in jobs if job.done()]:
            folder = jobs.pop(job)
            run = folder.run
            if error := job.exception():
                run.write_text(FAILURE, f"job {job.job_id}: {_first_line(error)}\n")
            lines.ended(folder)
        lines.refresh(jobs.values())


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _needs(package: str, extra: str) -> LoopyNetError:
    return LoopyNetError(f'--on needs the package {package}; pip install "loopynet[{extra}]"')
