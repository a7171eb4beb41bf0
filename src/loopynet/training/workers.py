"""Training on several devices and machines.

Lightning starts the processes, or torchrun, SLURM or Kubernetes does.

Every process runs the same command. Process 0 owns the run folder; the others write nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import Module

from loopynet.errors import RunError, SpecError
from loopynet.modules.norm import BatchNormOverTime
from loopynet.run import RunFolder
from loopynet.run.folder import run_path
from loopynet.spec import NetworkSpec

FOLDER = "LOOPYNET_RUN"
"""The environment variable by which process 0 tells those that it starts where the run lies."""


@dataclass(frozen=True)
class Workers:
    """Where training runs.

    Attributes:
        devices: processes on each machine, each with a device of its own.
        nodes: machines; each is told the others by torchrun, SLURM or Kubernetes.
        strategy: Lightning's word: auto (ddp if there are several), ddp, or fsdp, which needs GPUs
            and shares out the weights, too.
    """

    devices: int = 1
    nodes: int = 1
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"

    @property
    def count(self) -> int:
        """All processes."""
        return self.devices * self.nodes

    def trainer_options(self) -> dict[str, Any]:
        """Return the options of a Lightning trainer."""
        several = "ddp" if self.count > 1 else "auto"
        strategy = several if self.strategy == "auto" else self.strategy
        return {"devices": self.devices, "num_nodes": self.nodes, "strategy": strategy}


ALONE = Workers()
"""One process."""


def rank(workers: Workers) -> int:
    """Return the number of this process among all that train together; 0 if it is alone.

    What the environment says of other processes does not count for one that trains alone: clusters
    and images of containers set such variables for programs of all kinds.
    """
    if workers.count == 1:
        return 0
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"):
        if os.environ.get(name, "").isdigit():
            if name == "SLURM_PROCID" and int(os.environ.get("SLURM_NTASKS", "1")) < 2:
                continue  # an interactive job: one process
            return int(os.environ[name])
    return 0


def shared_folder(name: str | None, spec: NetworkSpec, workers: Workers) -> RunFolder:
    """Make the run folder in process 0, and return it in all.

    Raises:
        RunError: it cannot be made, or processes that somebody else started have no name for it.
    """
    if workers.count > 1 and name is None and _started_outside():
        raise RunError("processes that torchrun or SLURM started need a common folder: write --run")
    if rank(workers) == 0:
        run = RunFolder.create(name, spec)
        os.environ[FOLDER] = str(run.path.absolute())
        return run
    path = os.environ.get(FOLDER) or name
    if path is None:
        raise RunError("this process does not know its run folder; write --run")
    return RunFolder(run_path(path))


def agreed(spec: NetworkSpec, workers: Workers) -> NetworkSpec:
    """Return the spec, in other processes than 0 with the batch size that process 0 has found.

    Raises:
        SpecError: the size is to be found, and somebody else started the processes.
    """
    if workers.count == 1 or spec.training.batch_size != "auto":
        return spec
    if _started_outside():
        raise SpecError(
            "is auto, and processes that torchrun or SLURM started might each find another size; "
            "write a number",
            ("training", "batch_size"),
        )
    return spec if rank(workers) == 0 else RunFolder(run_path(os.environ[FOLDER])).spec()


def _started_outside() -> bool:
    return any(os.environ.get(key) for key in ("TORCHELASTIC_RUN_ID", "SLURM_PROCID"))


def check_shares(spec: NetworkSpec, images: int, workers: Workers) -> None:
    """Raise SpecError if a batch has fewer images than there are workers."""
    options = spec.training
    rest = images % options.step_images if options.protocol == "standard" else 0
    for size in filter(None, (options.step_images, rest)):
        if size < workers.count:
            raise SpecError(
                f"leaves a batch of {size} of {images:,} images for {workers.count} workers; write "
                "another size",
                ("training", "batch_size"),
            )


def leave_group() -> None:
    """End what the processes have in common: each goes on alone, and process 0 scores."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def share_of_mean(count: int, workers: int, device: torch.device) -> Tensor | float:
    """Return by what a worker's mean over its images counts in the mean over all of them.

    The workers' gradients are averaged, whatever number of images each had.
    """
    if workers == 1 or not torch.distributed.is_initialized():
        return 1.0
    total = torch.tensor(float(count), device=device)
    torch.distributed.all_reduce(total)
    return count * workers / total


def same_for_all(*numbers: int, workers: int, device: torch.device) -> tuple[int, ...]:
    """Return the numbers that process 0 has, in every process.

    Workers draw random numbers of their own; a norm over the images of all needs the same passes.
    """
    if workers == 1 or not torch.distributed.is_initialized():
        return numbers
    told = torch.tensor(numbers, device=device)
    torch.distributed.broadcast(told, 0)
    return tuple(told.tolist())


def holds_everywhere(condition: Tensor, workers: int) -> bool:
    """Return whether a condition holds in every process, so that all do the same."""
    if workers == 1 or not torch.distributed.is_initialized():
        return bool(condition)
    held = condition.to(torch.int32)
    torch.distributed.all_reduce(held, torch.distributed.ReduceOp.MIN)
    return bool(held)


def synchronize_norms(net: Module) -> None:
    """Let batch norms take their means over the images of all workers."""
    for module in net.modules():
        if isinstance(module, BatchNormOverTime):
            module.together = True
