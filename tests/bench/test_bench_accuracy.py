"""Accuracy lost by a truncated gradient, from run folders."""

import pytest

from loopynet import load_spec
from loopynet.bench.accuracy import AccuracyLoss, accuracy_loss
from loopynet.run import RunFolder


def run(folder, seed, gradient, accuracy, interrupted=False):
    spec = load_spec("digits-loopy", (f"training.seed={seed}", f"training.gradient={gradient}"))
    kept = RunFolder(folder / f"{gradient[1:10].strip()}-{seed}")
    kept.path.mkdir(parents=True)
    kept.write_spec(spec)
    figures = {"images": 100, "accuracy": accuracy, "loss": 1.0}
    figures |= {"accuracies": [accuracy], "losses": [1.0]}
    results = {"test": figures, "interrupted": interrupted, "epochs": 6, "kept": "last epoch"}
    kept.write_json("results.json", results)


def test_seeds_that_have_both_gradients_are_compared(tmp_path):
    assert accuracy_loss(tmp_path) is None
    last = "{type: truncated, steps: 1}"
    for seed, full, truncated in ((0, 0.5, 0.49), (1, 0.6, 0.62), (2, 0.5, 0.46)):
        run(tmp_path, seed, "full", full)
        run(tmp_path, seed, last, truncated)
    run(tmp_path, 3, "full", 0.9)
    run(tmp_path, 4, "full", 0.9)
    run(tmp_path, 4, last, 0.1, interrupted=True)
    run(tmp_path, 3, "{type: truncated, steps: 2}", 0.1)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.yaml").write_text("layers: 3")
    found = accuracy_loss(tmp_path)
    assert isinstance(found, AccuracyLoss)
    assert found.points == pytest.approx((1 - 2 + 4) / 3)
    assert (found.low, found.high, found.seeds, found.epochs) == pytest.approx((-2, 4, 3, 6))
