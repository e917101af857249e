"""What drift is looked for in, and what it is compared with."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from .. import settings
from ..capabilities.conditions import Condition
from ..capabilities.drift import Baseline, Profile, settled
from ..capabilities.drift.files import CSV, PARQUET, TableFiles, find, known_columns
from ..capabilities.drift.quantities import sketch_size
from ..capabilities.drift.sketching import profile_of
from ..capabilities.drift.tables import baseline_of, within
from ..capabilities.drift.tables import profile_of as profile_of_table
from ..capabilities.endpoints import PlannedVersion, windows
from ..capabilities.endpoints.folder import PART_S, EndpointFolder, endpoint_folder
from ..errors import CommandError, ConfigurationError, NotFound
from . import packages

# Values looked at so far, and of how many if that is known.
Told = Callable[[str, int, int], None]


class Asked(NamedTuple):
    """What somebody wants to know of data.

    Attributes
    ----------
    columns
        The columns to look at; none for all.
    segment
        The rows to look at.
    told
        Hears how far the reading is.
    cancelled
        Tells whether to stop.
    """

    columns: tuple[str, ...] = ()
    segment: Condition | None = None
    told: Told = lambda *_: None
    cancelled: Callable[[], bool] = lambda: False

    @property
    def segments(self) -> tuple[Condition, ...]:
        """The segment, if there is one."""
        return () if self.segment is None else (self.segment,)


@dataclass(frozen=True)
class Now:
    """What there is now.

    Attributes
    ----------
    name
        The deployment, or the file.
    features, predictions
        The summaries.
    version, since, until
        Of a deployment.
    unseen
        Columns that are not looked at.
    notes
        Sentences the user should read.
    """

    name: str
    features: Profile
    predictions: Profile | None = None
    version: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    unseen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def baseline(current: settings.Settings, given: object, asked: Asked) -> Baseline:
    """Return what a word or a table means as a baseline.

    Parameters
    ----------
    current
        The project's settings.
    given
        A table, a file or folder of Parquet or CSV, a baseline's file, a deployment, or a model as of
        `packages.resolved`.
    asked
        What is asked; of a table, also which rows.

    Raises
    ------
    NotFound
        When there is no such thing, or it has no baseline.
    ConfigurationError
        When it cannot be read.
    """
    if not isinstance(given, str | Path):
        table = _rows(given, asked)
        return baseline_of(table, None, "the data", size=_size(table))
    path = Path(given).expanduser()
    if is_deployment(current, given):
        return of_version(str(given), planned(current, str(given), None))
    if path.suffix == ".json" and path.is_file():
        return read(path, str(given))
    if is_data(path):
        files = find(path)
        made = settled(_sketched(files, Profile(), asked))
        return Baseline(made, None, f"{given} ({made.rows:,} rows)")
    name = str(given)
    if name.endswith(PARQUET + CSV):
        raise NotFound(f"there is no file {name}", "name a file or folder of Parquet or CSV that is there")
    package = packages.resolved(current, name)
    if package.baseline is None:
        raise NotFound(
            f"the model {package.source} has no baseline", "log it again with --data, or name the training data"
        )
    return read(Path(package.baseline), package.source)


def of_version(name: str, version: PlannedVersion) -> Baseline:
    """Return the baseline of a version that is deployed.

    Raises
    ------
    NotFound
        When it has none.
    ConfigurationError
        When it cannot be read.
    """
    if version.baseline is None or not Path(version.baseline).is_file():
        source = version.source if version.source.startswith("models:/") else "MODEL"
        raise NotFound(
            f"version {version.version} of {name} has no baseline, so that drift cannot be told",
            f"mlops deploy {source} --name {name} --data TRAINING.parquet",
        )
    return read(Path(version.baseline), f"version {version.version} of {name}")


def read(file: Path, what: str) -> Baseline:
    """Return the baseline in a file.

    Raises
    ------
    ConfigurationError
        When it cannot be read, or is of a schema version that is not known.
    """
    try:
        return Baseline.from_json(file.read_bytes())
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"the baseline of {what} cannot be used: {said}", "log the model again with --data"
        ) from error


def planned(current: settings.Settings, name: str, version: str | None) -> PlannedVersion:
    """Return a version that a deployment serves: the one that is named, else that with the most traffic.

    Raises
    ------
    NotFound
        When there is no such deployment or version.
    """
    plan = _folder(current, name).plan()
    if plan is None or not plan.versions:
        raise NotFound(f"{name} serves nothing", f"mlops deployments {name}")
    if version is None:
        return max(plan.versions, key=lambda one: (not one.shadow, one.percent))
    found = [one for one in plan.versions if one.version == version]
    if not found:
        served = ", ".join(one.version for one in plan.versions)
        raise NotFound(f"{name} does not serve version {version}, but {served}", f"mlops deployments {name}")
    return found[0]


def seen(folder: EndpointFolder, version: str, since_s: float, like: Baseline, asked: Asked) -> Now:
    """Return what a deployed version was asked and has answered.

    All rows are in the summaries of windows; the rows of a segment are found among those whose values were kept.

    Raises
    ------
    NotFound
        When there is a segment, and no values were kept.
    """
    name, watch = folder.name, folder.watch
    until = time.time()
    since = until - since_s
    told: dict[str, Any] = {"name": name, "version": version, "until": datetime.fromtimestamp(until, UTC)}
    told["since"] = datetime.fromtimestamp(since, UTC)
    plan = folder.plan()
    told["unseen"] = () if plan is None else plan.monitoring.redact
    if asked.segment is not None:
        return _sampled(watch / "payloads", since, like, asked, told)
    found = _summed(watch, version, since, until)
    if found is None:
        said = f"nothing that version {version} of {name} was asked has been summed up in this time"
        others = () if plan is None else tuple(one.version for one in plan.versions if one.version != version)
        return Now(features=Profile(), notes=(said, *_others(watch, others, since, until)), **told)
    return Now(features=found.features, predictions=found.predictions, **told)


def _summed(watch: Path, version: str, since: float, until: float) -> windows.Window | None:
    return windows.merged(windows.read(windows.folder_of(watch, version), int(since * 1000), int(until * 1000)))


def _others(watch: Path, versions: Iterable[str], since: float, until: float) -> Iterator[str]:
    """Say what others were asked meanwhile."""
    for version in versions:
        found = _summed(watch, version, since, until)
        if found is not None:
            yield f"version {version} was asked about {found.features.rows:,} rows: --version {version}"


def of_data(given: object, like: Baseline, asked: Asked) -> Now:
    """Return what is in a table, or in files.

    Raises
    ------
    NotFound
        When there is no such file.
    ConfigurationError
        When it cannot be read.
    """
    outputs = () if like.predictions is None else tuple(like.predictions.names)
    kinds = like.features.like()
    for output in outputs:
        if like.predictions is not None and output not in kinds.columns:
            kinds.columns[output] = like.predictions.columns[output].like()
    notes: tuple[str, ...] = ()
    if isinstance(given, str | Path):
        name = str(given)
        files = find(Path(given).expanduser())
        if unknown := known_columns(files)[1]:
            notes = (f"columns whose values cannot be summed up were left out: {', '.join(unknown)}",)
        whole = _sketched(files, kinds, asked, kinds.names)
        for column in files.types:
            # Its name is all that is wanted of what the baseline does not know.
            whole.column(column)
    else:
        table = _rows(given, asked)
        name, whole = "the new data", profile_of_table(table, like=kinds, size=_size(table))
    said = [output for output in outputs if output not in like.features.columns]
    answered = [output for output in said if output in whole.columns and whole.columns[output].rows]
    predictions = whole.only(answered) if answered else None
    features = whole.only([column for column in whole.names if column not in said])
    return Now(name=name, features=features, predictions=predictions, notes=notes)


def check_columns(wanted: Iterable[str], known: Sequence[str], option: str = "--columns") -> None:
    """Raise `CommandError` for a column that is not known."""
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise CommandError(
                f"the baseline has no feature {name}", f"did you mean {near[0]}?" if near else f"leave {option} out"
            )


def is_rows(current: settings.Settings, given: object) -> bool:
    """Tell whether what stands for a baseline is rows, and not a summary of all of them."""
    if not isinstance(given, str | Path):
        return True
    return not is_deployment(current, given) and is_data(Path(given).expanduser())


def is_deployment(current: settings.Settings, given: str | Path) -> bool:
    """Tell whether a word is the name of a deployment; a folder of that name does not hide it, and is ``./NAME``."""
    if not isinstance(given, str) or "/" in given or "@" in given or not given.strip("."):
        return False
    return endpoint_folder(current.state, given).path.is_dir()


def is_data(path: Path) -> bool:
    """Tell whether a path is a file or folder of data that is there."""
    return (
        path.is_dir() and not (path / "MLmodel").is_file() if not path.is_file() else path.name.endswith(PARQUET + CSV)
    )


def _rows(table: Any, asked: Asked) -> Any:
    return table if asked.segment is None else within(table, asked.segment)


def _size(table: Any) -> int:
    return sketch_size(len(table), np.shape(table)[1] if np.ndim(table) > 1 else 1)


def _sampled(payloads: Path, since: float, like: Baseline, asked: Asked, told: dict[str, Any]) -> Now:
    if not payloads.is_dir() or not any(payloads.glob("[!.]*.parquet")):
        raise NotFound(
            f"{told['name']} has kept no rows, so that those of a segment cannot be told",
            "sample = 1.0 under [monitoring]",
        )
    # A file may have begun a while before, and rows of the time all the same.
    files = find(payloads).from_name(f"{int((since - PART_S) * 1000):013d}")
    also = Condition("version", "=", told["version"]), Condition("at", ">=", told["since"].isoformat())
    features = _sketched(files, like.features.like(), asked, like.features.names, also)
    predictions = None
    if like.predictions is not None:
        outputs = [one for one in like.predictions.names if one in files.types]
        predictions = _sketched(files, like.predictions.like(), asked, outputs, also)
    notes = ("the rows of the segment are those whose values were kept; the baseline is of all rows",)
    return Now(features=features, predictions=predictions, notes=notes, **told)


def _sketched(
    files: TableFiles, like: Profile, asked: Asked, columns: Sequence[str] | None = None, also: Sequence[Condition] = ()
) -> Profile:
    """Sum files up, and tell how far it is."""
    known, _ = known_columns(files)
    if columns is None:
        check_columns(asked.columns, known)
    for segment in asked.segments:
        if segment.column not in files.types:
            raise CommandError(f"there is no column {segment.column} in {files.path}", "--segment column=value")
        # What cannot be compared so is an error before anything is read.
        segment.holds(pa.array([], files.types[segment.column]))
    wanted = [
        one for one in known if (columns is None or one in columns) and (not asked.columns or one in asked.columns)
    ]
    total = 0 if files.rows is None else files.rows * len(wanted)
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        if done < total or not total:
            # Of how many values of CSV there are, nobody knows.
            asked.told(files.path.name, done if total else 0, max(total, 1))

    made = profile_of(files, wanted, like, segments=(*also, *asked.segments), told=told, cancelled=asked.cancelled)
    if not asked.cancelled():
        asked.told(files.path.name, max(total, 1), max(total, 1))
    return made


def _folder(current: settings.Settings, name: str) -> EndpointFolder:
    folder = endpoint_folder(current.state, name)
    if not folder.path.is_dir():
        raise NotFound(f"there is no deployment {name}", "mlops deployments; or mlops drift BASELINE NOW for two files")
    return folder
