"""Verdicts on figures that are made up."""

import pytest

from loopynet.bench.accuracy import AccuracyLoss
from loopynet.bench.targets import closing_line, fit_line, judge, rate_share, show_time

GOOD = AccuracyLoss(0.4, -0.2, 0.9, seeds=3, epochs=6)


def steps(batch, ours, eager, compiled, group="steps", **other):
    """Return a cell with three rounds, a product of 8 x 8 matrices and 100 multiply-adds."""
    seconds = {"ours": ours, "eager": eager, "compiled": compiled, "product": [1e-3] * 3}
    return {
        "group": group,
        "settings": {"batch": batch, "product": 8},
        "result": {
            "seconds": {who: values for who, values in seconds.items() if values},
            "multiply_adds": dict.fromkeys(seconds, 100),
            "skipped": other.get("skipped", {}),
        },
    }


def everything():
    slow = [3.0, 3.0, 3.0]
    return {
        "steps-batch-32": steps(32, [0.02] * 3, [0.03] * 3, [0.02] * 3),
        "steps-batch-128": steps(128, [0.08, 0.09, 0.08], [0.2, 0.3, 0.2], [0.08, 0.09, 0.09]),
        "truncated-batch-32": {
            "group": "truncated",
            "settings": {"batch": 32},
            "result": {"seconds": {"truncated": [0.5] * 3, "deep": [1.0] * 3}},
        },
        "memory": {
            "group": "memory",
            "result": {
                "bytes": {
                    name: {"allocated": count}
                    for name, count in (
                        ("recompute 1", 100),
                        ("recompute 32", 125),
                        ("implicit 5", 200),
                        ("implicit 80", 200),
                    )
                }
            },
        },
        "gradients-recompute": {"group": "memory", "result": {"gradients": 1e-15}},
        "gradients-implicit": {"group": "memory", "result": {"gradients": 1e-9}},
        "linear": {
            "group": "linear",
            "result": {"seconds": {str(k): [9.0, 0.5 + 0.1 * k, 0.0] for k in (1, 8, 64)}},
        },
        "compile": {
            "group": "compile",
            "result": {"seconds": {"ours": {"2": slow, "64": [3.3, 3.0, 3.9]}}},
        },
    }


def test_all_targets_can_be_met():
    verdicts = judge(everything(), GOOD)
    assert [v.what for v in verdicts if v.met is not True] == []
    assert closing_line(verdicts) == "14 of 14 targets met"
    first = verdicts[0]
    assert (first.number, first.limit, first.word) == (1, 0.78, "met")
    assert first.figure() == "0.67 (0.67 to 0.67)"
    assert first.beside == "20.0 ms against 30.0 ms"
    assert verdicts[1].figure() == "0.40 (0.30 to 0.40)"


def test_a_rate_is_operations_over_operations():
    cell = everything()["steps-batch-32"]
    share = rate_share(cell, "ours")
    assert share.median == pytest.approx((3 * 2 * 100 * 32 / 0.02) / (2 * 8**3 / 1e-3))
    cell["result"]["multiply_adds"]["ours"] = 100 * 0.65 / share.median
    verdicts = judge({"steps-batch-32": cell}, None)
    assert next(v for v in verdicts if "product" in v.what).figure() == "65 % (65 % to 65 %)"


@pytest.mark.parametrize(
    ("cell", "change", "what"),
    [
        ("steps-batch-32", {"eager": [0.0256] * 3}, "batch 32: ours / eager"),
        ("steps-batch-128", {"eager": [0.15] * 3}, "batch 128: ours / eager"),
        ("steps-batch-32", {"compiled": [0.0194] * 3}, "batch 32: ours / compiled"),
        ("truncated-batch-32", {"truncated": [0.56] * 3}, "truncated gradient / deep"),
        ("linear", {"8": [3.0] * 3}, "straight line"),
        ("compile", {"ours": {"2": [3.0], "64": [3.63]}}, "time to compile"),
    ],
)
def test_a_slower_step_misses_its_target(cell, change, what):
    results = everything()
    results[cell]["result"]["seconds"].update(change)
    missed = [v.what for v in judge(results, GOOD) if v.met is False]
    assert len(missed) == 1
    assert what in missed[0]


@pytest.mark.parametrize(
    ("cell", "result", "what"),
    [
        ("memory", {"recompute 32": {"allocated": 151}}, "recompute, k = 32"),
        ("memory", {"implicit 80": {"allocated": 203}}, "implicit, 80 / 5"),
        ("gradients-recompute", 2e-12, "recompute's gradient"),
        ("gradients-implicit", 2e-6, "implicit's gradient"),
        ("gradients-implicit", float("nan"), "implicit's gradient"),
    ],
)
def test_more_memory_or_another_gradient_misses_its_target(cell, result, what):
    results = everything()
    if cell == "memory":
        results[cell]["result"]["bytes"].update(result)
    else:
        results[cell]["result"]["gradients"] = result
    missed = [v.what for v in judge(results, GOOD) if v.met is False]
    assert len(missed) == 1
    assert what in missed[0]


@pytest.mark.parametrize(
    ("accuracy", "word"),
    [
        (GOOD, "met"),
        (AccuracyLoss(1.2, 0, 2, 3, 6), "missed"),
        (AccuracyLoss(0.1, 0, 1, 2, 6), "not measured"),
        (None, "not measured"),
    ],
)
def test_accuracy_needs_three_seeds(accuracy, word):
    verdict = next(v for v in judge(everything(), accuracy) if "accuracy" in v.what)
    assert verdict.word == word


def test_what_was_not_measured_is_said_and_is_no_miss():
    verdicts = judge({}, None)
    assert {v.met for v in verdicts} == {None}
    assert closing_line(verdicts) == f"0 of 0 targets met, {len(verdicts)} not measured"
    skipped = {"compiled": "InductorError: no compiler"}
    cell = steps(32, [1.0], [2.0], None, skipped=skipped)
    cell["result"]["seconds"]["product"] = [1.0]
    verdicts = judge({"steps-batch-32": cell}, None)
    compiled = next(v for v in verdicts if "compiled" in v.what)
    assert (compiled.met, compiled.beside) == (None, "compiled: InductorError: no compiler")


def test_only_the_targets_of_chosen_groups_are_judged():
    assert {v.number for v in judge(everything(), None, ["memory", "compile", "start"])} == {3, 4}
    assert judge(everything(), None, ["start"]) == []


def test_nothing_to_compile_is_no_figure():
    results = everything()
    results["compile"]["result"]["seconds"]["ours"] = {"2": [0.01], "64": [0.09]}
    verdict = next(v for v in judge(results, GOOD) if "compile, k" in v.what)
    assert (verdict.met, verdict.beside) == (None, "nothing is compiled here")


def test_a_line_is_fitted_through_the_medians():
    line = fit_line({"1": [9, 3.0, 0], "2": [5.0], "4": [9.0]})
    assert (line.base, line.each, line.r_squared) == pytest.approx((1, 2, 1))
    assert fit_line({"1": [1.0], "2": [4.0], "3": [9.0]}).r_squared == pytest.approx(
        64 / 65.33, 1e-3
    )


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0279, "27.9 ms"), (1.352, "1.35 s"), (0.177, "177 ms"), (0.0012, "1.20 ms"), (45, "45.0 s"),
     (-0.0012, "-1.20 ms"), (0, "0 ms")],
)  # fmt: skip
def test_times_have_three_digits(seconds, shown):
    assert show_time(seconds) == shown
