"""Verdicts on made-up answers, where it is known what they must be."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

from loopynet.compare import find_cells, summarize
from loopynet.reproduce import EXPERIMENTS, Scale, StepTimes, reproduction_page
from loopynet.reproduce.claims import above, correct_claims
from reference.made_runs import made_cell

FIG8 = EXPERIMENTS["fig8"]


def figure_8(folder, chances, *, seeds=1, train=None, images=1_000):
    """Return the rows of figure 8 at batch size 32, with answers right by these chances."""
    cells = FIG8.cells(Scale(batch_sizes=(32,), seeds=seeds))
    for cell in cells:
        name = cell.spec.name.removeprefix("cifar10-")
        draw = np.random.default_rng([cell.seed, crc32(name.encode())])
        right = (draw.permutation(images) < chances[name] * images).tolist()
        share = (train or {}).get(name, 0.5)
        share = share[cell.seed] if isinstance(share, tuple) else share
        made_cell(cell, folder, right, train=share)
    return summarize(find_cells(folder, cells), FIG8.title, "c", FIG8.baseline)


CHANCES = {"vanilla": 0.4, "loopy": 0.6, "deep": 0.6, "loop-sum": 0.5, "loop-mul": 0.3}


def verdicts(summary, times=None):
    return {c.claim: c for c in FIG8.claims(summary.rows, times)}


@pytest.mark.parametrize("seeds", [1, 3])
def test_clear_differences_hold_or_do_not(tmp_path, seeds):
    found = verdicts(figure_8(tmp_path, CHANCES, seeds=seeds))
    assert found["loopy is above vanilla, batch size 32"].verdict == "holds"
    assert found["loopy is above deep, batch size 32"].verdict == "undecided"
    assert found["loop layer: sum is above mul, batch size 32"].verdict == "holds"
    turned = {**CHANCES, "vanilla": 0.8}
    found = verdicts(figure_8(tmp_path / "turned", turned, seeds=seeds))
    assert found["loopy is above vanilla, batch size 32"].verdict == "does not hold"


def test_one_seed_is_said_beside_the_verdict(tmp_path):
    for seeds, words in ((1, "holds (one seed)"), (4, "holds")):
        found = verdicts(figure_8(tmp_path / str(seeds), CHANCES, seeds=seeds))
        assert found["loopy is above vanilla, batch size 32"].judged == words


def test_overfitting_needs_a_better_train_and_a_worse_test_accuracy(tmp_path):
    train = {"loopy": 0.5, "loop-sum": 0.7, "loop-mul": 0.4}
    found = verdicts(figure_8(tmp_path, CHANCES, train=train))
    text = "cifar10-loop-{} overfits, batch size 32: train above loopy, test below"
    assert found[text.format("sum")].verdict == "holds"
    assert found[text.format("mul")].verdict == "does not hold"
    same = {**train, "loop-sum": 0.5}
    found = verdicts(figure_8(tmp_path / "same", CHANCES, train=same))
    assert found[text.format("sum")].verdict == "undecided"
    better = {**CHANCES, "loop-sum": 0.9}
    found = verdicts(figure_8(tmp_path / "better", better, train=train))
    assert found[text.format("sum")].verdict == "does not hold"


def test_a_better_train_accuracy_is_one_over_seeds(tmp_path):
    text = "cifar10-loop-sum overfits, batch size 32: train above loopy, test below"
    for name, shares, verdict in (("spread", (0.7, 0.48, 0.7), "undecided"),
                                  ("alike", (0.6, 0.61, 0.62), "holds")):  # fmt: skip
        train = {"loopy": 0.5, "loop-sum": shares}
        found = verdicts(figure_8(tmp_path / name, CHANCES, seeds=3, train=train))[text]
        assert found.verdict == verdict


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(3.0, "holds"), (2.3, "holds"), (2.0, "does not hold"), (4.0, "does not hold")],
)
def test_the_cost_is_about_k_within_a_quarter(tmp_path, ratio, verdict):
    seconds = {name: [1.0, 2.0] for name in FIG8.timed}
    seconds["cifar10-loopy"] = [ratio, 2 * ratio]
    times = StepTimes(32, "cpu", 1, seconds)
    found = verdicts(figure_8(tmp_path, CHANCES), times)
    claim = found["cifar10-loopy takes about 3 times as long to train as vanilla"]
    assert claim.verdict == verdict
    assert f"{ratio:.2f}" in claim.measured


def test_what_was_not_run_is_not_judged():
    claim = above("a is above b", "", None, None)
    assert (claim.verdict, claim.measured) == ("not measured", "")


def test_networks_that_were_trained_differently_long_are_not_judged(tmp_path):
    rows = figure_8(tmp_path, CHANCES).rows
    vanilla, loopy = rows[:2]
    short = replace(loopy, epochs=(1, 1))
    claim = above("loopy is above vanilla", "", short, vanilla)
    assert claim.verdict == "not measured"
    assert "after 1 of 24 and 2 of 24 epochs" in claim.measured
    assert above("", "", short, replace(vanilla, epochs=(1, 1))).verdict == "holds"


def test_verdicts_are_corrected_for_the_number_of_claims(tmp_path):
    rows = figure_8(tmp_path, {**CHANCES, "deep": 0.545}).rows
    loopy, deep = rows[1], rows[4]
    alone = above("loopy is above deep", "", loopy, deep)
    assert 0.0005 < alone.p < 0.05, alone.p
    assert correct_claims([alone])[0].verdict == "holds"
    many = correct_claims([alone] * 100)
    assert {claim.verdict for claim in many} == {"undecided"}
    assert "corrected p" in many[0].measured


def test_the_page_has_claims_published_figures_and_rows(tmp_path):
    summary = figure_8(tmp_path, CHANCES)
    page = reproduction_page(FIG8, summary, FIG8.claims(summary.rows, None))
    assert "| loopy is above vanilla, batch size 32 | 40.8 - 37.9 = +2.9 | +" in page
    assert "| cifar10-loopy, batch size 32 | test | 40.8 | " in page
    assert "| cifar10-loop-sum, batch size 32 | test |  | " in page  # published at 5 only
    assert "## All rows" in page


def test_two_batch_sizes_are_compared(tmp_path):
    cells = FIG8.cells(Scale())
    for cell in cells:
        small = cell.spec.training.batch_size == 5
        right = (np.random.default_rng(small).random(500) < (0.7 if small else 0.4)).tolist()
        made_cell(cell, tmp_path, right)
    rows = summarize(find_cells(tmp_path, cells), "t", "c", FIG8.baseline).rows
    found = {c.claim: c for c in FIG8.claims(rows, None)}
    claim = found["cifar10-loopy: batch size 5 is above 32"]
    assert (claim.verdict, claim.published) == ("holds", "56.4 - 40.8 = +15.6")


def test_mnist_reaches_97_percent_or_does_not(tmp_path):
    import json

    experiment = EXPERIMENTS["mnist"]
    cells = experiment.cells(Scale())
    for cell, accuracy in zip(cells, (0.964, 0.966, 0.98), strict=True):
        path = made_cell(cell, tmp_path, [True])
        results = json.loads((path / "results.json").read_text())
        results["validation"] = {**results["test"], "accuracy": accuracy}
        (path / "results.json").write_text(json.dumps(results))
    rows = summarize(find_cells(tmp_path, cells), "t", "c").rows
    assert [claim.verdict for claim in experiment.claims(rows, None)] == [
        "does not hold", "holds", "holds",
    ]  # fmt: skip


def test_future_work_compares_with_the_network_that_differs_in_one_thing(tmp_path):
    experiment = EXPERIMENTS["future-work"]
    cells = experiment.cells(Scale())
    folders = find_cells(tmp_path, cells)
    claims = experiment.claims(summarize(folders, "t", "c").rows, None)
    texts = {claim.claim for claim in claims}
    assert "five-loop-4-to-2 is above five" in texts
    assert "five-loop-5-to-1-width-64 is above five-width-64" in texts
    assert "five-loop-5-to-1, steps 8 is above five-loop-5-to-1, steps 1" in texts
    assert {claim.verdict for claim in claims} == {"not measured"}
    assert len(claims) == 15 + 2 + 3 + 7


def truncated_claims(folder, lost, seeds=3):
    """Return the claims where the truncated gradient answers so many of 2,000 images fewer."""
    experiment = EXPERIMENTS["truncated"]
    cells = experiment.cells(Scale(seeds=seeds))
    for cell in cells:
        full = cell.settings["training.gradient"] == "full"
        right = [True] * (1200 + cell.seed - (0 if full else lost))
        made_cell(cell, folder, right + [False] * (2000 - len(right)))
    rows = summarize(find_cells(folder, cells), "t", "c").rows
    return experiment.claims(rows, None)


@pytest.mark.parametrize(
    ("lost", "verdict"), [(2, "holds"), (-40, "holds"), (19, "undecided"), (60, "does not hold")]
)
def test_the_cheaper_gradient_costs_at_most_a_point_if_the_whole_interval_says_so(
    tmp_path, lost, verdict
):
    (claim,) = truncated_claims(tmp_path, lost)
    assert claim.claim == "the gradient of the last unroll costs at most 1 point"
    assert claim.verdict == verdict
    assert claim.measured.startswith(f"{-lost / 20:+.2f} (")
    assert claim.measured.endswith("points, n = 3")


def test_the_cheaper_gradient_is_not_judged_by_itself(tmp_path):
    experiment = EXPERIMENTS["truncated"]
    cells = experiment.cells(Scale())
    made_cell(cells[0], tmp_path, [True, False])
    folders = find_cells(tmp_path, cells)
    (claim,) = experiment.claims(summarize(folders, "t", "c").rows, None)
    assert claim.verdict == "not measured"
    sizes = experiment.cells(Scale(batch_sizes=(5, 32)))
    rows = summarize(find_cells(tmp_path / "none", sizes), "t", "c").rows
    assert [c.claim for c in experiment.claims(rows, None)] == [
        f"the gradient of the last unroll costs at most 1 point, batch size {n}" for n in (5, 32)
    ]
