"""What one user has chosen: each choice gives a new session, and hostile ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopynet.errors import DataError, LoopyNetError, RunError
from loopynet.explain import guided_backprop
from loopynet.serve import session as to
from loopynet.serve.changes import Cut, Rescale, Unrolls
from loopynet.serve.look import fitted, look
from loopynet.serve.networks import MOST_KEPT, Networks, Trained
from loopynet.serve.session import PAD, Session, framed


@pytest.fixture
def begun(networks: Networks) -> Session:
    return to.choose_network(networks, Session(), "first")


def test_a_look_is_what_the_network_and_explain_say(first: Trained) -> None:
    assert first.test is not None
    found = look(first, first.test.pixels[3], "conv_3", 5)
    x = first.preprocessing(first.test.pixels[3:4])
    trace = first.net.trace(x)
    with torch.no_grad():
        logits = first.net(x, readout="each")
    torch.testing.assert_close(found.probabilities, logits[:, 0].softmax(-1))
    for t in (1, 2, 3):
        torch.testing.assert_close(found.activations[t], trace[f"conv_3@{t}"][0])
        maps = guided_backprop(first.net, x, f"conv_3@{t}", 5).sum(1)
        torch.testing.assert_close(found.guided.maps[t - 1], maps)
    assert [sorted(v.name for v in views) for views in found.merges.values()] == [
        ["feedback@2"], ["feedback@3"],
    ]  # fmt: skip


@pytest.mark.parametrize(("layer", "filter"), [("zork", 0), ("conv_2", 10**6), ("conv_2", -4)])
def test_what_is_not_there_gives_something_that_is(first: Trained, layer: str, filter: int) -> None:
    found = look(first, torch.zeros(first.shape, dtype=torch.uint8), layer, filter)
    assert found.layer == "conv_2"
    assert 0 <= found.filter < 32


def test_choices_make_new_sessions(begun: Session) -> None:
    other = to.choose_image(begun, 7)
    assert (begun.image, other.image) == (0, 7)
    assert other.source.startswith("test image 7: ")
    assert to.choose_filter(other, "conv_1", 3).look is not other.look
    assert other.layer == begun.layer
    assert list(to.turn_page(begun, 1).numbers) == list(range(20, 40))
    assert to.turn_page(begun, -1).start == 0
    last = to.turn_page(begun, 10**6)
    assert begun.subject is not None
    assert begun.subject.test is not None
    assert last.numbers[-1] == len(begun.subject.test) - 1


@pytest.mark.parametrize("number", [-1, 10**9, "3", None, [1], 2.5, {"a": 1}])
def test_images_that_are_not_there_are_refused(begun: Session, number: object) -> None:
    with pytest.raises(LoopyNetError, match="there is no test image"):
        to.choose_image(begun, number)


@pytest.mark.parametrize(
    "values", [None, 5, [1, 2], [300] * PAD**2, [-1] * PAD**2, ["1"] * PAD**2, [True] * PAD**2]
)
def test_drawings_of_another_kind_are_refused(begun: Session, values: object) -> None:
    with pytest.raises(LoopyNetError, match="784 numbers"):
        to.draw_image(begun, values)


@given(st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_any_upload_is_an_image_or_a_clear_error(
    begun: Session, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(DataError, match="the uploaded file"):
        to.upload_image(begun, file)


def test_a_drawing_is_framed_as_the_digits_are() -> None:
    drawn = torch.zeros(1, PAD, PAD, dtype=torch.uint8)
    drawn[:, 4:9, 20:22] = 255  # a short stroke, off the middle
    small = framed(drawn, (1, 8, 8))
    rows, columns = small[0].nonzero().unbind(1)
    assert (int(rows.min()), int(rows.max())) == (0, 7)
    assert 2 <= float(columns.float().mean()) <= 5
    large = framed(drawn, (1, 28, 28))[0].float()
    inked = large.nonzero()[:, 0]
    assert int(inked.max() - inked.min()) + 1 == 20
    center = [float((large.sum(1 - d) * torch.arange(28)).sum() / large.sum()) for d in (0, 1)]
    assert center == pytest.approx([13.5, 13.5], abs=0.6)
    assert not framed(torch.zeros_like(drawn), (1, 8, 8)).any()
    assert framed(drawn, (3, 32, 32)).shape == (3, 32, 32)


def test_images_are_fitted_to_another_network() -> None:
    color = torch.zeros(3, 4, 4, dtype=torch.uint8)
    color[1] = 100
    assert fitted(color, (1, 4, 4)).unique().tolist() == [59]  # 0.587 of 100
    assert fitted(color[1:2], (3, 2, 2)).tolist() == [[[100] * 2] * 2] * 3


def test_a_comparison_is_of_the_same_image(
    networks: Networks, begun: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> None:
        raise DataError("no such data here")

    monkeypatch.setattr("loopynet.serve.networks.load_part", nothing)
    both = to.compare_with(networks, begun, "mnist-loopy")
    assert both.other is not None
    assert both.other.why_no_test == "no such data here"
    assert both.other_look is not None
    assert both.pixels is not None
    assert torch.equal(both.other_look.pixels, fitted(both.pixels, (1, 28, 28)))
    again = to.choose_image(both, 3)
    assert again.other_look is not None
    assert not torch.equal(again.other_look.pixels, both.other_look.pixels)


def test_changes_are_undone_one_by_one_and_a_slider_is_one_change(begun: Session) -> None:
    first = begun.chosen.net.state_dict()
    kept = {name: value.clone() for name, value in first.items()}
    session = to.add_change(begun, Rescale("feedback", 0.5))
    session = to.add_change(session, Rescale("feedback", 0.25))
    session = to.add_change(session, Unrolls(2))
    session = to.add_change(session, Unrolls(5))
    assert [str(one) for one in session.changes] == ["feedback times 0.25", "k = 5"]
    assert session.unrolls == 5
    session = to.add_change(session, Cut("feedback"))
    with pytest.raises(LoopyNetError, match="no loop"):
        to.add_change(session, Cut("feedback"))
    assert to.undo(session).changes == session.changes[:-1]
    assert to.reset(session).changed is None
    assert all(torch.equal(first[name], value) for name, value in kept.items())


def test_what_is_computed_of_an_older_change_knows_it(begun: Session) -> None:
    one = to.add_change(begun, Rescale("feedback", 0.5))
    assert one.newest
    two = to.add_change(one, Unrolls(2))
    assert two.newest
    assert not one.newest


def test_only_runs_of_the_list_are_opened(networks: Networks, tmp_path: Path) -> None:
    for name in ("../first", "/etc", str(tmp_path), "", "zork"):
        with pytest.raises(RunError, match="choose one of the list"):
            networks.get(name)
    assert networks.names()[0] == "first"
    assert "mnist-loopy" in networks.names()


def test_few_networks_stay_in_memory(
    networks: Networks, monkeypatch: pytest.MonkeyPatch, first: Trained
) -> None:
    loaded = []
    names = tuple(f"run-{n}" for n in range(MOST_KEPT + 2))
    monkeypatch.setattr(Networks, "names", lambda self: names)
    monkeypatch.setattr("loopynet.serve.networks.load", lambda n: loaded.append(n) or first)
    for name in (*names, names[-1], names[0]):
        networks.get(name)
    assert loaded == [*names, names[0]]
