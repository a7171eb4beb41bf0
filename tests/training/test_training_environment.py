"""What a run says of where it ran."""

import sys

from loopynet.training.environment import describe_environment, differences


def test_paths_below_the_working_directory_are_written_from_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = ["resume", str(tmp_path / "runs" / "a"), "runs/b", "/elsewhere/c", "--jobs", "2"]
    monkeypatch.setattr(sys, "argv", ["/opt/bin/loopynet", *words])
    command = describe_environment(0, "cpu")["command"]
    assert command == ["loopynet", "resume", "runs/a", "runs/b", "/elsewhere/c", "--jobs", "2"]


def test_differences_name_packages_and_threads():
    one = describe_environment(0, "cpu")
    other = {**one, "torch_threads": 99, "seed": 5, "packages": {**one["packages"], "numpy": "1"}}
    found = differences(one, other)
    assert found == {
        "torch_threads": (one["torch_threads"], 99),
        "numpy": (one["packages"]["numpy"], "1"),
    }
