"""The cells of each experiment: how many, and that they are what the paper describes."""

import pytest

from loopynet.graph import build_graph
from loopynet.reproduce import EXPERIMENTS, Scale


@pytest.mark.parametrize("scale", [
    Scale(), Scale(quick=True), Scale(digits=True), Scale(quick=True, digits=True),
    Scale(protocol="published"),
])  # fmt: skip
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_cell_of_every_scale_is_a_network_that_can_run(name, scale):
    cells = EXPERIMENTS[name].cells(scale)
    for cell in cells:
        build_graph(cell.spec)
        assert cell.spec.training.protocol == scale.protocol
        assert (cell.spec.data.name == "digits") == scale.digits
    keys = [(cell.label, cell.seed) for cell in cells]
    assert len(set(keys)) == len(keys)


def test_figure_8_is_five_networks_at_two_batch_sizes_as_published():
    cells = EXPERIMENTS["fig8"].cells(Scale(seeds=3))
    assert len(cells) == 5 * 2 * 3
    for cell in cells:
        training, data = cell.spec.training, cell.spec.data
        assert (training.epochs, training.learning_rate, training.optimizer.name) == (
            24,
            0.001,
            "adam",
        )
        assert training.keep == "last"
        assert (data.split.train, data.split.validation) == (20_000, 1_000)
        assert data.split.test is None  # all 10,000
    assert {cell.spec.unroll.steps for cell in cells if "vanilla" not in cell.label} == {3}


def test_the_published_protocol_has_the_published_split():
    for cell in EXPERIMENTS["fig8"].cells(Scale(protocol="published")):
        assert cell.spec.data.split == "published"


def test_every_published_figure_has_its_row():
    for experiment in EXPERIMENTS.values():
        labels = {cell.label for cell in experiment.cells(Scale())}
        assert set(experiment.published) <= labels


def test_mnist_is_one_two_and_three_unrolls():
    cells = EXPERIMENTS["mnist"].cells(Scale())
    assert [cell.spec.unroll.steps for cell in cells] == [1, 2, 3]


def test_future_work_has_every_place_number_unroll_and_width():
    cells = EXPERIMENTS["future-work"].cells(Scale())
    single = {
        (int(loop.from_[5:]), int(loop.to[5:]))
        for cell in cells
        for loop in cell.spec.loops.values()
        if len(cell.spec.loops) == 1
    }
    assert single == {(source, target) for source in range(1, 6) for target in range(1, source + 1)}
    assert {len(cell.spec.loops) for cell in cells} == {0, 1, 2, 3}
    deeper = {c.spec.unroll.steps for c in cells if "unroll.steps" in c.settings}
    assert deeper == set(range(1, 9))
    assert {c.spec.layers["conv_1"].filters for c in cells} == {16, 32, 64, 128}


def test_changes_and_batch_sizes_of_the_user_reach_every_cell():
    scale = Scale(batch_sizes=(7,), changes=("training.epochs=2",))
    for experiment in EXPERIMENTS.values():
        for cell in experiment.cells(scale):
            assert (cell.spec.training.batch_size, cell.spec.training.epochs) == (7, 2)
