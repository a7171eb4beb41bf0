"""The graph of a wrapped model: what drawings and tables say of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_models import IDS, encoder, images, stack

from loopynet import Conv2d, Loop, add_loops
from loopynet.describe import draw_text, summarize
from loopynet.draw import draw
from loopynet.parts.merges import merges


@pytest.mark.parametrize("merge", merges.names())
def test_totals_are_those_of_the_model(merge: str) -> None:
    loops = [
        Loop(from_="high", to="mid.1", merge=merge, through=("mix",), fit="project"),
        Loop(from_="head", to="low", merge=merge, fit="project"),
    ]
    net = add_loops(stack(), loops, 3, example=images(), layers={"mix": Conv2d(filters=5)})
    total = summarize(net.graph, batch_size=1)
    assert total.parameters == sum(p.numel() for p in net.parameters())
    assert total.statistics == sum(b.numel() for n, b in net.named_buffers() if "running" in n)
    assert total.steps == 3


def test_layers_are_the_largest_modules_without_ends_inside() -> None:
    net = add_loops(stack(), [Loop(from_="high", to="mid.1", fit="project")], example=images())
    assert net.graph.main == ("low", "act", "mid.0", "mid.1", "high", "head")
    assert net.graph.body == net.graph.main
    whole = add_loops(stack(), [Loop(from_="mid.0", to="mid", fit="project")], example=images())
    (edge,) = whole.graph.loops
    assert (edge.source, edge.target) == ("mid.0", "mid.0")  # the first layer of mid
    assert whole.graph.layers["mid.0"].output_shape == (6, 4, 4)


def test_it_is_drawn(tmp_path: Path) -> None:
    net = add_loops(encoder(), {"back": Loop(from_="blocks.1[0]", to="blocks.0")}, example=IDS)
    text = draw_text(net.graph, unicode=False, width=80)
    assert "back" in text
    assert "blocks.0" in text
    for unrolled in (False, True):
        draw(net.graph, tmp_path / "picture.svg", unrolled=unrolled)
        shown = "blocks.0@2" if unrolled else "blocks.0"
        assert shown in (tmp_path / "picture.svg").read_text()


def test_multiply_adds_of_a_run() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Linear(5, 4))
    net = add_loops(model, [Loop(from_="1", to="0", merge="gate")], 3)
    gate = 2 * 4 * 4
    assert summarize(net.graph, batch_size=1).multiply_adds == 3 * 40 + 2 * gate
