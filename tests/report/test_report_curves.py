"""Learning curves: what is drawn is what was measured."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from loopynet.report import curves
from loopynet.report.epochs import Epochs
from loopynet.statistics import mean_over_seeds


def epochs(train, validation=None, figures="accuracy"):
    columns = {f"train_{figures}": np.array(train)}
    if validation is not None:
        columns[f"validation_{figures}"] = np.array(validation)
    return Epochs(np.arange(1.0, len(train) + 1), columns)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were made into charts."""
    made: list[Figure] = []
    real = curves.chart
    monkeypatch.setattr(curves, "chart", lambda f, *rest: (made.append(f), real(f, *rest))[1])
    return made


def test_a_run_is_drawn_in_percent_with_its_kept_epoch(drawn):
    html = curves.run_curves(epochs([0.2, 0.6], [0.1, 0.5]), "accuracy", 2)
    train, validation, kept = drawn[0].axes[0].lines
    np.testing.assert_allclose(train.get_ydata(), [20, 60])
    np.testing.assert_allclose(validation.get_ydata(), [10, 50])
    assert set(kept.get_xdata()) == {2}
    assert "train from 20.0 % to 60.0 %; validation from 10.0 % to 50.0 %" in html
    assert train.get_color() != validation.get_color()
    assert train.get_marker() != validation.get_marker()
    assert train.get_linestyle() != validation.get_linestyle()


def test_seeds_are_thin_lines_and_their_mean_has_the_interval_of_student(drawn):
    seeds = [epochs([0.2, 0.6]), epochs([0.4, 0.7]), epochs([0.3, 0.5])]
    how = curves.look(seeds, "accuracy")
    curves.row_curves("row", seeds, seeds, "accuracy", how)
    axes = drawn[0].axes[0]
    assert sum(line.get_linewidth() < 1 for line in axes.lines) == 3
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), [30, 60])
    band = axes.collections[0].get_paths()[0].vertices
    expected = mean_over_seeds(np.array([60.0, 70, 50]))
    at_end = band[band[:, 0] == 2][:, 1]
    assert at_end.min() == pytest.approx(expected.low)
    assert at_end.max() == pytest.approx(expected.high)


def test_unfinished_runs_are_drawn_and_do_not_count_for_the_mean(drawn):
    finished = [epochs([0.2, 0.6]), epochs([0.4, 0.8])]
    seeds = [*finished, epochs([0.9])]
    curves.row_curves("row", seeds, finished, "accuracy", curves.look(seeds, "accuracy"))
    axes = drawn[0].axes[0]
    assert len(axes.lines) == 4
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), [30, 70])
    assert not axes.collections, "two seeds have no band"


def test_a_loss_without_bounds_does_not_hide_the_others():
    wild = epochs([2.3, 1e30], figures="loss")
    tame = epochs([2.0, 1.0], figures="loss")
    low, high = curves.look([wild, tame], "loss").limits
    assert 0.5 < low < 1
    assert 2.3 < high < 10
    low, high = curves.look([tame], "loss").limits
    assert 2.0 < high < 2.2, "the first epoch is shown"


def test_many_epochs_are_thinned_out_but_for_the_ends(drawn):
    seeds = [epochs(np.linspace(0, 1, 1_000)) for _ in range(2)]
    how = curves.Look((0, 100), 30)
    html = curves.row_curves("row", seeds, seeds, "accuracy", how)
    thin = drawn[0].axes[0].lines[0]
    assert len(thin.get_xdata()) == 30
    assert thin.get_xdata()[[0, -1]].tolist() == [1, 1_000]
    assert len(re.findall(r"<use ", html)) < 60, "signs at some points only"


def test_runs_without_such_figures_have_no_look():
    assert curves.look([epochs([0.5])], "loss") is None
    assert curves.run_curves(epochs([0.5]), "loss", None) == ""
