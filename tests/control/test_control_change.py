from __future__ import annotations

from loopynet import Conv2d, Dense, NetworkSpec, parse_spec, to_yaml
from loopynet.control import same_multiply_adds
from loopynet.control.change import changed
from reference.strategies import tiny

TEXT = """
name: small
input: {shape: [1, 6, 6]}
templates:
  conv: {type: conv2d, filters: 8}
  unused: {type: conv2d, filters: 8}
layers:
  a: {template: conv}
  b: {template: conv}
  c: {template: conv, filters: 3}
  fc: {type: dense, units: 3}
main: [a, b, c, fc]
"""


def wider(**filters: int) -> NetworkSpec:
    spec = tiny(TEXT)
    layers = {
        name: layer.model_copy(update={"filters": filters[name]}) if name in filters else layer
        for name, layer in spec.layers.items()
    }
    return changed(spec, {"layers": layers}, suffix="wider")


def test_a_template_takes_the_width_that_its_layers_share() -> None:
    text = to_yaml(wider(a=12, b=12, c=4))
    assert "conv: {type: conv2d, filters: 12}" in text
    assert "a: {template: conv}\n" in text
    assert "b: {template: conv}\n" in text
    assert "c: {template: conv, filters: 4}" in text
    assert parse_spec(text) == wider(a=12, b=12, c=4)


def test_layers_of_different_widths_say_so() -> None:
    text = to_yaml(wider(a=12, b=13))
    assert "conv: {type: conv2d, filters: 12}" in text
    assert "b: {template: conv, filters: 13}" in text


def test_an_unused_template_is_left_out() -> None:
    assert "unused" not in to_yaml(wider())


def test_nothing_else_is_written() -> None:
    kept = TEXT.replace("  unused: {type: conv2d, filters: 8}\n", "").strip()
    assert to_yaml(wider()).strip() == kept.replace("name: small", "name: small-wider")


def test_layers_written_in_python() -> None:
    spec = NetworkSpec(
        input={"shape": (3, 6, 6)},
        layers={"a": Conv2d(filters=8), "b": Conv2d(filters=3), "fc": Dense(units=4)},
        main=("a", "b", "fc"),
        loops={"back": {"from": "b", "to": "a"}},
        unroll={"steps": 2},
    )
    control = same_multiply_adds(spec)
    assert control.name == "network-same-multiply-adds"
    assert parse_spec(to_yaml(control)) == control
