"""A registry: the names by which a spec calls one kind of part."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from loopynet.errors import SpecError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """The parts of one kind, by name.

    Names match without regard to case, hyphens and underscores, so that `LeakyReLU`, `leaky_relu`
    and `leakyrelu` are one. A package adds its own parts through an entry point in `group` that
    names a module whose import registers them; it is loaded when a name is not found otherwise,
    or when all names are listed.

    Args:
        kind: what is registered, as messages call it ("merge", "layer type").
        group: the entry-point group that other packages use ("loopynet.merges").
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._parts: dict[str, T] = {}
        self._canonical: dict[str, str] = {}
        self._plugins_loaded = False

    def register(self, name: str, *aliases: str) -> Callable[[T], T]:
        """Return a decorator that registers a part as `name`, found by `aliases` too.

        Raises:
            ValueError: a name is taken by another part.
        """

        def add(part: T) -> T:
            for alias in (name, *aliases):
                if _key(alias) in self._canonical:
                    raise ValueError(f'the {self.kind} "{alias}" is registered already')
            self._canonical |= {_key(alias): name for alias in (name, *aliases)}
            self._parts[name] = part
            return part

        return add

    def canonical(self, name: str) -> str:
        """Return the name under which a part was registered.

        Raises:
            SpecError: nothing is registered under `name`; the message has the nearest name.
        """
        if _key(name) not in self._canonical:
            self._load_plugins()
        if _key(name) not in self._canonical:
            hint = did_you_mean(name, self._canonical_names()) or f" Known: {self._listing()}."
            raise SpecError(f'no {self.kind} "{str(name)[:80]}".{hint}')
        return self._canonical[_key(name)]

    def get(self, name: str) -> T:
        """Return the part called `name`; raises SpecError as `canonical` does."""
        return self._parts[self.canonical(name)]

    def names(self) -> tuple[str, ...]:
        """Return every registered name, other packages' included, in the order of registration."""
        self._load_plugins()
        return self._canonical_names()

    def _canonical_names(self) -> tuple[str, ...]:
        return tuple(self._parts)

    def _listing(self) -> str:
        return ", ".join(self._canonical_names())

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for point in entry_points(group=self.group):
            try:
                point.load()
            except Exception as error:  # whatever another package's import raises
                raise SpecError(
                    f'the {self.kind} plug-in "{point.name}" ({point.value}) cannot be loaded: '
                    f"{type(error).__name__}: {error}; mend or uninstall its package"
                ) from error


def _key(name: str) -> str:
    return str(name).lower().replace("_", "").replace("-", "")
