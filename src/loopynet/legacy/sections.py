"""The sections of an old file, and the options that its layers have in the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from loopynet.legacy.literal import Node, plain
from loopynet.legacy.place import Place, nearest, refuse, shown
from loopynet.legacy.vocabulary import OPTIONS, TYPES

_SECTIONS = (
    "framework",
    "name",
    "run_params",
    "templates",
    "layers",
    "stacks",
    "layer_defaults",
)


@dataclass(frozen=True)
class Sections:
    """An old file, its sections apart.

    Attributes:
        place: of the whole dictionary.
        framework: "lasagne" or "keras", whose defaults hold where the file says nothing.
        name: the network's name, or None.
        batch_norm: whether run_params ask for batch normalization.
        templates, layers, stacks: their entries by name.
        defaults: options by our type name.
    """

    place: Place
    framework: str
    name: Node | None
    batch_norm: bool
    templates: dict[str, Node]
    layers: dict[str, Node]
    stacks: dict[str, Node]
    defaults: dict[str, Node]


@dataclass(frozen=True)
class OldLayer:
    """A layer of an old file.

    Attributes:
        kind: our name of its type.
        template: the template it names, or None.
        options: by our names: the defaults, updated by the template, updated by the layer.
        own: the options that the layer itself gives.
    """

    kind: str
    template: str | None
    options: dict[str, Node]
    place: Place
    own: frozenset[str] = field(default_factory=frozenset)


def read_sections(root: Node, notes: list[str]) -> Sections:
    """Return the sections of the dictionary `root`.

    Raises:
        SpecError: a section is missing, unknown or of the wrong kind.
    """
    if not isinstance(root.value, dict):
        refuse(root.place, "the file is no dictionary; write {...} with layers and stacks")
    found = {key: node for key, node in root.value.items() if node.value is not None}
    refuse_unknown(found, _SECTIONS, "no section of a network file has this name")
    for name in ("layers", "stacks"):
        if name not in found:
            refuse(root.place, f'the section "{name}" is missing; write "{name}": {{...}}')
    return Sections(
        place=root.place,
        framework=_framework(found.get("framework"), notes),
        name=found.get("name"),
        batch_norm=_batch_norm(found.get("run_params")),
        templates=entries(found["templates"]) if "templates" in found else {},
        layers=entries(found["layers"]),
        stacks=entries(found["stacks"]),
        defaults=_defaults(entries(found["layer_defaults"]) if "layer_defaults" in found else {}),
    )


def read_layer(node: Node, name: str, sections: Sections, notes: list[str]) -> OldLayer:
    """Return the layer that `node`, an entry of the section "layers", describes.

    Raises:
        SpecError: its template, its type or an option is unknown.
    """
    given = {key: option for key, option in entries(node).items() if not _unsaid(key, option)}
    template = given["template"] if "template" in given else Node(None, node.place)
    base = _template(template, sections)
    kind_node = given.get("type") or base.get("type")
    if kind_node is None and name == "input":  # built-in: its type need not be said
        kind_node = Node("input", node.place)
    if kind_node is None:
        refuse(node.place, 'neither a template nor a type; write "template": "..."')
    kind = layer_type(kind_node)
    if "type" in base and layer_type(base["type"]) != kind:
        refuse(kind_node.place, "differs from the type of the layer's template; remove one of them")
    own = _options(given, kind, notes)
    defaults = entries(sections.defaults[kind]) if kind in sections.defaults else {}
    options = {**_options(defaults, kind, notes), **_options(base, kind, notes), **own}
    named = template.value if isinstance(template.value, str) else None
    return OldLayer(kind, named, options, node.place, frozenset(own))


def _unsaid(key: str, node: Node) -> bool:
    return key in ("template", "type") and node.value is None


def layer_type(node: Node) -> str:
    """Return our name of the type that `node` names."""
    if not isinstance(node.value, str) or node.value not in TYPES:
        hint = nearest(node.value, TYPES, f" Known: {', '.join(TYPES)}.")
        refuse(node.place, f"no layer type {shown(node.value)}.{hint}")
    return TYPES[node.value]


def entries(node: Node) -> dict[str, Node]:
    """Return the entries of a dictionary."""
    if not isinstance(node.value, dict):
        refuse(node.place, "no dictionary; write {...}")
    return node.value


def refuse_unknown(found: dict[str, Node], known: Iterable[str], message: str) -> None:
    """Raise SpecError if a key of `found` that is not None is not among the `known` ones."""
    names = list(known)
    for key, node in found.items():
        if key not in names and node.value is not None:
            hint = nearest(key, names, " Remove it or set it to None.")
            refuse(node.place, f"{message}.{hint}")


def _framework(node: Node | None, notes: list[str]) -> str:
    if node is None:
        # Files without the key are older than the library's Lasagne code.
        notes.append("No framework is named; Keras' defaults were taken for what is not given.")
        return "keras"
    if node.value not in ("lasagne", "keras"):
        refuse(node.place, f'no framework {shown(node.value)}; write "lasagne" or "keras"')
    return str(node.value)


def _batch_norm(node: Node | None) -> bool:
    if node is None:
        return False
    parameters = entries(node)
    refuse_unknown(parameters, ["use_batchnorm"], "this parameter has no counterpart here")
    flag = parameters.get("use_batchnorm", Node(False, node.place))
    if flag.value is not None and not isinstance(flag.value, bool):
        refuse(flag.place, f"{shown(flag.value)} is neither True nor False; write one of them")
    return flag.value is True


def _defaults(found: dict[str, Node]) -> dict[str, Node]:
    defaults: dict[str, Node] = {}
    for name, node in found.items():
        if node.value is None:
            continue
        kind = layer_type(Node(name, node.place))
        if kind in defaults:
            first = defaults[kind].place.line
            refuse(node.place, f"defaults of {kind} stand on line {first} already; join the two")
        defaults[kind] = node
    return defaults


def _template(node: Node, sections: Sections) -> dict[str, Node]:
    if node.value is None:
        return {}
    if not isinstance(node.value, str):
        refuse(node.place, "no name of a template; write it in quotes")
    if node.value in sections.templates:
        template = sections.templates[node.value]
        options = entries(template)
        if "type" not in options or options["type"].value is None:
            refuse(template.place, 'a template without a type; write "type": "..."')
        return options
    if node.value == "input":  # built-in
        return {"type": Node("input", node.place)}
    hint = nearest(node.value, sections.templates, " Write it under templates.")
    return refuse(node.place, f"no template {shown(node.value)}.{hint}")


def _options(given: dict[str, Node], kind: str, notes: list[str]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key, node in _joined_rows(given).items():
        if key in ("template", "type"):
            continue
        if key == "descriptor":
            note = f"{node.place.path} is a description only and was left out."
            notes.extend([] if note in notes else [note])
            continue
        name = OPTIONS[kind].get(key)
        if name is None:
            if node.value is not None:
                refuse_unknown(
                    {key: node}, OPTIONS[kind], f"a layer of type {kind} has no such option here"
                )
            continue
        if found.get(name, node).value is None:
            found[name] = node
        elif node.value is not None and name in found and plain(found[name]) != plain(node):
            first = found[name].place.path
            refuse(node.place, f"says something else than {first}; keep one of the two")
        found.setdefault(name, node)
    return found


def _joined_rows(given: dict[str, Node]) -> dict[str, Node]:
    """Return `given` with Keras' nb_row and nb_col as one filter_size."""
    rows, columns = given.get("nb_row"), given.get("nb_col")
    if rows is None and columns is None:
        return given
    if rows is None or columns is None:
        lone = rows or columns
        assert lone is not None
        refuse(lone.place, "nb_row and nb_col go together; write both, or filter_size")
    rest = {key: node for key, node in given.items() if key not in ("nb_row", "nb_col")}
    if rows.value is None and columns.value is None:
        return rest
    joined = Node([rows, columns], rows.place)
    if "filter_size" in rest and rest["filter_size"].value is not None:
        refuse(rows.place, "filter_size and nb_row both give the size; keep one of them")
    return {**rest, "filter_size": joined}
