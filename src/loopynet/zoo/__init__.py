"""Ready networks: one YAML file each, in this folder, by the file's name.

Trained ones are run folders in `pretrained/`, with the config, data and figures that made them.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from loopynet.errors import SpecError, did_you_mean
from loopynet.spec.network import NetworkSpec
from loopynet.spec.read import override, validate
from loopynet.spec.source import Source, parse_source, read_source

__all__ = [
    "load_source",
    "load_spec",
    "pretrained_folder",
    "pretrained_names",
    "zoo_names",
    "zoo_text",
]

_TRAINED = Path(__file__).parent / "pretrained"


def zoo_names() -> tuple[str, ...]:
    """Return the names of all zoo entries, sorted."""
    entries = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name[:-5] for name in entries if name.endswith(".yaml")))


def zoo_text(name: str) -> str:
    """Return the YAML of a zoo entry; raises SpecError with the nearest name if there is none."""
    if name not in zoo_names():
        raise SpecError(f'no zoo entry "{name}".{did_you_mean(name, zoo_names())}')
    return (files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")


def load_source(spec: str | Path) -> Source:
    """Read a zoo entry by its name, or a YAML file by its path."""
    if isinstance(spec, str) and spec in zoo_names():
        return parse_source(zoo_text(spec), f"{spec}.yaml")
    if not Path(spec).exists():
        hint = did_you_mean(spec, zoo_names()) or " `loopynet zoo` lists the names."
        raise SpecError(f'"{spec}" is neither a file nor a zoo entry.{hint}')
    return read_source(spec)


def load_spec(spec: str | Path, overrides: tuple[str, ...] = ()) -> NetworkSpec:
    """Return the spec of a zoo entry or YAML file.

    Args:
        spec: the name of a zoo entry, or a file's path.
        overrides: changes such as "training.epochs=5", applied before validation.

    Raises:
        SpecError: with file, line and key of each mistake, or the names there are.
    """
    return validate(override(load_source(spec), overrides))


def pretrained_names() -> tuple[str, ...]:
    """Return the names of the zoo entries that come with trained weights, sorted."""
    return tuple(sorted(config.parent.name for config in _TRAINED.glob("*/config.yaml")))


def pretrained_folder(name: str) -> Path:
    """Return the run folder of a trained zoo entry.

    Raises:
        SpecError: there is none of this name; the message has the nearest.
    """
    if name not in pretrained_names():
        hint = (
            did_you_mean(name, pretrained_names())
            or f" There are: {', '.join(pretrained_names())}."
        )
        raise SpecError(f'no trained weights come with "{name}".{hint}')
    return _TRAINED / name
