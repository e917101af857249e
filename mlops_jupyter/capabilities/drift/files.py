"""Files of Parquet and CSV as profiles, read in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from ...errors import ConfigurationError, NotFound
from ..conditions import Condition
from ..csv_types import later
from . import arrow
from .profiles import Profile
from .quantities import EXACT_ROWS, SKETCH_SIZE, sketch_size

BATCH_ROWS = 32_768
# Of each column that is read, pages and a dictionary lie in memory.
_MOST_COLUMNS = 4
_CSV_BLOCK_BYTES = 4 * 1024 * 1024
# So many pieces for each process, so that none waits long for the last.
_PIECES_A_PROCESS = 4
_EXACT_CSV_BYTES = 8 * 1024 * 1024
_PACKED = ".gz"
PARQUET, CSV = (".parquet", ".pq"), (".csv", ".csv.gz")

Told = Callable[[int], None]


class Piece(NamedTuple):
    """What one process reads at a time: columns of some row groups of a file, ``None`` of one without."""

    file: str
    groups: tuple[int, ...] | None
    columns: tuple[str, ...]
    # Whether these rows are counted: the columns of a row may be read in several pieces.
    counts: bool


class TableFiles(NamedTuple):
    """The files of a table.

    Attributes
    ----------
    path
        The file or folder.
    files
        The files, in the order of their names.
    types
        The columns and their types.
    rows
        How many rows there are; of CSV nobody knows before.
    groups
        Of each file of Parquet the rows of its row groups.
    """

    path: Path
    files: tuple[str, ...]
    types: Mapping[str, pa.DataType]
    rows: int | None
    groups: tuple[tuple[int, ...], ...]

    @property
    def sketch_size(self) -> int:
        """The k of sketches that keep every number of a small table; of a large one what sketches have else."""
        if self.rows is not None:
            return sketch_size(self.rows, len(self.types))
        if any(file.endswith(_PACKED) for file in self.files):
            return SKETCH_SIZE
        size = sum(Path(file).stat().st_size for file in self.files)
        # A value takes a byte and more, with what parts it from the next.
        rows = min(size // max(len(self.types), 1), EXACT_ROWS)
        return sketch_size(rows, len(self.types)) if size <= _EXACT_CSV_BYTES else SKETCH_SIZE

    def from_name(self, least: str) -> TableFiles:
        """Return those whose names are not before a name."""
        chosen = [at for at, file in enumerate(self.files) if Path(file).name >= least]
        groups = tuple(self.groups[at] for at in chosen) if self.groups else ()
        rows = None if self.rows is None else sum(map(sum, groups))
        return self._replace(files=tuple(self.files[at] for at in chosen), groups=groups, rows=rows)

    def pieces(self, columns: Sequence[str], processes: int) -> Iterator[Piece]:
        """Cut it into pieces: by row groups, and where there are few of these, by columns."""
        wanted = processes * _PIECES_A_PROCESS if processes > 1 else 1
        if self.rows is None:
            yield from (Piece(file, None, tuple(columns), counts=True) for file in self.files)
            return
        groups = sum(map(len, self.groups))
        share = -(-len(columns) * groups // wanted) if groups < wanted else len(columns)
        share = max(1, min(share, _MOST_COLUMNS))
        together = max(1, groups // wanted)
        for file, sizes in zip(self.files, self.groups, strict=True):
            for chosen in _cut(range(len(sizes)), together):
                parts = list(_cut(columns, share)) or [()]
                yield from (Piece(file, chosen, part, counts=part is parts[0]) for part in parts)


def find(path: Path) -> TableFiles:
    """Look at a file or folder of Parquet or CSV.

    Raises
    ------
    NotFound
        When there is none.
    ConfigurationError
        When it cannot be read.
    """
    files = _files(path)
    try:
        if files[0].name.endswith(CSV):
            with _csv(files[0], None) as reader:
                types = {field.name: field.type for field in reader.schema}
                return TableFiles(path, tuple(map(str, files)), types, None, ())
        opened = [pq.ParquetFile(file) for file in files]
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}", "name a file of Parquet or CSV") from error
    groups = tuple(
        tuple(one.metadata.row_group(at).num_rows for at in range(one.metadata.num_row_groups)) for one in opened
    )
    rows = sum(map(sum, groups))
    # A column need not be in all of them.
    found = {field.name: field.type for one in reversed(opened) for field in one.schema_arrow}
    types = {name: found[name] for one in opened for name in one.schema_arrow.names}
    return TableFiles(path, tuple(map(str, files)), types, rows, groups)


def first_rows(path: Path, most: int) -> Any:
    """Return the first rows of files as a DataFrame.

    Raises
    ------
    NotFound
        When there is none.
    ConfigurationError
        When it cannot be read.
    """
    files = find(path)
    columns, _ = known_columns(files)
    tables, rows = [], 0
    try:
        for batch in _whole_rows(files, columns):
            tables.append(pa.table(batch))
            rows += batch.num_rows
            if rows >= most:
                break
        # A column need not be in all of the files.
        table = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}", "name a file of Parquet or CSV") from error
    return table.slice(0, most).to_pandas()


def drawn_rows(path: Path, most: int, columns: Sequence[str], segment: Condition | None = None) -> tuple[Any, int]:
    """Return rows drawn from all of the files as a DataFrame, in their order, and of how many: always the same ones.

    Parameters
    ----------
    path
        The file or folder.
    most
        How many rows at the most; some more than twice as many are in memory.
    columns
        The columns, of which those are returned that are there.
    segment
        The rows to draw from; else all.

    Raises
    ------
    NotFound
        When there is none.
    ConfigurationError
        When it cannot be read.
    """
    files = find(path)
    known, _ = known_columns(files)
    wanted = [name for name in known if name in columns]
    also = [] if segment is None or segment.column in wanted else [segment.column]
    # Each row draws a number, and those with the lowest are kept.
    random, limit, seen = np.random.default_rng(0), 1.0, 0
    kept, drawn = pa.table({}), np.empty(0)
    try:
        for batch in _whole_rows(files, [*wanted, *also]):
            chosen = pa.table(batch if segment is None else batch.filter(_within(batch, segment)))
            numbers = random.random(chosen.num_rows)
            seen += chosen.num_rows
            low = numbers < limit
            # A column need not be in all of the files.
            kept = pa.concat_tables([kept, chosen.filter(pa.array(low))], promote_options="permissive")
            drawn = np.concatenate([drawn, numbers[low]])
            if len(drawn) > 2 * most:
                limit = float(np.partition(drawn, most)[most])
                kept, drawn = kept.filter(pa.array(drawn < limit)).combine_chunks(), drawn[drawn < limit]
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}", "name a file of Parquet or CSV") from error
    if len(drawn) > most:
        kept = kept.filter(pa.array(drawn < np.partition(drawn, most)[most]))
    return kept.select([name for name in wanted if name in kept.column_names]).to_pandas(), seen


def known_columns(files: TableFiles) -> tuple[list[str], list[str]]:
    """Return the columns that can be summarised, and those that cannot."""
    known = [name for name, kind in files.types.items() if arrow.is_known(kind)]
    return known, [name for name in files.types if name not in known]


def sketch(piece: Piece, profile: Profile, segments: Sequence[Condition], told: Told) -> None:
    """Take the rows of a piece that lie in all segments into a profile; ``told`` hears how many values were read.

    Raises
    ------
    ConfigurationError
        When the file cannot be read.
    """
    try:
        for batch in _batches(piece, segments):
            rows, names = batch.num_rows, list(piece.columns)
            kept = batch
            for segment in segments:
                kept = kept.filter(_within(kept, segment))
            profile.rows += kept.num_rows if piece.counts else 0
            for name in names:
                if (at := kept.schema.get_field_index(name)) >= 0:
                    arrow.take(profile.column(name), kept.column(at))
            told(rows * max(len(names), 1))
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError(
            f"cannot read {piece.file}: {' '.join(str(error).split())}", "check the file"
        ) from error


def _cut(what: Sequence[Any], size: int) -> Iterator[tuple[Any, ...]]:
    return (tuple(what[start : start + size]) for start in range(0, len(what), size))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith((".", "_")))
        tables = [one for one in found if one.name.endswith(PARQUET)] or [
            one for one in found if one.name.endswith(CSV)
        ]
        if not tables:
            raise NotFound(f"there is no file of Parquet or CSV in {path}", f"ls {path}")
        return tables
    if not path.is_file():
        raise NotFound(f"there is no file {path}", "check the path")
    if not path.name.endswith(PARQUET + CSV):
        raise ConfigurationError(f"{path} is neither Parquet nor CSV by its name", "name a .parquet or .csv file")
    if path.stat().st_size == 0:
        raise ConfigurationError(f"{path} is empty", "name a file of Parquet or CSV with rows")
    return [path]


def _batches(piece: Piece, segments: Sequence[Condition]) -> Iterator[Any]:
    wanted = list(dict.fromkeys((*piece.columns, *(one.column for one in segments))))
    if piece.groups is None:
        with _csv(Path(piece.file), wanted) as reader:
            yield from reader
        return
    first = pq.ParquetFile(piece.file)
    present = [name for name in wanted if first.schema_arrow.get_field_index(name) >= 0]
    texts = [name for name in present if _is_text(first.schema_arrow.field(name).type)]
    # Texts come as numbers of a dictionary, which are counted; read ahead, a whole row group would lie in memory.
    file = pq.ParquetFile(piece.file, read_dictionary=texts, pre_buffer=False, buffer_size=1 << 20)
    yield from file.iter_batches(BATCH_ROWS, list(piece.groups), present, use_threads=False)


def _whole_rows(files: TableFiles, columns: Sequence[str]) -> Iterator[Any]:
    """Yield the rows of all files in their order, with texts as texts."""
    for name in files.files:
        if files.rows is None:
            with _csv(Path(name), list(columns)) as reader:
                yield from reader
        else:
            file = pq.ParquetFile(name)
            present = [one for one in columns if file.schema_arrow.get_field_index(one) >= 0]
            yield from file.iter_batches(BATCH_ROWS, columns=present)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _csv(file: Path, columns: Sequence[str] | None) -> pyarrow.csv.CSVStreamingReader:
    """Open a file of CSV; the beginning tells the types, of which whole numbers may become others later."""
    reading = pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK_BYTES, use_threads=False)
    with pyarrow.csv.open_csv(file, reading) as first:
        types = {field.name: later(field.type) for field in first.schema}
    present = None if columns is None else [name for name in columns if name in types]
    converting = pyarrow.csv.ConvertOptions(column_types=types, include_columns=present, strings_can_be_null=True)
    return pyarrow.csv.open_csv(file, reading, convert_options=converting)


def _within(batch: Any, segment: Condition) -> Any:
    at = batch.schema.get_field_index(segment.column)
    if at < 0:
        # A column need not be in all of the files, as where another version takes other ones: nothing is so there.
        return pa.repeat(pa.scalar(value=False), batch.num_rows)
    return segment.holds(batch.column(at))
