"""What a server answers under load, by wrk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from .serving_servers import HEADERS

_SCRIPT = """
wrk.method = "POST"
local told = io.open("{body}", "rb")
wrk.body = told:read("*a")
told:close()
{headers}
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\n{{"requests": %d, "us": %d, "p50_us": %d, "p99_us": %d, "errors": %d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What one server did under one load."""

    rate: float
    p50_ms: float
    p99_ms: float
    errors: int


def require() -> None:
    """See to it that wrk is there."""
    if shutil.which("wrk") is None:
        sys.exit("the benchmark of serving needs wrk: apt-get install wrk")


def load(url: str, body: bytes, connections: int, seconds: int, folder: Path) -> Load:
    """Ask a server for so long over so many connections, with one thread."""
    told = folder / "body"
    told.write_bytes(body)
    script = folder / "wrk.lua"
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in HEADERS.items())
    script.write_text(_SCRIPT.format(body=told, headers=headers), encoding="utf-8")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return Load(said["requests"] / said["us"] * 1e6, said["p50_us"] / 1e3, said["p99_us"] / 1e3, said["errors"])


def plain(found: Load) -> dict[str, float]:
    """Return it as JSON has it."""
    return asdict(found)
