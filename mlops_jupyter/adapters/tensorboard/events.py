"""Metrics as TensorBoard's event files, written by its own writer, which needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from ...records import Point

_MS = 1000


class TensorBoardEvents:
    """Event files below a folder, a folder each for runs.

    Parameters
    ----------
    folder
        What TensorBoard calls the log directory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, EventFileWriter] = {}

    def write(self, run: str, points: Iterable[Point]) -> None:
        """Write points of a run; they can be read when this returns."""
        writer = self._writers.get(run)
        if writer is None:
            # Whoever went on writing a run begins another file in its folder; TensorBoard reads them as one.
            writer = self._writers[run] = EventFileWriter(str(self._folder / run))
        for name, value, time_ms, step, *_ in points:
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            writer.add_event(Event(wall_time=time_ms / _MS, step=step, summary=summary))
        writer.flush()

    def end(self, run: str) -> None:
        """Close a run's file, if one is open."""
        writer = self._writers.pop(run, None)
        if writer is not None:
            writer.close()
