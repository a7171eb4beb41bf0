"""Cells are measured once, and their files hold all that a reader needs."""

import json

import pytest

from loopynet.bench import run as bench_run
from loopynet.bench.cells import Cell
from loopynet.bench.measures import MEASURES
from loopynet.bench.run import check_device, check_groups, read_results, run_cells
from loopynet.bench.same import BenchError

CELLS = [Cell(name, "start", "fake", {"rounds": 2}) for name in ("one", "two")]


@pytest.fixture
def measured(monkeypatch):
    calls = []

    def fake(settings, place):
        calls.append(settings)
        return {"seconds": {"a": [1.0]}, "skipped": {"b": "no compiler"}}

    monkeypatch.setitem(MEASURES, "fake", fake)
    return calls


def test_a_finished_cell_is_not_measured_again(tmp_path, measured):
    said = []
    found = run_cells(CELLS[:1], tmp_path, "cpu", 1, again=False, note="Busy.", say=said.append)
    cell = found["one"]
    assert json.loads((tmp_path / "one.json").read_text()) == cell
    assert (cell["group"], cell["threads"], cell["note"]) == ("start", 1, "Busy.")
    assert cell["settings"] == {"rounds": 2}
    assert cell["environment"]["packages"]["torch"]
    assert said[0].endswith("; b left out: no compiler")
    assert set(run_cells(CELLS, tmp_path, "cpu", 1, again=False, say=said.append)) == {"one", "two"}
    assert said[1] == "1/2  one: finished already"
    assert len(measured) == 2
    other = Cell("one", "start", "fake", {"rounds": 3})
    run_cells([other], tmp_path, "cpu", 1, again=False)
    run_cells([other], tmp_path, "cpu", 2, again=False)
    run_cells([other], tmp_path, "cpu", 2, again=True)
    assert len(measured) == 5
    assert set(read_results(tmp_path)) == {"one", "two"}


class Closed:
    """Stands for a worker."""

    closed = 0

    def close(self):
        Closed.closed += 1


def test_a_failure_names_its_cell_and_ends_the_processes(tmp_path, monkeypatch):
    places = []

    def fail(settings, place):
        places.append(place)
        place.workers["product"] = Closed()
        raise BenchError("they differ")

    monkeypatch.setitem(MEASURES, "fake", fail)
    with pytest.raises(BenchError, match="one: they differ"):
        run_cells(CELLS, tmp_path, "cpu", 1, again=False)
    assert read_results(tmp_path) == {}
    assert not places[0].workers
    assert Closed.closed == 1
    assert not places[0].folder.exists()


def test_unknown_groups_and_devices_are_refused(monkeypatch):
    check_groups(["steps", "memory"])
    with pytest.raises(BenchError, match='Did you mean "memory"'):
        check_groups(["memories"])
    check_device("cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(BenchError, match="leave --device out"):
        check_device("cuda")
    assert bench_run._processor("cpu") is not None
