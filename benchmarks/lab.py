"""What the extension adds to the opening of JupyterLab, in Chromium: the time until JupyterLab says it is restored.

Two servers hold the same notebook, one with both halves of the extension disabled. Each round opens it at each of them
in a fresh browser context, so that nothing is cached, by turns in the other order.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import measuring
from measuring import HERE, milliseconds, number, options, progress, ratio, table, verdict, write_json
from playwright.sync_api import Browser, sync_playwright

CASES = ("without", "with the extension")
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
LIMIT_MS = 100
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
RESTORED = "() => window.jupyterapp?.restored.then(() => performance.now())"


@contextmanager
def server(home: Path, *, extension: bool) -> Iterator[str]:
    """Run a JupyterLab with or without the extension of this checkout; yield its address."""
    repository = HERE.parent
    found = home / "jupyter" / "labextensions"
    found.mkdir(parents=True)
    (found / "mlops-jupyter").symlink_to(repository / "mlops_jupyter" / "labextension")
    labconfig = home / ".jupyter" / "labconfig"
    labconfig.mkdir(parents=True)
    disabled = {} if extension else {"mlops-jupyter": True}
    (labconfig / "page_config.json").write_text(json.dumps({"disabledExtensions": disabled}))
    work = home / "work"
    work.mkdir()
    (work / "empty.ipynb").write_text(json.dumps(NOTEBOOK))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    words += ["--ServerApp.port_retries=0", "--IdentityProvider.token=t", "--LabApp.expose_app_in_browser=True"]
    words += [f"--ServerApp.root_dir={work}", f"--ServerApp.jpserver_extensions={{'mlops_jupyter': {extension}}}"]
    path = f"{repository}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = measuring.environment(home, JUPYTER_PATH=str(home / "jupyter"), PYTHONPATH=path)
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(words, cwd=work, env=environment, start_new_session=True, **quiet)
    try:
        wait_until_up(f"http://127.0.0.1:{port}/api/status?token=t", process)
        yield f"http://127.0.0.1:{port}/lab/tree/empty.ipynb?token=t&reset"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 -- loopback
                return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("JupyterLab did not start") from error
            time.sleep(0.2)


def opened(browser: Browser, address: str) -> float:
    """Open JupyterLab with nothing cached; return the milliseconds until it is restored."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(address)
        page.wait_for_function("() => window.jupyterapp !== undefined", timeout=120_000)
        return float(page.evaluate(RESTORED))
    finally:
        context.close()


def main() -> None:
    told = options(__doc__ or "", rounds=12)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install chromium")
    print(measuring.machine())
    values: dict[str, list[float]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second, sync_playwright() as tool:
        homes = dict(zip(CASES, (Path(first), Path(second)), strict=True))
        with server(homes[CASES[0]], extension=False) as without, server(homes[CASES[1]], extension=True) as with_it:
            addresses = dict(zip(CASES, (without, with_it), strict=True))
            browser = tool.chromium.launch(executable_path=chromium, args=FLAGS)
            for case in CASES:
                opened(browser, addresses[case])  # the server's own first time
            for place in range(told.rounds):
                for case in CASES if place % 2 else CASES[::-1]:
                    progress(f"round {place + 1}: {case}")
                    values[case].append(opened(browser, addresses[case]))
            browser.close()
    plain = values[CASES[0]]
    rows = [(case, milliseconds(values[case]), ratio(values[case], plain)) for case in CASES]
    print(table(("JupyterLab", "restored after", "ratio to without"), rows))
    more = median(measuring.added(values[CASES[1]], plain))
    print(verdict(f"the extension costs under {number(LIMIT_MS)} ms at the opening", more, LIMIT_MS, "ms"))
    write_json(told.json, values)


if __name__ == "__main__":
    main()
