"""Each rule of docs/controls.md on widths, on a network that has nothing else."""

from __future__ import annotations

import pytest

from loopynet import NetworkSpec, build_graph
from loopynet.control.widths import Width, free_widths, with_widths

DENSE = {"type": "dense", "units": 5}


def conv(filters: int = 4, **options: object) -> dict[str, object]:
    return {"type": "conv2d", "filters": filters, **options}


def network(**options: object) -> NetworkSpec:
    return NetworkSpec.model_validate({"input": {"shape": [3, 8, 8]}, **options})


def chain(*layers: dict[str, object], **options: object) -> NetworkSpec:
    """Return layers a, b, c ... one above the other, then five classes."""
    names = [*"abcdefg"[: len(layers)], "fc"]
    stack = dict(zip(names, [*layers, DENSE], strict=True))
    more = options.pop("layers", {})
    return network(layers={**stack, **more}, main=names, **options)  # type: ignore[dict-item]


def found(spec: NetworkSpec) -> dict[str, tuple[int, int]]:
    """Return value and step of each free width, by the names of its layers."""
    widths = free_widths(build_graph(spec))
    return {
        " ".join(dict.fromkeys(each.layer for each in width.settings)): (width.value, width.step)
        for width in widths
    }


def test_every_hidden_width_is_free_and_the_classes_are_not() -> None:
    assert found(chain(conv(4), conv(6), {**DENSE, "units": 7})) == {
        "a": (4, 1), "b": (6, 1), "c": (7, 1)
    }  # fmt: skip


def test_what_gives_the_classes_is_kept() -> None:
    spec = network(
        layers={
            "a": conv(4),
            "b": conv(10),
            "c": {"type": "identity"},
            "d": {"type": "global_pool"},
        },
        main=["a", "b", "c", "d"],
    )
    assert found(spec) == {"a": (4, 1)}


def test_a_concatenation_that_gives_the_classes_is_kept() -> None:
    layers = {"a": conv(4), "b": conv(3), "c": {"type": "global_pool"}}
    skip = {"skip": {"from": "a", "to": "c", "merge": "concat"}}
    assert found(network(layers=layers, main=["a", "b", "c"], skips=skip)) == {}


def test_layers_that_a_skip_joins_share_a_width() -> None:
    spec = chain(conv(4), conv(4), conv(4), conv(6), skips={"skip": {"from": "a", "to": "c"}})
    assert found(spec) == {"a b": (4, 1), "c": (4, 1), "d": (6, 1)}


def test_layers_that_several_skips_join_share_a_width() -> None:
    skips = {"one": {"from": "a", "to": "c"}, "two": {"from": "c", "to": "fc"}}
    assert found(chain(conv(4), conv(4), conv(4), conv(4), skips=skips)) == {
        "a b": (4, 1), "c d": (4, 1)
    }  # fmt: skip
    skips["two"] = {"from": "b", "to": "fc"}
    assert found(chain(conv(4), conv(4), conv(4), conv(4), skips=skips)) == {
        "a b d": (4, 1), "c": (4, 1)
    }  # fmt: skip


def test_a_layer_on_a_skip_shares_too() -> None:
    skips = {"skip": {"from": "a", "through": ["side"], "to": "fc"}}
    spec = chain(conv(4), conv(6), skips=skips, layers={"side": conv(6)})
    assert found(spec) == {"a": (4, 1), "b side": (6, 1)}


def test_a_projection_sets_layers_free() -> None:
    skips = {"skip": {"from": "a", "to": "c", "fit": "project"}}
    assert found(chain(conv(4), conv(6), conv(4), skips=skips)) == {
        "a": (4, 1), "b": (6, 1), "c": (4, 1)
    }  # fmt: skip


def test_what_is_padded_is_kept() -> None:
    skips = {"skip": {"from": "a", "to": "c", "fit": "pad"}}
    assert found(chain(conv(4), conv(6), conv(5), skips=skips)) == {"c": (5, 1)}


def test_a_fit_that_needs_no_projection_keeps_it_so() -> None:
    skips = {"skip": {"from": "a", "to": "c", "fit": "project"}}
    assert found(chain(conv(4), conv(4), conv(4), skips=skips)) == {"a b": (4, 1), "c": (4, 1)}


