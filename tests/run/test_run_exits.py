"""Accuracy against mean unrolls: the curve from all logits, and runs in which images leave."""

import pytest
import torch

from loopynet import Agreed, Confident, Converged, DataError
from loopynet.data import Images
from loopynet.errors import LoopyNetError
from loopynet.run import best_exit, evaluate_exit, exit_curve, parse_rule, show_rule
from loopynet.run.exits import Exit, exit_times


def test_the_curve_is_what_the_runs_give(parts):
    curve = exit_curve(*parts)
    assert curve[0].rule is None
    assert curve[0].mean_unrolls == 4
    for point in curve:
        run = evaluate_exit(*parts, point.rule)
        assert run.mean_unrolls == pytest.approx(point.mean_unrolls)
        assert run.accuracy == pytest.approx(point.accuracy)
        assert run.seconds > 0
        assert run.converged is None
    means = [point.mean_unrolls for point in curve if isinstance(point.rule, Confident)]
    assert means == sorted(means)
    assert means[0] < means[-1]


def test_a_run_to_convergence_counts_what_settled(parts):
    net, images, preprocessing = parts
    with torch.no_grad():
        for parameter in net.fits.parameters():
            parameter.mul_(0.1)
    found = evaluate_exit(net, images, preprocessing, Converged(1e-4))
    assert found.converged == 1
    assert 2 < found.mean_unrolls < 50


def test_exit_times_by_hand():
    sure, unsure = torch.tensor([9.0, 0.0]), torch.tensor([0.1, 0.0])
    each = torch.stack([torch.stack([unsure, sure]), torch.stack([sure, -sure]),
                        torch.stack([sure, sure])])  # fmt: skip
    assert exit_times(each, Confident(0.9)).tolist() == [2, 1]
    assert exit_times(each, Agreed(2)).tolist() == [2, 3]


def test_the_best_exit_loses_little():
    points = [Exit(None, 4, 0.9), Exit(Confident(0.5), 1, 0.7), Exit(Confident(0.9), 2, 0.899)]
    assert best_exit(points).mean_unrolls == 2
    assert best_exit(points, lost=0).rule is None
    assert best_exit(points, lost=0.5).mean_unrolls == 1


def test_rules_are_read_and_shown_in_the_same_words():
    for text in ("confident=0.9", "agreed=3", "converged=0.001"):
        assert show_rule(parse_rule(text)) == text
    for text in ("confident", "confident=2", "agreed=1", "agreed=x", "sure=1", "converged=-1"):
        with pytest.raises(LoopyNetError, match="is no stopping rule"):
            parse_rule(text)


def test_no_images_are_named(parts):
    net, images, preprocessing = parts
    nothing = Images(images.pixels[:0], images.labels[:0])
    with pytest.raises(DataError, match="no images"):
        exit_curve(net, nothing, preprocessing)
    with pytest.raises(DataError, match="no images"):
        evaluate_exit(net, nothing, preprocessing, Confident())
