"""What the suite measures."""

import pytest

from loopynet import build_graph, load_spec
from loopynet.bench.cells import GROUPS, QUICK_GROUPS, Size, cells
from loopynet.bench.contenders import CONTENDERS
from loopynet.bench.measures import MEASURES


@pytest.mark.parametrize("quick", [True, False])
def test_every_cell_can_be_measured_and_every_spec_is_valid(quick):
    found = cells(Size(quick=quick))
    assert len({cell.name for cell in found}) == len(found)
    assert {cell.group for cell in found} == set(QUICK_GROUPS if quick else GROUPS)
    for cell in found:
        assert cell.kind in MEASURES
        base = cell.settings.get("changes", [])
        for entry in cell.settings.get("entries", {}).values():
            assert entry["contender"] in CONTENDERS
            build_graph(load_spec(cell.settings["network"], (*base, *entry["changes"])))


def test_sizes_change_what_is_measured():
    small = Size(True, "mnist-loopy", ("norm.momentum=0.2",), (2, 4), 1, False, ("steps", "same"))
    found = {cell.name: cell.settings for cell in cells(small)}
    assert list(found) == ["same", "steps-batch-2", "steps-batch-4"]
    settings = found["steps-batch-4"]
    assert (settings["network"], settings["batch"], settings["rounds"]) == ("mnist-loopy", 4, 1)
    assert settings["changes"] == ["norm.momentum=0.2", "training.speed.compile=false"]
    assert set(settings["entries"]) == {"eager", "ours"}
    assert "rounds" not in found["same"]


def test_the_suite_covers_what_it_should():
    full = {cell.name: cell.settings for cell in cells(Size())}
    assert [n for n in full if n.startswith("unrolls-")] == [f"unrolls-{2**i}" for i in range(6)]
    assert full["unrolls-32"]["changes"] == ["unroll.steps=32"]
    assert {"steps-batch-1", "steps-batch-512", "size-small", "size-large"} <= set(full)
    assert set(full["steps-batch-32"]["entries"]) == {"eager", "compiled", "ours", "deep"}
    assert full["steps-batch-32"]["product"] == 4096
    assert min(full["linear"]["unrolls"]) == 1
    assert max(full["linear"]["unrolls"]) == 64
    assert {2, 64} <= set(full["compile"]["contenders"]["ours"])
