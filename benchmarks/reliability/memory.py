"""Compares the memory that training is said to need with what processes took.

python benchmarks/reliability/memory.py

Writes results/reliability/memory.json.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import torch

RESULTS = Path(__file__).parents[2] / "results" / "reliability" / "memory.json"
CASES = (
    ("cifar10-vanilla", 128), ("cifar10-loopy", 32), ("cifar10-loopy", 128),
    ("cifar10-loopy", 512), ("cifar10-loop-sum", 32), ("cifar10-deep", 32), ("cifar10-deep", 128),
    ("mnist-loopy", 256), ("resnet", 64), ("resnet-tied", 128), ("blt", 64), ("cornet-rt", 16),
)  # fmt: skip
ROUNDS = 3


def measure(name: str, size: int) -> dict[str, int]:
    """Train a few steps of random images here; returns what was said and what it took."""
    from loopynet import LoopyNet, load_spec
    from loopynet.training.memory import PeakMemory
    from loopynet.training.need import process_bytes
    from loopynet.training.steps import make_fast, random_batch, training_step

    device = torch.device("cpu")
    spec = load_spec(name, (f"training.batch_size={size}",))
    said = process_bytes(spec, device)
    net = LoopyNet(spec).train()
    memory = PeakMemory(device)
    optimizer = make_fast(net, device, 0)
    step = training_step(net, optimizer, *random_batch(net.graph, size, device))
    for _ in range(3):
        step()
    return {"said": said, "took": memory.used() or 0}


def main() -> None:
    """Measure all cases, each in processes of its own, and write them."""
    found = []
    for name, size in CASES:
        runs = []
        for _ in range(ROUNDS):
            words = [sys.executable, __file__, name, str(size)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
        took = statistics.median(run["took"] for run in runs)
        found.append({"network": name, "batch_size": size, "said": runs[0]["said"], "took": took})
        print(f"{name} {size}: said / took {runs[0]['said'] / took:.2f}")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    data = {"rounds": ROUNDS, "torch": torch.__version__, "cases": found}
    RESULTS.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
