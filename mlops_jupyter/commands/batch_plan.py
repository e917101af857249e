"""What a batch shall run: its notebooks, and of each the combinations of its parameters."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from .. import settings
from ..capabilities import parameter_files, sweeping
from ..capabilities.notebooks import reading
from ..capabilities.parameters import as_parameters
from ..capabilities.pipelines.steps import RESULTS
from ..capabilities.sweeping import Axis
from ..errors import CommandError, ConfigurationError, ConfirmationRequired, MlopsError, NotFound
from ..protocols import NotebookRunner
from ..records import Parameter
from . import project
from .arguments import notebook_file

# More combinations than these are asked about first.
MANY = 1000


class Combination(NamedTuple):
    """One notebook with one combination of parameters.

    Attributes
    ----------
    place
        Where it stands among all, from 0.
    planned
        Its notebook.
    parameters
        What is set, constants included.
    name
        The combination in words; the notebook's where it has none.
    digest
        Equal for the same notebook, whatever its outputs, with the same parameters.
    """

    place: int
    planned: Planned
    parameters: Mapping[str, object]
    name: str
    digest: str


class Chosen(NamedTuple):
    """The notebooks that were asked for, each once, and which folders below were left out, in sentences."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def notebooks_of(given: Sequence[Path], results: Path | None = None, output: Path | None = None) -> Chosen:
    """Return the notebooks that are named, and those below folders that are.

    Hidden folders, checkpoints and ``.mlops`` are left out; so are, and that is told, environments and the folders that
    executed notebooks go to, unless they are named themselves. What lies executed in the folder that this batch writes
    to is left out there too.

    Parameters
    ----------
    given
        Notebooks and folders.
    results
        The folder that executed notebooks go to by themselves.
    output
        That to which those of this batch shall.

    Raises
    ------
    NotFound
        When there is no such notebook, or none below a folder.
    """
    found: dict[Path, None] = {}
    left: list[str] = []
    kept, written = (None if folder is None else folder.expanduser().resolve() for folder in (results, output))
    executed = {folder for folder in (kept, written) if folder is not None}
    for one in given:
        folder = one.expanduser()
        if not folder.is_dir():
            found[notebook_file(one)] = None
            continue
        below = [
            file
            for file in _below(folder.resolve(), executed, left)
            if file.parent != written or not _is_result(file, left)
        ]
        if not below:
            raise NotFound(f"there is no notebook below {one}", "name a folder that has some")
        found.update(dict.fromkeys(below))
    return Chosen(tuple(found), (f"left out: {', '.join(dict.fromkeys(left))}",) if left else ())


def _below(top: Path, executed: Collection[Path], left: list[str]) -> Iterator[Path]:
    # A link to a folder above would lead round and round.
    for directory, folders, files in os.walk(top):
        wanted = []
        for name in sorted(name for name in folders if not name.startswith(".")):
            folder = Path(directory, name)
            if what := _no_source(folder, executed):
                left.append(f"{folder.relative_to(top)} ({what})")
            else:
                wanted.append(name)
        folders[:] = wanted
        yield from (Path(directory, name) for name in sorted(files) if name.endswith(".ipynb") and name[0] != ".")


def _is_result(file: Path, left: list[str]) -> bool:
    """Tell whether a notebook lies where it was written when another one was executed."""
    try:
        noted = json.loads(file.read_bytes())["metadata"]["papermill"]
        lies, came = Path(noted["output_path"]), Path(noted["input_path"])
    except (OSError, ValueError, LookupError, TypeError):
        # What it is instead is told when it is read.
        return False
    if lies.name != file.name or lies == came:
        return False
    left.append(f"{file.name} (an executed notebook)")
    return True


def _no_source(folder: Path, executed: Collection[Path]) -> str:
    """Say what a folder holds if its notebooks are not the user's own."""
    if folder in executed or folder.name == RESULTS:
        return "executed notebooks"
    if (folder / "pyvenv.cfg").exists() or (folder / "conda-meta").is_dir():
        return "a Python environment"
    return "packages" if folder.name == "node_modules" else ""


class Declaration(NamedTuple):
    """What a notebook declares, as a `LoadedNotebook` tells it."""

    parameters: tuple[Parameter, ...] | None
    names_known: bool = True


@dataclass(frozen=True)
class Grid:
    """Which parameters go through which values, as it was written.

    Attributes
    ----------
    constants
        What is the same in all combinations.
    axes
        The sweeps.
    rows
        The combinations of a parameter file, ``None`` without one.
    """

    constants: Mapping[str, object]
    axes: tuple[Axis, ...]
    rows: list[dict[str, object]] | None

    @classmethod
    def of(cls, constants: Mapping[str, object], sweep: Mapping[str, object], file: Path | None) -> Grid:
        """Read what the options say.

        Raises
        ------
        CommandError
            When a sweep is none, or a parameter is given in two ways.
        NotFound, ConfigurationError
            When the file is not there, or cannot be used.
        """
        rows = None if file is None else parameter_files.read(file.expanduser())
        told = {"-p": set(constants), "--sweep": set(sweep), "--params": {name for row in rows or () for name in row}}
        ways = list(told.items())
        for place, (way, names) in enumerate(ways):
            for other, others in ways[:place]:
                for name in sorted(names & others):
                    raise CommandError(f"{name} is given twice, by {other} and by {way}", "leave one of them out")
        return cls(constants, sweeping.axes(sweep), rows)

    @property
    def count(self) -> int:
        """How many combinations a notebook has."""
        return sweeping.count(self.axes, None if self.rows is None else len(self.rows))

    @property
    def sets(self) -> bool:
        """Whether any parameter is set."""
        return bool(self.constants or self.axes or self.rows)

    def typed(self, name: str, declaration: Declaration) -> Grid:
        """Check against what a notebook declares, and give text its type; see `as_parameters`."""
        read = partial(as_parameters, name, declaration.parameters, names_known=declaration.names_known)

        def one(parameter: str, value: object) -> object:
            return read({parameter: value})[parameter]

        return Grid(
            read(self.constants),
            tuple(sweeping.typed(axis, one) for axis in self.axes),
            None if self.rows is None else [read(row) for row in self.rows],
        )


