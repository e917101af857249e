"""The environment of a store: one process speaks to several, each with the variables that were left for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from ...protocols import RunSink
from ..journal import Surroundings
from .stores import Place


class StoreEnvironment:
    """Makes the environment of this process that of the store that it speaks to.

    Parameters
    ----------
    left
        What was left for each store; where nothing was, what this process was started with holds.
    concerns
        Tells whether a variable is one that stores are spoken to with.
    read_once
        Tells whether a client reads a variable once for all: another value takes another process.
    workspace
        The variable that names the part of a store that a run goes to.
    defaults
        What holds where neither says otherwise.
    """

    def __init__(
        self,
        left: Surroundings,
        *,
        concerns: Callable[[str], bool],
        read_once: Callable[[str], bool],
        workspace: str,
        defaults: Mapping[str, str],
    ) -> None:
        self._left = left
        self._concerns = concerns
        self._read_once = read_once
        self._workspace = workspace
        self._defaults = dict(defaults)
        self._started_with = self._of_interest(os.environ)
        self._seen: dict[str, tuple[int, dict[str, str]]] = {}
        self._entered: tuple[Place, dict[str, str]] | None = None
        self.outdated = False

    def sink(self, place: Place, sink: RunSink) -> RunSink:
        """Return a store whose calls find its environment."""
        return cast("RunSink", _InItsEnvironment(sink, lambda: self.enter(place)))

    def enter(self, place: Place) -> None:
        """Set the variables of a store, and no other's."""
        variables = self._of(place.uri)
        if self._entered == (place, variables):
            return
        wanted = {**self._defaults, **variables}
        if place.workspace is not None:
            wanted[self._workspace] = place.workspace
        for name in [name for name in os.environ if self._concerns(name) or name == self._workspace]:
            if name not in wanted:
                del os.environ[name]
        os.environ.update(wanted)
        self._entered = place, variables

    def look(self) -> bool:
        """Read anew what was left; tell whether it is other than before for a store that was spoken to."""
        changed = False
        for uri, (at, before) in list(self._seen.items()):
            if self._left.changed_ns(uri) == at:
                continue
            now = self._read(uri)
            changed |= now != before
            self.outdated |= self._once(now) != self._once(before)
        return changed

    def _of(self, uri: str) -> dict[str, str]:
        return self._seen[uri][1] if uri in self._seen else self._read(uri)

    def _read(self, uri: str) -> dict[str, str]:
        at, left = self._left.changed_ns(uri), self._left.of(uri)
        self._seen[uri] = at, self._started_with if left is None else self._of_interest(left)
        return self._seen[uri][1]

    def _of_interest(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in variables.items() if self._concerns(name)}

    def _once(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in variables.items() if self._read_once(name)}


class _InItsEnvironment:
    """A store, each of whose calls is made in the store's environment."""

    def __init__(self, sink: RunSink, enter: Callable[[], None]) -> None:
        self._sink = sink
        self._enter = enter

    def __getattr__(self, name: str) -> Any:
        self._enter()
        return getattr(self._sink, name)
