"""From settings to results, with the tasks in this process instead of workers."""

import sys

import pytest

from loopynet.bench.cells import Size, cells
from loopynet.bench.measures import MEASURES
from loopynet.bench.same import BenchError
from loopynet.bench.tasks import TASKS
from loopynet.bench.turns import Place
from loopynet.errors import LoopyNetWarning

CHANGES = ("layers.conv_1.filters=4", "layers.conv_2.filters=4")


class Here:
    """A worker without a process."""

    def __init__(self, task, settings):
        try:
            self.task = TASKS[task](**settings)
        except ImportError as error:
            raise BenchError(str(error)) from None

    def ask(self, do, **arguments):
        return getattr(self.task, do)(**arguments)


class HerePlace(Place):
    def worker(self, who, task, settings):
        return Here(task, settings)


@pytest.fixture
def place(tmp_path):
    return HerePlace("cpu", 1, tmp_path)


pytestmark = pytest.mark.filterwarnings(  # as workers do
    f"ignore::{LoopyNetWarning.__module__}.LoopyNetWarning"
)


def tiny(*groups, quick=True):
    size = Size(quick, "mnist-loopy", CHANGES, (2,), 2, compiling=False, only=groups)
    return {cell.name: cell for cell in cells(size)}


def measure(cell, place, **other):
    return MEASURES[cell.kind]({**cell.settings, **other}, place)


def test_contenders_and_the_product_take_turns(place):
    found = measure(tiny("steps")["steps-batch-2"], place, product=32)
    assert {who: len(v) for who, v in found["seconds"].items()} == {
        "eager": 2, "ours": 2, "product": 2,
    }  # fmt: skip
    assert found["steps_a_turn"] >= 1
    assert found["agreement"]["ours"]["gradients"] < 1e-2
    assert found["multiply_adds"]["eager"] == found["multiply_adds"]["ours"] > 0
    assert found["skipped"] == {}
    assert list(place.folder.iterdir()) == []


def test_a_truncated_gradient_may_differ_and_its_logits_not(place):
    cell = tiny("truncated")["truncated-batch-2"]
    found = measure(cell, place)
    assert set(found["agreement"]["truncated"]) == {"logits"}
    entries = cell.settings["entries"]
    honest = {**entries, "truncated": {**entries["truncated"], "same_gradients": True}}
    with pytest.raises(BenchError, match="do not compute the same"):
        measure(cell, place, entries=honest)


def test_who_cannot_be_set_up_is_left_out(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchdeq", None)
    cell = tiny("converge", quick=False)["converge"]
    found = measure(cell, place)
    assert set(found["seconds"]) == {"ours"}
    assert "torchdeq" in found["skipped"]["torchdeq"]
    alone = {"torchdeq": cell.settings["entries"]["torchdeq"]}
    with pytest.raises(BenchError, match="torchdeq"):
        measure(cell, place, entries=alone)


def test_memory_is_flat_where_it_should_be(place):
    found = measure(tiny("memory")["memory"], place)["bytes"]
    peak = {name: each["allocated"] for name, each in found.items()}
    assert peak["full 32"] > 10 * peak["full 1"]
    assert peak["recompute 32"] < 3 * peak["recompute 1"]
    assert peak["implicit 80"] == peak["implicit 5"]
    assert all(set(each) == {"allocated"} for each in found.values())


def test_unrolls_are_timed_one_by_one(place):
    found = measure(tiny("linear")["linear"], place, unrolls=[1, 4])["seconds"]
    assert {k: len(v) for k, v in found.items()} == {"1": 2, "4": 2}


def test_start_up_is_timed(place, monkeypatch):
    ran = []
    monkeypatch.setattr("subprocess.run", lambda command, **_: ran.append(command[1:]))
    found = measure(tiny("start", quick=False)["start"], place, rounds=2)["seconds"]
    assert len(found["import loopynet"]) == 2
    assert ran.count(["-c", "import loopynet"]) == 3  # and once to warm up
    assert ran.count(["-m", "loopynet", "--help"]) == 3
