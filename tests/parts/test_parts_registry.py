"""Names, aliases and the parts of other packages."""

import pytest

from loopynet import SpecError
from loopynet.parts import registry as registry_module
from loopynet.parts.registry import Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry("color", "loopynet.test_colors")
    registry.register("dark_red", "Maroon")(1)
    registry.register("blue")(2)
    return registry


@pytest.mark.parametrize(
    "name", ["dark_red", "DarkRed", "dark-red", "DARKRED", "maroon", "MAROON", "ma_roon"]
)
def test_names_match_loosely(registry, name):
    assert registry.canonical(name) == "dark_red"
    assert registry.get(name) == 1


def test_names_are_in_order_of_registration(registry):
    assert registry.names() == ("dark_red", "blue")


def test_register_returns_the_part(registry):
    def part():
        return 3

    assert registry.register("green")(part) is part
    assert registry.get("green") is part


@pytest.mark.parametrize(
    "names", [("blue",), ("Blue",), ("maroon",), ("green", "BLUE"), ("dark-red",)]
)
def test_a_taken_name_is_refused_and_leaves_no_trace(registry, names):
    with pytest.raises(ValueError, match="is registered already"):
        registry.register(*names)(9)
    assert registry.names() == ("dark_red", "blue")
    assert (registry.get("blue"), registry.get("maroon")) == (2, 1)
    if names[0] == "green":
        with pytest.raises(SpecError):
            registry.get("green")


def test_the_nearest_name_is_told(registry):
    with pytest.raises(SpecError) as caught:
        registry.get("bleu")
    assert str(caught.value) == 'no color "bleu". Did you mean "blue"?'


def test_all_names_are_told_if_none_is_near(registry):
    with pytest.raises(SpecError) as caught:
        registry.get("zzz")
    assert str(caught.value) == 'no color "zzz". Known: dark_red, blue.'


@pytest.mark.parametrize("name", ["", "_", "x" * 10**6, None, 3])
def test_odd_names_are_unknown(registry, name):
    with pytest.raises(SpecError) as caught:
        registry.canonical(name)
    assert len(str(caught.value)) < 200


class Point:
    """An entry point whose load registers a part."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.loads = registry, 0

    def load(self) -> None:
        self.loads += 1
        self.registry.register("violet")(7)


@pytest.fixture
def point(registry, monkeypatch) -> Point:
    point = Point(registry)
    groups = []

    def entry_points(*, group):
        groups.append(group)
        return [point]

    monkeypatch.setattr(registry_module, "entry_points", entry_points)
    point.groups = groups
    return point


def test_other_packages_are_loaded_once_and_only_if_needed(registry, point):
    assert registry.get("blue") == 2
    assert point.loads == 0
    assert registry.get("Violet") == 7
    assert point.groups == ["loopynet.test_colors"]
    assert registry.names() == ("dark_red", "blue", "violet")
    with pytest.raises(SpecError, match="Known: dark_red, blue, violet"):
        registry.get("zzz")
    assert point.loads == 1


def test_listing_loads_them_too(registry, point):
    assert registry.names() == ("dark_red", "blue", "violet")
    assert point.loads == 1


def test_two_registries_share_nothing(registry):
    other = Registry("color", "loopynet.test_colors")
    assert other.names() == ()
    assert registry.names() == ("dark_red", "blue")
