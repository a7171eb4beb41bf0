"""Times what it costs to look for numbers that are not finite, as a share of a training step.

python benchmarks/reliability/checks.py

Writes results/reliability/checks.json.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn.utils import get_total_norm

from loopynet import LoopyNet, load_spec
from loopynet.training.steps import make_fast, random_batch, training_step

RESULTS = Path(__file__).parents[2] / "results" / "reliability" / "checks.json"
CASES = (("cifar10-loopy", 5), ("cifar10-loopy", 32), ("cifar10-deep", 32), ("resnet-tied", 32))
ROUNDS = 9


def seconds(call: Callable[[], object], times: int) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def measure(name: str, size: int) -> dict[str, object]:
    """Return the shares of the rounds: the check's time over a step's, in turns."""
    device, spec = torch.device("cpu"), load_spec(name)
    net = LoopyNet(spec).train()
    optimizer = make_fast(net, device, 0)
    step = training_step(net, optimizer, *random_batch(net.graph, size, device))
    loss = torch.tensor(1.0)

    def check() -> bool:
        torch.get_rng_state()
        grads = [p.grad for p in net.parameters() if p.grad is not None]
        return bool(torch.isfinite(loss) & torch.isfinite(get_total_norm(grads)))

    step()
    shares = [seconds(check, 50) / seconds(step, 5) for _ in range(ROUNDS)]
    return {
        "network": name, "batch_size": size, "share": statistics.median(shares),
        "least": min(shares), "most": max(shares),
    }  # fmt: skip


def main() -> None:
    """Measure all cases and write them."""
    found = [measure(*case) for case in CASES]
    for one in found:
        print(one)
    data = {
        "rounds": ROUNDS, "torch": torch.__version__, "threads": torch.get_num_threads(),
        "cases": found,
    }  # fmt: skip
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
