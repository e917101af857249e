"""The ways of logging one number that are compared, each as code: setup once, log once a point, end, count later.

Code, as with timeit, so that no call of ours stands between the clock and theirs. It runs in a process of its own, in
the environment that the way names, with a folder of its own as working directory; `step` and `value` are set. `count`
runs in another process afterwards and prints how many points are kept.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """One way of logging: `peer` is the environment it runs in, empty for ours; `calls` are timed in a round."""

    label: str
    setup: str
    log: str
    end: str = ""
    count: str = ""
    peer: str = ""
    over_http: bool = False
    calls: int = 5_000


# Of MLflow's own store, so that no code of ours counts for us.
_IN_SQLITE = """
import sqlite3
print(sqlite3.connect("file:.mlops/mlflow.db?mode=ro", uri=True).execute("SELECT count(*) FROM metrics").fetchone()[0])
"""
# A LevelDB log: blocks of 32 kB, in which a record stands whole or in parts. The service outlives its client a while.
_IN_WANDB = """
import glob, struct, time
from wandb.proto.wandb_internal_pb2 import Record
time.sleep(3)
points, whole = 0, b""
for file in glob.glob("wandb/offline-run-*/*.wandb"):
    data, at = open(file, "rb").read(), 7
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        if kind == 0 or at + 7 + size > len(data):
            break
        whole = (whole if kind in (3, 4) else b"") + data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            points += Record.FromString(whole).WhichOneof("record_type") == "history"
print(points)
"""
_IN_EVENTS = """
import glob, struct
from tensorboardX.proto.event_pb2 import Event
points = 0
for file in glob.glob("events/*"):
    data, at = open(file, "rb").read(), 0
    while at + 12 <= len(data) and at + 16 + (size := struct.unpack_from("<Q", data, at)[0]) <= len(data):
        points += len(Event.FromString(data[at + 12 : at + 12 + size]).summary.value)
        at += 16 + size
print(points)
"""
_OURS = 'import mlops_jupyter as mlops\nbody = mlops.track("bench", autolog=False)\nbody.__enter__()'
_OURS_ENDS = "body.__exit__(None, None, None)"
_MLFLOW = "import mlflow\nmlflow.start_run()"
_NULL = (
    "import null_store\nnull_store.register()\nimport mlflow\nmlflow.set_tracking_uri('null://')\nmlflow.start_run()"
)
_EVENTS = 'from tensorboardX import SummaryWriter\nwriter = SummaryWriter("events")'
_AIM = 'import aim\nrun = aim.Run(repo=".", system_tracking_interval=None, log_system_params=False)'
_WANDB = 'import wandb\nrun = wandb.init(mode="offline", project="bench", dir=".")'
_LOG_METRIC = 'mlflow.log_metric("loss", value, step=step)'
_LATER = 'mlflow.log_metric("loss", value, step=step, synchronous=False)'
# MLflow would flush its queue for many seconds, and print where the run is.
_AT_ONCE = "import os\nos._exit(0)"

WAYS: dict[str, Way] = {
    "write": Way(
        "os.write of the 32 bytes",
        'import os\nfd = os.open("points", os.O_WRONLY | os.O_CREAT | os.O_APPEND)\nslot = bytes(32)',
        "os.write(fd, slot)",
        count='import os\nprint(os.stat("points").st_size // 32)',
        calls=20_000,
    ),
    "ours": Way("mlops.log, sqlite", _OURS, "mlops.log(loss=value)", _OURS_ENDS, _IN_SQLITE, calls=20_000),
    "ours, HTTP": Way("mlops.log, server", _OURS, "mlops.log(loss=value)", _OURS_ENDS, over_http=True, calls=20_000),
    "plugin": Way(
        "mlflow.log_metric in a tracked body",
        f"import mlflow\n{_OURS}",
        _LOG_METRIC,
        _OURS_ENDS,
        _IN_SQLITE,
        calls=10_000,
    ),
    # In the environment of ours: MLflow looks for pyspark at each metric, which takes longer the more is installed.
    "null": Way("mlflow.log_metric, null store", _NULL, _LOG_METRIC, _AT_ONCE, calls=10_000),
    "tensorboardX": Way(
        "tensorboardX", _EVENTS, 'writer.add_scalar("loss", value, step)', "writer.close()", _IN_EVENTS, "tensorboardX"
    ),
    "Aim": Way("Aim", _AIM, 'run.track(value, name="loss", step=step)', "run.close()", peer="aim"),
    "wandb": Way("wandb offline", _WANDB, 'run.log({"loss": value})', "run.finish()", _IN_WANDB, "wandb"),
    "MLflow async": Way("MLflow async, sqlite", _MLFLOW, _LATER, _AT_ONCE, _IN_SQLITE, "mlflow", calls=1_000),
    "MLflow": Way("mlflow.log_metric, sqlite", _MLFLOW, _LOG_METRIC, _AT_ONCE, _IN_SQLITE, "mlflow", calls=200),
    "MLflow async, HTTP": Way(
        "MLflow async, server", _MLFLOW, _LATER, _AT_ONCE, "", "mlflow", over_http=True, calls=1_000
    ),
    "MLflow, HTTP": Way(
        "mlflow.log_metric, server", _MLFLOW, _LOG_METRIC, _AT_ONCE, "", "mlflow", over_http=True, calls=100
    ),
}
