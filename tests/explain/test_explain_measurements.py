"""Everything at once: data that JSON takes, tables and figures, and what is left out."""

import json

import pytest
import torch

from loopynet import LoopyNet, LoopyNetError, load_spec
from loopynet.explain import Sizes, dynamics, figures, gradients, markdown, measure
from loopynet.explain.measurements import merge_maps

SMALL = Sizes(jacobian=3, gradient=8, faithful=4, seeds=2)
CHANGES = ("layers.conv_1.filters=3", "layers.conv_2.filters=3", "layers.conv_3.filters=3")


def network(*changes):
    torch.manual_seed(0)
    return LoopyNet(load_spec("digits-loopy", (*CHANGES, "training.batch_size=4", *changes))).eval()


@pytest.fixture(scope="module")
def sample():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(60, 1, 8, 8, generator=generator), torch.arange(60) % 10


@pytest.fixture(scope="module")
def measured(sample):
    return measure(network(), *sample, sizes=SMALL, notes=("Noise, not digits.",))


def test_the_parts_are_those_of_the_single_functions(measured, sample):
    assert measured.dynamics == dynamics(network(), *sample)
    assert [one["after"] for one in measured.radii] == [1, 2]
    assert [one["images"] for one in measured.radii] == [3, 3]
    trained, new, untied = measured.gradients
    parts = gradients(network().train(), *(part[:8] for part in sample))
    for name, weight in parts.weights.items():
        assert trained.weights[name].norms == weight.norms
    assert (trained.tied, new.tied, untied.tied) == (True, True, False)
    assert (trained.seeds, new.seeds, untied.seeds) == (0, 2, 2)
    assert set(new.weights) == set(untied.weights)
    assert set(measured.faithfulness.maps) == {"merge feedback", "gradient", "random"}
    assert list(measured.linearity.layers) == ["conv_2", "conv_3"]


def test_new_networks_are_those_of_their_seeds(measured, sample):
    lengths, spec = [], network().spec
    for seed in range(2):
        torch.manual_seed(seed)
        net = LoopyNet(spec).train()
        parts = gradients(net, *(part[:8] for part in sample))
        lengths.append(parts.weights["layers.conv_2.op.weight"].norms[0].mean)
    row = measured.gradients[1].weights["layers.conv_2.op.weight"]
    assert row.norms[0].mean == pytest.approx(sum(lengths) / 2)


def test_plain_data_is_json_and_keeps_every_number(measured):
    data = json.loads(json.dumps(measured.plain(), allow_nan=False))
    assert data["images"] == 60
    assert data["notes"] == ["Noise, not digits."]
    accuracy = measured.dynamics.unrolls[1].accuracy
    assert data["dynamics"]["unrolls"][1]["accuracy"]["mean"] == accuracy.mean
    assert data["linearity"]["layers"]["conv_2"]["own_field"][0]["field"] == [5, 5]


def test_tables_show_what_was_measured(measured):
    page = markdown(measured)
    assert "Note: Noise, not digits." in page
    for heading in ("From unroll to unroll", "Jacobian", "Gradients", "linear filters", "Deletion"):
        assert f"{heading}" in page
    for name in ("conv_3@3", "layers.conv_3.op.weight", "merge feedback"):
        assert name in page
    widths = {}
    for line in page.splitlines():
        if not line.startswith("|"):
            widths = {}
        elif widths.setdefault("now", line.count("|")) != line.count("|"):
            raise AssertionError(line)


def test_figures_have_words_at_their_axes(measured):
    drawn = figures(measured)
    assert set(drawn) == {"dynamics", "movement", "gradients", "linearity", "faithfulness"}
    for name, figure in drawn.items():
        assert figure.get_figwidth() * figure.dpi == 700
        for axes in figure.axes:
            assert axes.get_xlabel(), name
            assert axes.lines, name
        assert any(axes.get_ylabel() for axes in figure.axes)


def test_a_network_without_loops_has_less(sample):
    found = measure(network("unroll.steps=1"), *sample, sizes=SMALL)
    assert (found.radii, found.gradients) == ((), ())
    assert set(figures(found)) == {"dynamics", "linearity", "faithfulness"}
    assert "Jacobian" not in markdown(found)


def test_an_untied_network_stands_beside_the_tied(sample):
    net = network()
    found = measure(net, *sample, beside=net.untie(), sizes=SMALL)
    tied, untied, *_ = found.gradients
    assert (tied.tied, untied.tied) == (True, False)
    name = "layers.conv_3.op.weight"
    assert tied.weights[name].shares == pytest.approx(untied.weights[name].shares, rel=1e-4)
    alone = measure(net.untie(), *sample, sizes=SMALL)
    assert [one["after"] for one in alone.radii] == [1]


def test_what_cannot_be_measured_is_noted(sample):
    x, y = sample
    found = measure(network(), x[:4], y[:4], sizes=SMALL)
    assert found.linearity is None
    assert any("more images" in note for note in found.notes)


def test_training_mode_is_refused_and_nothing_changes(sample):
    net = network()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    state = torch.get_rng_state()
    measure(net, *(part[:12] for part in sample), sizes=SMALL)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not net.training
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    with pytest.raises(LoopyNetError, match="training mode"):
        measure(net.train(), *sample)


def test_the_merge_map_is_the_mean_magnitude(sample):
    net = network()
    maps = merge_maps(net, sample[0])
    wanted = net.trace(sample[0])["feedback@3"].abs().mean(1)
    assert torch.allclose(maps["merge feedback"], wanted, atol=1e-6)


def test_progress_is_told(sample):
    told = []
    measure(
        network(),
        *sample,
        sizes=SMALL,
        progress=lambda what, done, count: told.append((what, done <= count)),
    )
    assert all(fits for _, fits in told)
    assert len({what for what, _ in told}) >= 6
