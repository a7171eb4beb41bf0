import json

import numpy as np
import pytest
import torch
from scipy import stats

from loopynet.compare import contrast, markdown_tables, plain_summary, summarize
from loopynet.graph import build_graph
from loopynet.graph.costs import costs
from reference.made_runs import made_comparison


def draw(seed, chance, images=40):
    return (np.random.default_rng(seed).random(images) < chance).tolist()


def test_a_row_holds_the_figures_of_its_runs(tmp_path):
    answers = {"one": {0: [[0, 0, 0, 1], [1, 1, 0, 1]], 1: [[0, 1, 0, 0], [1, 0, 0, 1]]}}
    folders = made_comparison(tmp_path, answers, train=0.8, seconds=(1.0, 5.0))
    (row,) = summarize(folders, "title", "command").rows
    cost = costs(build_graph(row.spec))
    assert (row.parameters, row.multiply_adds) == (cost.parameters, cost.multiply_adds)
    assert row.test.mean == pytest.approx((0.75 + 0.5) / 2)
    assert row.each_unroll == pytest.approx((0.25, 0.625))
    assert row.train.mean == pytest.approx(0.8)
    assert row.validation is None
    assert row.seconds_per_epoch == 3.0
    assert row.peak_bytes == 3 * 2**20
    assert row.epochs == (2, 2)
    assert (row.missing, row.failures) == (0, ())
    over = stats.ttest_1samp([0.75, 0.5], 0).confidence_interval(0.95)
    assert row.test_over_seeds.low == pytest.approx(over.low)
    images = stats.ttest_1samp([1, 0.5, 0, 1], 0).confidence_interval(0.95)
    assert row.test_over_images.high == pytest.approx(images.high)


def test_one_seed_gives_the_paired_test_over_images(tmp_path):
    one, other = draw(1, 0.9), draw(2, 0.5)
    folders = made_comparison(tmp_path, {"base": {0: other}, "one": {0: one}})
    (found,) = summarize(folders, "t", "c").differences
    expected = stats.ttest_rel(np.array(one, float), np.array(other, float))
    assert found.p == pytest.approx(expected.pvalue)
    assert found.estimate.mean == pytest.approx(np.mean(one) - np.mean(other))
    assert found.estimate.low == pytest.approx(expected.confidence_interval(0.95).low)
    assert (found.row, found.baseline, found.seeds) == ("one", "base", 1)


def test_differences_are_over_the_seeds_that_both_have(tmp_path):
    answers = {
        "base": {0: draw(1, 0.5), 1: draw(2, 0.5), 2: [True] * 40},
        "one": {0: draw(3, 0.5), 1: draw(4, 0.5), 7: [False] * 40},
    }
    (found,) = summarize(made_comparison(tmp_path, answers), "t", "c").differences
    gains = [np.mean(answers["one"][s]) - np.mean(answers["base"][s]) for s in (0, 1)]
    assert found.seeds == 2
    assert found.estimate.mean == pytest.approx(np.mean(gains))


def test_p_values_are_corrected_for_all_differences(tmp_path):
    answers = {"base": {0: draw(0, 0.5)}, "a": {0: draw(1, 0.7)}, "b": {0: draw(2, 0.8)}}
    a, b = summarize(made_comparison(tmp_path, answers), "t", "c").differences
    small, large = sorted((a, b), key=lambda d: d.p)
    assert small.p_corrected == pytest.approx(min(1, 2 * small.p))
    assert large.p_corrected == pytest.approx(max(2 * small.p, large.p))


def test_another_baseline(tmp_path):
    answers = {"a": {0: draw(1, 0.7)}, "b": {0: draw(2, 0.8)}}
    (found,) = summarize(made_comparison(tmp_path, answers), "t", "c", "b").differences
    assert (found.row, found.baseline) == ("a", "b")


def test_answers_to_other_images_are_not_compared(tmp_path):
    one = made_comparison(tmp_path, {"a": {0: [True, True, False]}})
    labels = torch.ones(3, dtype=torch.uint8)
    other = made_comparison(tmp_path, {"b": {0: [True, False, False]}}, labels=labels)
    rows = summarize(one + other, "t", "c").rows
    assert contrast(*rows) is None
    assert summarize(one + other, "t", "c").differences == ()


def test_the_published_weights_count(tmp_path):
    weights = torch.tensor([1, 2, 1])
    folders = made_comparison(tmp_path, {"a": {0: [True, True, False]}}, weights=weights)
    assert summarize(folders, "t", "c").rows[0].test.mean == pytest.approx(0.75)


def test_runs_that_kept_no_answers_have_the_interval_over_seeds(tmp_path):
    folders = made_comparison(tmp_path, {"a": {0: [True, False], 1: [True, True]}})
    for folder in folders:
        (folder.run.path / "answers.safetensors").unlink()
    (row,) = summarize(folders, "t", "c").rows
    assert (row.test.low, row.test.high) == (row.test_over_seeds.low, row.test_over_seeds.high)
    assert row.test_over_images is None


def test_tables_and_data_say_what_is_missing(tmp_path):
    folders = made_comparison(
        tmp_path, {"base": {0: draw(1, 0.5)}, "a": {0: [True] * 40, 1: [1] * 40}}
    )
    (folders[1].run.path / "results.json").unlink()
    (folders[1].run.path / "failure.txt").write_text("the loss became nan\n")
    summary = summarize(folders, "t", "loopynet compare x", notes=("A note.",))
    text = markdown_tables(summary)
    assert "| a | 1/2 | 2 |" in text
    assert "a: failed, seed 0: the loss became nan." in text
    assert "A note." in text
    data = json.loads(json.dumps(plain_summary(summary)))
    assert data["rows"][1]["failures"] == ["seed 0: the loss became nan"]
    assert data["command"] == "loopynet compare x"
    assert "s/epoch" not in markdown_tables(summary, costs=False)


def test_rows_without_any_run_are_shown(tmp_path):
    folders = made_comparison(tmp_path, {"base": {0: [True]}, "a": {0: [True]}})
    (folders[1].run.path / "results.json").unlink()
    text = markdown_tables(summarize(folders, "t", "c"))
    assert "a: not finished: 1 of 1 cells." in text


def test_fewer_epochs_than_asked_for_are_said(tmp_path):
    folders = made_comparison(tmp_path, {"a": {0: [True]}}, seconds=(1.0,))
    assert "| 1 of 2 |" in markdown_tables(summarize(folders, "t", "c"))
