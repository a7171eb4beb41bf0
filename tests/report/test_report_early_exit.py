"""Early exit measured on validation and test images that differ."""

import json
from dataclasses import replace
from math import sqrt

import pytest
import torch

from loopynet import Confident, DataError, LoopyNet
from loopynet.data import Images, Preprocessing
from loopynet.report.early_exit import (
    EarlyExit,
    early_exit_figure,
    early_exit_tables,
    measure_early_exit,
)
from loopynet.run import choose_exit, evaluate, evaluate_exit, unroll_logits
from loopynet.spec import DataSpec
from reference.examples import ONE_LAYER
from reference.strategies import tiny


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    net = LoopyNet(tiny(ONE_LAYER)).eval()
    pixels = torch.randint(0, 256, (700, 1, 6, 6), dtype=torch.uint8)
    preprocessing = Preprocessing.fit(pixels, DataSpec())
    with torch.no_grad():
        labels = net(preprocessing(pixels)).argmax(-1)  # all unrolls are right, fewer are not
    return (
        net,
        Images(pixels[:400], labels[:400]),
        Images(pixels[400:], labels[400:]),
        preprocessing,
    )


@pytest.fixture(scope="module")
def found(parts):
    net, validation, test, preprocessing = parts
    return measure_early_exit(net, validation, test, preprocessing, lost=0.05)


def test_the_threshold_is_chosen_on_the_one_and_used_on_the_other(parts, found):
    net, validation, test, preprocessing = parts
    choice = choose_exit(*unroll_logits(net, validation, preprocessing), 0.05)
    assert choice.rule == Confident(found.threshold)
    for images, one in ((validation, found.validation), (test, found.chosen)):
        run = evaluate_exit(net, images, preprocessing, choice.rule)
        assert one.accuracy == pytest.approx(run.accuracy)
        assert one.mean_unrolls == pytest.approx(run.mean_unrolls)
        assert one.all_unrolls == 1
        each = evaluate(net, images, preprocessing).accuracies
        assert one.each_unroll == pytest.approx(each)
        assert sum(one.stopping) == pytest.approx(1)
        assert sum(t * share for t, share in enumerate(one.stopping, 1)) == pytest.approx(
            one.mean_unrolls
        )
    assert found.validation.accuracy >= 0.95
    assert found.share == found.chosen.mean_unrolls / 4 < 1


def test_the_interval_of_the_loss_is_that_of_a_share(found):
    lost = 1 - found.chosen.accuracy  # all unrolls are right here, so each difference is 0 or -1
    assert found.chosen.difference.mean == pytest.approx(-lost)
    error = sqrt(lost * (1 - lost) / (found.chosen.images - 1))
    assert found.chosen.difference.low == pytest.approx(-lost - 1.968 * error, abs=1e-4)


def test_both_batch_sizes_are_timed(found):
    assert [(one.batch_size, one.images) for one in found.times] == [(256, 300), (1, 300)]


def test_nothing_is_lost_on_the_way_to_a_file_and_back(found):
    assert EarlyExit.from_plain({"command": "x", **json.loads(json.dumps(found.plain()))}) == found


def test_the_tables_show_both_sets_and_the_times(found):
    page = early_exit_tables(found)
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert f"| confident={found.threshold:g} |" in lines[0]
    assert lines[2].startswith("| validation | 400 | 100.00 |")
    assert lines[3].startswith("| test | 300 | 100.00 |")
    assert f"| {100 * found.share:.0f} % |" in lines[3]
    assert [line.split(" |")[0] for line in lines[-2:]] == ["| 256", "| 1"]
    assert "lose at most 5 points" in page
    assert page.count("100.00") == 3  # all unrolls twice, and the last of the single unrolls
    plain = early_exit_tables(replace(found, threshold=None, times=()))
    assert "| all unrolls | all unrolls |" in plain
    assert "quartiles" not in plain


def test_the_figure_shows_the_curve_and_the_choice(found):
    (axes,) = early_exit_figure(found).axes
    curve, full, chosen = axes.get_lines()
    assert list(curve.get_xdata()) == [point[1] for point in found.curve]
    assert full.get_ydata()[0] == 100
    assert list(chosen.get_xdata()) == [found.chosen.mean_unrolls]
    assert list(chosen.get_ydata()) == pytest.approx([100 * found.chosen.accuracy])
    assert len(early_exit_figure(replace(found, threshold=None)).axes[0].get_lines()) == 2


def test_a_set_without_images_is_named(parts):
    net, _, test, preprocessing = parts
    nothing = Images(test.pixels[:0], test.labels[:0])
    with pytest.raises(DataError, match="no images"):
        measure_early_exit(net, nothing, test, preprocessing)
