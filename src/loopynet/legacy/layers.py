"""One old layer -> the same layer in our words, every default that may differ written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from loopynet.legacy.literal import Node
from loopynet.legacy.place import nearest, refuse, shown
from loopynet.legacy.sections import OldLayer
from loopynet.legacy.vocabulary import ACTIVATIONS, INITS, POOL_MODES, REQUIRED

Layer = dict[str, Any]


def convert(layer: OldLayer, framework: str) -> Layer:
    """Return the layer as our spec has it, with its type first and `bias` always said.

    Raises:
        SpecError: an option is missing or has a value that cannot be represented.
    """
    options = _given(layer, framework)
    for name, old_name in REQUIRED.get(layer.kind, {}).items():
        if name not in options:
            refuse(layer.place, f'"{old_name}" is missing; write it in the layer or its template')
    body: Layer = {}
    if layer.kind == "conv2d":
        body = {**_conv2d(options), **_weights(options, framework)}
    elif layer.kind == "dense":
        body = {"units": _whole(options["units"], 1), **_weights(options, framework)}
    elif layer.kind == "pool2d":
        body = _pool2d(options)
    elif layer.kind == "dropout":
        body = {"rate": _rate(options.get("rate"))}
    return {"type": layer.kind, **body}


def input_shape(layer: OldLayer) -> list[int]:
    """Return the shape of one sample: [n] or [channels, height, width].

    Raises:
        SpecError: the shape is missing or is no shape.
    """
    node = layer.options.get("shape")
    if node is None or node.value is None:
        refuse(layer.place, 'the shape of the input is missing; write "output_dim": (3, 32, 32)')
    sizes = node.value if isinstance(node.value, list) else [node]
    if len(sizes) not in (1, 3):
        refuse(node.place, "write one number, or (channels, height, width)")
    return [_whole(size, 1) for size in sizes]


def _given(layer: OldLayer, framework: str) -> dict[str, Node]:
    # None means "not given", but for two options it is a value: no nonlinearity, and in Lasagne
    # no bias.
    meaningful = {"activation", "bias"} if framework == "lasagne" else {"activation"}
    return {
        name: node
        for name, node in layer.options.items()
        if node.value is not None or name in meaningful
    }


def _conv2d(options: Mapping[str, Node]) -> Layer:
    size = _extent(options["size"], 1)
    stride = _extent(options["stride"], 1) if "stride" in options else 1
    return {
        "filters": _whole(options["filters"], 1),
        "size": size,
        "stride": stride,
        "padding": _padding(options.get("padding"), size, stride),
    }


def _pool2d(options: Mapping[str, Node]) -> Layer:
    size = _extent(options["size"], 1)
    stride = _extent(options["stride"], 1) if "stride" in options else size
    padding: Any = 0
    if "padding" in options:
        node = options["padding"]
        if isinstance(node.value, str) and node.value != "valid":
            refuse(
                node.place, f'{shown(node.value)} cannot be represented; write a number or "valid"'
            )
        padding = node.value if node.value == "valid" else _extent(node, 0)
    border = options.get("ignore_border")
    if border is not None and border.value is not True:
        refuse(border.place, "only True can be represented; remove it or write True")
    mode = "max"
    if "mode" in options:
        mode = _word(options["mode"], POOL_MODES, "pooling mode")
        if options["mode"].value == "average_inc_pad" and padding not in (0, "valid", [0, 0]):
            refuse(options["mode"].place, "the mean here leaves padding out; write average_exc_pad")
    return {"mode": mode, "size": size, "stride": stride, "padding": padding}


def _rate(node: Node | None) -> float:
    if node is None:
        return 0.5  # Lasagne's default
    rate = node.value
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
        refuse(node.place, "no share of zeros; write a number from 0 to below 1")
    return rate


def _weights(options: Mapping[str, Node], framework: str) -> Layer:
    default = "relu" if framework == "lasagne" else "linear"
    inits = INITS[framework]
    node = options.get("activation")
    if node is not None and node.value is None:
        activation = "linear"
    else:
        activation = default if node is None else _word(node, ACTIVATIONS, "nonlinearity")
    # Both frameworks' own default is Glorot's with gain 1.
    init = INITS["keras"]["glorot_uniform"]
    if "init" in options:
        init = _word(options["init"], inits, "initialization")
    return {"activation": activation, "init": init, "bias": _bias(options.get("bias"))}


def _bias(node: Node | None) -> bool:
    if node is None:
        return True
    if node.value is None or node.value is False:
        return False
    zero = isinstance(node.value, int | float) and node.value == 0
    if node.value is True or zero or node.value in ("zero", "zeros", "constant"):
        return True
    return refuse(node.place, 'only a bias that starts at zero is known; write "zeros" or None')


def _padding(node: Node | None, size: int | list[int], stride: int | list[int]) -> Any:
    if node is None:
        return 0
    if not isinstance(node.value, str):
        return _extent(node, 0)
    if node.value == "valid":
        return "valid"
    if node.value != "same":
        refuse(node.place, f'{shown(node.value)} cannot be represented; write "same" or a number')
    if any(side % 2 == 0 for side in _pair(size)):
        refuse(node.place, '"same" is ambiguous for an even filter_size; write an odd one')
    if _pair(stride) == [1, 1]:
        return "same"
    # With strides the old libraries pad by half the filter, ours only by what is needed.
    return [side // 2 for side in size] if isinstance(size, list) else size // 2


def _pair(extent: int | list[int]) -> list[int]:
    return extent if isinstance(extent, list) else [extent, extent]


def _extent(node: Node, least: int) -> int | list[int]:
    if not isinstance(node.value, list):
        return _whole(node, least)
    if len(node.value) != 2:
        refuse(node.place, "write one number or two, (height, width)")
    return [_whole(side, least) for side in node.value]


def _whole(node: Node, least: int) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < least:
        _refuse_value(node, f"a whole number of at least {least}")
    return node.value


def _word(node: Node, known: Mapping[str, Any], what: str) -> Any:
    if not isinstance(node.value, str):
        article = "an" if what[0] in "aeiou" else "a"
        _refuse_value(node, f"the name of {article} {what} in quotes")
    if node.value not in known:
        hint = nearest(node.value, known, f" Known: {', '.join(known)}.")
        refuse(node.place, f"no {what} {shown(node.value)}.{hint}")
    return known[node.value]


def _refuse_value(node: Node, wanted: str) -> NoReturn:
    refuse(node.place, f"{shown(node.value)} cannot be read here; write {wanted}")
