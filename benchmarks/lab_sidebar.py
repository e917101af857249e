"""The Runs section of JupyterLab's sidebar over a store of many runs, and what a verb costs that a browser calls.

    .venv/bin/python benchmarks/lab_sidebar.py [--runs N] [--rounds N] [--json FILE]

Each round opens JupyterLab in a fresh browser context, waits as long as somebody takes to find the sidebar, and opens
it: the value is the time from the click until rows are drawn. Then the table is scrolled through without a pause, ten
rows a frame, and frames are counted as Chromium makes them; then the sidebar is closed, and the requests are counted of
the time in which an open one would ask three times. A verb is `runs`, with the first hundred of these, as the section
asks for them: forked as the server does it, beside a worker that is started, which is how it was done before.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import measuring
from lab import FLAGS, RESTORED, server
from measuring import HERE, Failed, ask, milliseconds, number, options, progress, ratio, table, verdict, write_json
from playwright.sync_api import Browser, Page, Request, sync_playwright

EXPERIMENT, ASKED = "churn", {"limit": 100}
ROWS = ".mlops-Row:not([hidden])"
FIRST_MS, FRAMES, VERB_MS = 1000, 50, 300
LOOK_S, HIDDEN_S, SCROLL_MS = 6, 30, 4000
SHOWN = """async (rows) => {
    const before = performance.now();
    window.jupyterapp.commands.execute('mlops:show-sidebar');
    while (document.querySelector(rows) === null) await new Promise(requestAnimationFrame);
    return performance.now() - before;
}"""
SCROLLED = """async (length) => {
    const table = document.querySelector('.mlops-RunTable');
    const times = [];
    await new Promise((done) => {
        const step = (now) => {
            times.push(now);
            const end = table.scrollTop + table.clientHeight >= table.scrollHeight;
            table.scrollTop = end ? 0 : table.scrollTop + 240;
            now - times[0] < length ? requestAnimationFrame(step) : done();
        };
        requestAnimationFrame(step);
    });
    const gaps = times.slice(1).map((time, place) => time - times[place]);
    return { frames: (1000 * gaps.length) / (times.at(-1) - times[0]), longest: Math.max(...gaps) };
}"""


def main() -> None:
    told = options(__doc__ or "", rounds=5, more=_more)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install chromium")
    print(measuring.machine())
    with tempfile.TemporaryDirectory() as first, sync_playwright() as tool:
        home = Path(first)
        with server(home, extension=True) as address:
            fill(home, told.runs)
            browser = tool.chromium.launch(executable_path=chromium, args=FLAGS)
            opened(browser, address)  # the server's own first time
            found: list[dict[str, Any]] = []
            for place in range(told.rounds):
                progress(f"sidebar, round {place + 1}")
                found.append(opened(browser, address))
            browser.close()
            values = {name: [one[name] for one in found] for name in found[0]}
            values |= verbs(home, address, told.rounds)
    say(values, told.runs)
    write_json(told.json, values)


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=10_000, help="how many runs the store has [10000]")


def fill(home: Path, runs: int) -> None:
    state = home / "work" / ".mlops"
    state.mkdir()
    (home / "work" / "mlops.toml").write_text(f'experiment = "{EXPERIMENT}"\n')
    words = [sys.executable, "-P", HERE / "fill_store.py", state / "mlflow.db", EXPERIMENT, str(runs)]
    answer = ask(words, cwd=home, env=measuring.environment(home))
    if isinstance(answer, Failed):
        raise SystemExit(answer.why)


def opened(browser: Browser, address: str) -> dict[str, Any]:
    """Open JupyterLab and its sidebar once; return what was measured."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: note(request, asked))
        page.goto(address)
        page.wait_for_function("() => window.jupyterapp !== undefined", timeout=120_000)
        page.evaluate(RESTORED)
        page.wait_for_timeout(1000 * LOOK_S)
        shown = float(page.evaluate(SHOWN, ROWS))
        began = time.perf_counter()
        page.wait_for_function(
            "() => !/reading/.test(document.querySelector('.mlops-Runs .mlops-Section-foot').textContent)"
        )
        every = 1000 * (time.perf_counter() - began) + shown
        scrolled = page.evaluate(SCROLLED, SCROLL_MS)
        return {"first rows ms": shown, "all rows ms": every, **scrolled, "asked while hidden": hidden(page, asked)}
    finally:
        context.close()


def note(request: Request, asked: list[str]) -> None:
    if "/mlops-jupyter/verbs/" in request.url:
        asked.append(request.url)


def hidden(page: Page, asked: list[str]) -> int:
    """Close the sidebar, and count what is asked from then on."""
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.wait_for_timeout(500)
    before = len(asked)
    page.wait_for_timeout(1000 * HIDDEN_S)
    return len(asked) - before


def verbs(home: Path, address: str, rounds: int) -> dict[str, list[float]]:
    """Call `runs` by turns as the server does it and in a worker that is started."""
    base = address.partition("/lab/")[0]
    body = json.dumps({"arguments": ASKED, "form": "data"}).encode()
    headers = {"Authorization": "token t", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{base}/mlops-jupyter/verbs/runs", body, headers)  # noqa: S310 -- loopback
    line = json.dumps({"verb": "runs", "arguments": ASKED, "yes": False, "form": "data"}).encode() + b"\n"
    forked, started = [], []
    for place in range(rounds + 1):
        progress(f"verb, round {place}")
        began = time.perf_counter()
        with urllib.request.urlopen(asked, timeout=120) as answer:  # noqa: S310 -- loopback
            answer.read()
        forked.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        one(home, line)
        started.append(1000 * (time.perf_counter() - began))
    # The first of each is not the rule.
    return {"forked ms": forked[1:], "started ms": started[1:]}


def one(home: Path, line: bytes) -> None:
    """Run a worker until it has told its result."""
    words = [sys.executable, "-m", "mlops_jupyter.faces.server.worker"]
    environment = measuring.environment(home, PYTHONPATH=str(measuring.REPOSITORY))
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=home / "work",
        env=environment,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise SystemExit("a worker has no pipes")
        process.stdin.write(line)
        process.stdin.flush()
        if json.loads(process.stdout.readline())["event"] != "result":
            raise SystemExit("a worker did not tell its result")


def say(values: dict[str, list[float]], runs: int) -> None:
    heads = ("the Runs section", "median", "worst")
    frames = values["frames"]
    rows = [
        ("first rows, ms after the click", milliseconds(values["first rows ms"]), number(max(values["first rows ms"]))),
        (f"all {runs:,} rows, ms", milliseconds(values["all rows ms"]), number(max(values["all rows ms"]))),
        ("frames a second while scrolling", milliseconds(frames), number(min(frames))),
        ("longest frame, ms", milliseconds(values["longest"]), number(max(values["longest"]))),
    ]
    print(table(heads, rows))
    forked, started = values["forked ms"], values["started ms"]
    cases = [("started", milliseconds(started), "1"), ("forked", milliseconds(forked), ratio(forked, started))]
    print("\n" + table(("a verb's process", "ms", "ratio to started"), cases))
    print(verdict("first rows within 1 s", max(values["first rows ms"]), FIRST_MS, "ms"))
    print(verdict(f"a frame in {number(1000 / FRAMES)} ms while scrolling", 1000 / min(frames), 1000 / FRAMES, "ms"))
    print(verdict("a hidden sidebar asks nothing", max(values["asked while hidden"]), 0, "requests"))
    print(verdict(f"`POST verbs/runs` under {VERB_MS} ms when warm", max(forked), VERB_MS, "ms"))


if __name__ == "__main__":
    main()
