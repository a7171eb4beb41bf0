import subprocess
import sys

import pytest
import torch

from loopynet.training.memory import PeakMemory


@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory is read on Linux only")
def test_what_is_held_in_between_counts():
    code = """
import torch
from loopynet.training.memory import PeakMemory
torch.ones(1)
memory = PeakMemory(torch.device("cpu"))
torch.ones(64 * 2**20)  # 256 MiB, let go at once
print(memory.used())
"""
    ballast = torch.ones(128 * 2**20)  # what the starting process holds must not count
    used = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 250 * 2**20 < used < 300 * 2**20
    assert len(ballast)


def test_it_is_never_negative():
    assert PeakMemory(torch.device("cpu")).used() >= 0
