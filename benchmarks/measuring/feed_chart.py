"""Feed a live chart in this process, a real kernel, for some seconds; print what the kernel spent on it as JSON.

The training loop is a sleeping main thread, so all the processor time of the process is the chart's and the kernel's
own; ``none`` measures the latter alone.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from typing import Any

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy", "lr")
SLOT = struct.Struct("<qqdHB4xB")


class Source:
    """A run that logs each metric so many times a second."""

    def __init__(self, rate: int) -> None:
        self._rate, self._began, self.step = rate, time.monotonic(), 0

    def read(self) -> list[tuple[str, tuple[str, ...], bytes]]:
        due = int((time.monotonic() - self._began) * self._rate)
        now = int(time.time() * 1_000)
        slots = b"".join(
            SLOT.pack(step, now, 1 / (1 + step), key, 1, 1) for step in range(self.step, due) for key in range(5)
        )
        self.step = due
        return [("fit", METRICS, slots)]


def counted(session: Any) -> list[tuple[int, int]]:
    """Count the bytes of each comm message of the session: content with buffers, and all frames."""
    sizes: list[tuple[int, int]] = []
    send = session.send

    def counting(stream: Any, kind: Any, *words: Any, **named: Any) -> Any:
        message = send(stream, kind, *words, **named)
        if kind == "comm_msg":
            frames = session.serialize(message)
            buffers = sum(len(buffer) for buffer in named.get("buffers") or ())
            sizes.append((len(frames[-1]) + buffers, sum(len(frame) for frame in frames) + buffers))
        return message

    session.send = counting
    return sizes


def main(case: str, seconds: float, rate: int, *, count: bool) -> None:
    from ipykernel.kernelbase import Kernel

    source = Source(rate)
    sizes = counted(Kernel.instance().session) if count else []
    stop: Any = lambda: None  # noqa: E731
    chart: Any = None
    if case.startswith("live chart"):
        from mlops_jupyter.widgets.live_chart import LiveChart
        from mlops_jupyter.widgets.ticker import Ticker

        chart = LiveChart("fit")
        ticker = Ticker(chart, source.read, sample_resources="resources" in case)
        ticker.start()
        stop = ticker.stop
    elif case == "list trait":
        stop = list_trait(source)
    elif case == "thread that only reads":
        stop = ticking(source.read)
    time.sleep(1)  # imports and the first message are not what a point costs
    del sizes[:]
    before_points = chart.points if chart else 0
    cpu, wall = time.process_time(), time.monotonic()
    time.sleep(seconds)
    spent = (time.process_time() - cpu) / (time.monotonic() - wall)
    points = (chart.points if chart else source.step * 5) - before_points
    error = stop()
    if error is not None:
        raise error
    own, whole = (sum(size) for size in zip(*sizes, strict=True)) if sizes else (0, 0)
    told = {"share": spent, "messages": len(sizes), "own": own, "bytes": whole, "points": points}
    print(json.dumps(told), flush=True)


def ticking(work: Any) -> Any:
    """Call something in a thread, as often as the chart does; return what stops it."""
    from threading import Event, Thread

    from mlops_jupyter.widgets.ticker import TICK_S

    ends = Event()

    def run() -> None:
        while not ends.wait(TICK_S):
            work()

    thread = Thread(target=run, daemon=True)
    thread.start()

    def stop() -> None:
        ends.set()
        thread.join()

    return stop


def list_trait(source: Source) -> Any:
    """Show the same with an anywidget whose series are lists that synchronise whole."""
    import anywidget
    import traitlets

    class Lists(anywidget.AnyWidget):  # type: ignore[misc]
        _esm = "export default { render() {} }"
        series = traitlets.Dict().tag(sync=True)

    widget = Lists()
    kept: dict[str, list[tuple[int, float]]] = {name: [] for name in METRICS}

    def work() -> None:
        for step, _, value, key, _, _ in SLOT.iter_unpack(source.read()[0][2]):
            kept[METRICS[key]].append((step, value))
        widget.series = {name: list(points) for name, points in kept.items()}

    return ticking(work)


if __name__ == "__main__":
    sys.exit("run me inside a kernel: main(case, seconds, rate, count=…)")
