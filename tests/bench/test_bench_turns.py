"""Workers as processes, and the order of their turns."""

import io
import json
from contextlib import closing

import pytest

from loopynet.bench.same import BenchError
from loopynet.bench.turns import Place, take_turns
from loopynet.bench.worker import serve

NO_NETWORK = {"contender": "eager", "network": "cifar10-loopx", "changes": [], "batch": 1,
              "device": "cpu"}  # fmt: skip


def test_everybody_has_a_turn_each_round_and_begins_in_turn():
    order = []
    runs = {name: lambda name=name: order.append(name) or float(len(order)) for name in "abc"}
    found = take_turns(runs, 4)
    assert "".join(order) == "abcbcacababc"
    assert found == {"a": [1, 6, 8, 10], "b": [2, 4, 9, 11], "c": [3, 5, 7, 12]}


def test_a_worker_answers_reports_errors_and_ends(tmp_path):
    place = Place("cpu", 1, tmp_path)
    with closing(place), place.worker("a", "product", {"size": 8, "device": "cpu"}) as worker:
        assert worker.ask("warm")["compile_seconds"] == 0
        assert worker.ask("run", steps=2) > 0
        with pytest.raises(BenchError, match="TypeError"):
            worker.ask("run", stops=2)
        assert worker.ask("run", steps=1) > 0  # it lives on
        assert place.worker("a", "product", {"size": 4, "device": "cpu"}) is worker
        with pytest.raises(BenchError, match="Did you mean"):
            place.worker("a", "steps", NO_NETWORK)
        worker._process.kill()
        with pytest.raises(BenchError, match="ended with status -9"):
            worker.ask("run", steps=1)
    assert worker._process.returncode == -9
    assert not place.workers


def test_serving_turns_our_errors_and_others_into_replies():
    replies = io.StringIO()
    lines = [
        {"do": "start", "task": "steps", "threads": 1, "settings": NO_NETWORK},
        {"do": "start", "task": "product", "threads": 1, "settings": {"size": 8, "device": "cpu"}},
        {"do": "run", "steps": 1},
    ]
    serve(io.StringIO("".join(json.dumps(line) + "\n" for line in lines)), replies)
    first, second, third = map(json.loads, replies.getvalue().splitlines())
    assert "Did you mean" in first["error"]
    assert second == {"result": None}
    assert third["result"] > 0
