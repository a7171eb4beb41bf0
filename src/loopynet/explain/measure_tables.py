"""Measurements as tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from loopynet.explain.dynamics import Dynamics
from loopynet.explain.faithfulness import Faithfulness
from loopynet.explain.linearity import Linearity
from loopynet.explain.measurements import GradientFigures, Measurements
from loopynet.statistics import Estimate


def markdown(found: Measurements) -> str:
    """Return the measurements as a page of tables."""
    parts = [f"# {found.name}: what its unrolls do\n"]
    parts += [f"{found.images:,} images. Intervals are 95 %.\n"]
    parts += [f"Note: {note}\n" for note in found.notes]
    parts += ["## From unroll to unroll\n", _unrolls(found.dynamics), _movement(found.dynamics)]
    parts += [_convergence(found.dynamics)]
    if found.radii:
        parts += ["## The Jacobian of one pass\n", _radii(found)]
    if found.gradients:
        parts += ["## Gradients by unroll\n", *map(_gradients, found.gradients)]
    if found.linearity is not None:
        parts += ["## What linear filters of the image leave unexplained\n"]
        parts += [_linearity(found.linearity)]
    if found.faithfulness is not None:
        parts += ["## Deletion and insertion\n", _faithfulness(found.faithfulness)]
    return "\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _show(value: Estimate, digits: int = 3, scale: float = 1) -> str:
    """Return "0.512 (0.481 to 0.543)"."""
    mean = f"{scale * value.mean:.{digits}f}"
    if value.low is None or value.high is None:
        return mean
    return f"{mean} ({scale * value.low:.{digits}f} to {scale * value.high:.{digits}f})"


def _length(value: Estimate) -> str:
    """Return three figures of a length, however small."""
    if value.low is None or value.high is None:
        return f"{value.mean:.3g}"
    return f"{value.mean:.3g} ({value.low:.3g} to {value.high:.3g})"


def _unrolls(found: Dynamics) -> str:
    rows = []
    for t, one in enumerate(found.unrolls, start=1):
        change = found.changes[t - 2] if t > 1 else None
        turned = (
            ("", "", "")
            if change is None
            else (change.right_to_wrong, change.wrong_to_right, change.wrong_to_wrong)
        )
        rows.append(
            (t, _show(one.accuracy, 2, 100), _show(one.loss), _show(one.confidence),
             _show(one.margin, 2), *turned, found.last_change[t - 1])
        )  # fmt: skip
    head = ("unroll", "accuracy, %", "loss", "confidence", "margin", "right to wrong",
            "wrong to right", "wrong to wrong", "last change")  # fmt: skip
    return _table(head, rows)


def _movement(found: Dynamics) -> str:
    rows = []
    for name, each in found.movement.items():
        for t, one in enumerate(each, start=2):
            low, _, middle, _, high = one.quantiles
            spread = f"{low:.3f}, {middle:.3f}, {high:.3f}"
            rows.append((f"{name}@{t}", _show(one.mean), spread))
    return _table(("layer", "relative change", "5, 50, 95 %"), rows) if rows else ""


def _convergence(found: Dynamics) -> str:
    one = found.convergence
    if one is None:
        return ""
    low, _, middle, _, high = one.rate
    rows = [
        ("settled", one.settled), ("shrinking", one.shrinking), ("staying", one.staying),
        ("growing", one.growing), ("oscillating", one.oscillating),
        ("of settled and shrinking, alternating on the way", one.damped),
        ("rate per unroll, 5, 50, 95 %", f"{low:.3f}, {middle:.3f}, {high:.3f}"),
        (f"relative difference at unroll {one.last}", f"{one.difference[-1]:.2e}"),
        (f"cosine of differences at unroll {one.last}", f"{one.cosine[-1]:.3f}"),
    ]  # fmt: skip
    return _table((f"signals, unrolls {one.first} to {one.last}", "images"), rows)


def _radii(found: Measurements) -> str:
    rows = []
    for one in found.radii:
        radius, norm = one["radius"], one["norm"]
        mean = Estimate(radius["mean"]["mean"], radius["mean"]["low"], radius["mean"]["high"])
        low, _, middle, _, high = radius["quantiles"]
        rows.append(
            (one["after"], one["images"], _show(mean), f"{low:.3f}, {middle:.3f}, {high:.3f}",
             f"{100 * one['above_one']:.0f}", f"{one['growth']['mean']['mean']:.3f}",
             f"{norm['mean']['mean']:.2f}",
             f"{100 * one['complex']:.0f}", f"{100 * one['negative']:.0f}",
             f"{100 * one['settled']:.0f}")
        )  # fmt: skip
    head = ("after pass", "images", "spectral radius", "5, 50, 95 %", "above 1, %", "growth",
            "norm", "complex, %", "negative, %", "settled, %")  # fmt: skip
    return _table(head, rows)


def _gradients(found: GradientFigures) -> str:
    rows = []
    for name, one in found.weights.items():
        if not name.endswith("weight") or ".norm." in name:
            continue
        for i, t in enumerate(one.unrolls):
            angle = f"{one.cosines[i][-1]:+.2f}" if i < len(one.unrolls) - 1 else ""
            rows.append(
                (name, t, _length(one.norms[i]), f"{100 * one.shares[i]:.1f}", angle)
            )  # fmt: skip
    over = f"{found.seeds} seeds" if found.seeds else "batches"
    mode = "training" if found.training else "evaluation"
    text = (
        f"{found.label}: {found.images} images in batches of {found.batch_size}, {mode} mode, "
        f"intervals over {over}.\n\n"
    )
    head = ("weight", "unroll", "length of its part", "share, %", "cosine with the last")
    return text + _table(head, rows)


def _linearity(found: Linearity) -> str:
    rows = []
    for name, layer in found.layers.items():
        for t, (own, equal) in enumerate(
            zip(layer.own_field, layer.equal_field, strict=True), start=1
        ):
            rows.append(
                (f"{name}@{t}", f"{own.field[0]}x{own.field[1]}", _show(own.over_images),
                 f"{own.fitted:.3f}", _show(own.over_filters),
                 f"{equal.field[0]}x{equal.field[1]}", _show(equal.over_images),
                 "" if t == 1 else _show(layer.increase[t - 2]))
            )  # fmt: skip
    text = (
        f"Share of variance, {found.side} the activation; {found.fit_images} images fitted, "
        f"{found.held_out_images} held out; intervals over held-out images, or over filters.\n\n"
    )
    head = ("layer", "field", "unexplained", "on fitted images", "over filters", "equal field",
            "unexplained", "increase")  # fmt: skip
    return text + _table(head, rows)


def _faithfulness(found: Faithfulness) -> str:
    rows = []
    for name, one in found.maps.items():
        rows.append(
            (name, _show(one.deletion_area), *_less(one.deletion_less),
             _show(one.insertion_area), *_less(one.insertion_less))
        )  # fmt: skip
    text = f"{found.images} images; a removed pixel becomes its {found.replacement}.\n\n"
    head = ("map", "deletion area", "less random", "less gradient", "insertion area",
            "less random", "less gradient")  # fmt: skip
    return text + _table(head, rows)


def _less(others: object) -> tuple[str, str]:
    assert isinstance(others, dict)
    shown = [_show(others[name]) if name in others else "" for name in ("random", "gradient")]
    return shown[0], shown[1]