class Planned:
    """One notebook of a batch: what it declares is read meanwhile by a process of the runner's."""

    def __init__(self, path: Path, shown: str, grid: Grid, read: Future[Declaration]) -> None:
        self.path = path
        self.shown = shown
        self._grid, self._read = grid, read
        self._digested: tuple[tuple[int, int], str] | None = None
        # How many it has, as far as it could be read.
        self.cells = 0

    @cached_property
    def declared(self) -> tuple[Parameter, ...] | None:
        """What it declares, ``None`` when it has no cell that does, or cannot be read: its own run then says why."""
        try:
            return self._read.result().parameters
        except MlopsError:
            return None

    @cached_property
    def grid(self) -> Grid:
        """Its combinations, each value of the type that it will have."""
        if not self._grid.sets:
            return self._grid
        # A sweep of a notebook that cannot run has no types, and ends here.
        return self._grid.typed(self.path.name, self._read.result())

    @property
    def source(self) -> str:
        """Digest of where it is and what it does now: its cells and its kernel, without outputs."""
        seen = _stamp(self.path)
        if self._digested is None or self._digested[0] != seen:
            self._digested = seen, self._digest()
        return self._digested[1]

    def _digest(self) -> str:
        notebook = _notebook(self.path)
        if notebook is None:
            return sweeping.digest(str(self.path))
        self.cells = len(notebook["cells"])
        cells = [
            (cell.get("cell_type"), "".join(cell.get("source", ())), "parameters" in _tags(cell))
            for cell in notebook["cells"]
        ]
        # The path as all checkouts of the project have it.
        path = project.shown_path(settings.current(), self.path)
        return sweeping.digest(path, cells, notebook.get("metadata", {}).get("kernelspec", {}).get("name"))

    @cached_property
    def tags(self) -> Mapping[str, str]:
        """The tags that say where it comes from."""
        return project.notebook_tags(settings.current(), self.path)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _notebook(path: Path) -> dict[str, Any] | None:
    """Read a notebook; of one that cannot be read its own run will say why."""
    try:
        return reading.read(path.read_bytes(), path.name)
    except (OSError, ConfigurationError):
        return None


def _tags(cell: Mapping[str, Any]) -> Sequence[str]:
    found = cell.get("metadata", {}).get("tags", ())
    return found if isinstance(found, list) else ()


class Plan:
    """All of a batch.

    Parameters
    ----------
    paths
        The notebooks.
    grid
        What they are run with.
    runner
        What reads them.
    jobs
        How many are read at once.
    """

    def __init__(self, paths: Sequence[Path], grid: Grid, runner: NotebookRunner, jobs: int) -> None:
        self.total = len(paths) * grid.count
        self._grid = grid
        self._readers = ThreadPoolExecutor(jobs, thread_name_prefix="mlops-read")
        names = _distinct(paths)
        self.notebooks = tuple(
            Planned(path, names[path], grid, self._readers.submit(_declaration, runner, path, asked=grid.sets))
            for path in paths
        )

    def check(self) -> None:
        """Read all notebooks that parameters are set for, before the first of them runs."""
        if self._grid.sets:
            for one in self.notebooks:
                one.grid  # noqa: B018 -- raises what is wrong with it

    def close(self) -> None:
        """Read nothing more."""
        self._readers.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Combination]:
        """Make the combinations, one notebook after the other."""
        place = 0
        for planned in self.notebooks:
            grid = planned.grid
            for values in sweeping.combinations(grid.axes, grid.rows):
                parameters = {**values, **grid.constants}
                digest = sweeping.digest(planned.source, parameters)
                yield Combination(place, planned, parameters, self._name(planned, values), digest)
                place += 1

    def _name(self, planned: Planned, values: Mapping[str, object]) -> str:
        combination = sweeping.named(values)
        if combination and len(self.notebooks) == 1:
            return combination
        return f"{planned.shown} {combination}".rstrip()


def _declaration(runner: NotebookRunner, path: Path, *, asked: bool) -> Declaration:
    """Read what a notebook declares; where nobody asks and no cell does, no process is needed for it."""
    if not asked:
        notebook = _notebook(path)
        if notebook is None or not any("parameters" in _tags(cell) for cell in notebook["cells"]):
            return Declaration(None)
    with runner.load(path) as loaded:
        return Declaration(loaded.parameters, loaded.names_known)


def _distinct(paths: Sequence[Path]) -> dict[Path, str]:
    """Name notebooks by as much of their paths as tells them apart."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return dict(zip(paths, stems, strict=True))
    top = Path(os.path.commonpath([path.parent for path in paths]))
    return {path: path.relative_to(top).with_suffix("").as_posix() for path in paths}


def ask_about_many(paths: Sequence[Path], grid: Grid) -> None:
    """Raise `ConfirmationRequired` for more combinations than anybody runs without having thought about it."""
    total = len(paths) * grid.count
    if total <= MANY:
        return
    sizes = [f"{len(paths):,} notebooks"] if len(paths) > 1 else []
    sizes += [f"{len(grid.rows):,} rows"] if grid.rows is not None else []
    sizes += [f"{axis.count:,} of {axis.name}" for axis in grid.axes]
    raise ConfirmationRequired(f"these are {total:,} combinations: {' × '.join(sizes)}", "fewer values, or --yes")