@pytest.mark.parametrize("fit", ["error", "resize"])
def test_what_must_equal_the_input_is_kept(fit: str) -> None:
    skips = {"skip": {"from": "input", "to": "b", "fit": fit}}
    assert found(chain(conv(3), conv(6), skips=skips)) == {"b": (6, 1)}


def test_a_concatenation_leaves_both_free() -> None:
    skips = {"skip": {"from": "a", "to": "c", "merge": "concat"}}
    assert found(chain(conv(4), conv(6), conv(2), skips=skips)) == {
        "a": (4, 1), "b": (6, 1), "c": (2, 1)
    }  # fmt: skip


def test_what_must_equal_a_concatenation_is_kept() -> None:
    skips = {
        "wide": {"from": "a", "to": "c", "merge": "concat"},
        "sum": {"from": "d", "to": "fc"},
    }
    layers = (conv(4), conv(6), {"type": "identity"}, conv(10), conv(10))
    assert found(chain(*layers, skips=skips))["a"] == (4, 1)
    skips["sum"] = {"from": "c", "to": "e"}
    assert found(chain(*layers, skips=skips)) == {"e": (10, 1)}


def test_a_concatenation_that_is_projected_has_the_width_of_its_target() -> None:
    skips = {"skip": {"from": "a", "to": "d", "merge": "concat", "fit": "project"}}
    layers = (conv(4), conv(6, stride=2), conv(6), {"type": "maxout"})
    assert found(chain(*layers, skips=skips)) == {"a": (4, 1), "b": (6, 1), "c": (6, 1)}


def test_a_depthwise_convolution_follows_its_input() -> None:
    spec = chain(conv(4), conv(8, groups=4), conv(6))
    (first, second) = free_widths(build_graph(spec))
    assert (first.value, first.step, second.value) == (4, 1, 6)
    changed = spec.model_copy(update={"layers": with_widths(spec, {first: 7})})
    shapes = {name: node.output_shape[0] for name, node in build_graph(changed).layers.items()}
    assert shapes == {"a": 7, "b": 14, "c": 6, "fc": 5}
    assert changed.layers["b"].model_dump()["groups"] == 7


def test_a_depthwise_convolution_of_the_input_is_kept() -> None:
    assert found(chain(conv(6, groups=3), conv(8))) == {"b": (8, 1)}


def test_groups_divide_both_widths() -> None:
    assert found(chain(conv(4), conv(6, groups=2), conv(8))) == {
        "a": (4, 2), "b": (6, 2), "c": (8, 1)
    }  # fmt: skip


def test_groups_of_a_norm_divide_a_width() -> None:
    assert found(chain(conv(12, norm={"type": "group", "groups": 3}))) == {"a": (12, 3)}


def test_pieces_of_maxout_divide_a_width() -> None:
    maxout = {"type": "maxout", "pieces": 2}
    assert found(chain(conv(12), maxout, maxout)) == {"a": (12, 4)}


def test_a_layer_after_maxout_does_not_share() -> None:
    """Half of one width and all of another cannot change together in steps of one."""
    maxout = {"type": "maxout", "pieces": 2}
    spec = chain(conv(12), maxout, conv(6), skips={"skip": {"from": "b", "to": "fc"}})
    assert found(spec) == {}


def test_groups_that_divide_a_concatenation_as_a_whole_only_keep_it() -> None:
    skips = {"skip": {"from": "input", "to": "b", "merge": "concat"}}
    assert found(chain(conv(5), conv(4, groups=2), skips=skips)) == {"b": (4, 2)}


def test_a_vector_has_features() -> None:
    spec = network(
        input={"shape": [12]},
        layers={"a": {**DENSE, "units": 12}, "b": {**DENSE, "units": 9}, "fc": DENSE},
        main=["a", "b", "fc"],
        skips={"skip": {"from": "input", "to": "b"}},
    )
    assert found(spec) == {"b": (9, 1)}


def test_widths_are_plain_values() -> None:
    (width,) = free_widths(build_graph(chain(conv(4))))
    assert width == Width(4, 1, width.settings)
    assert hash(width) == hash(Width(4, 1, width.settings))
