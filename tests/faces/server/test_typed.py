"""The front end's types are what the server sends."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import get_args

import pytest

from mlops_jupyter import grammar
from mlops_jupyter.errors import NotFound
from mlops_jupyter.faces import render
from mlops_jupyter.faces.server import routes, worker
from mlops_jupyter.grammar.values import Kind
from mlops_jupyter.records import ModelTable, RegisteredVersion, Run, RunTable
from mlops_jupyter.verbs import VERBS, Verb
from tests import write_types
from tests.conftest import REPOSITORY

API, EVENTS = (
    (REPOSITORY / "labextension" / "src" / "lab" / name).read_text(encoding="utf-8") for name in ("api.ts", "events.ts")
)
GENERATED = write_types.TARGET.read_text(encoding="utf-8")


def interface(name: str, source: str = API) -> list[str]:
    """Return the names of an interface's members."""
    found = re.search(rf"export interface {name}\b[^{{]*{{(.*?)\n}}", source, re.DOTALL)
    assert found is not None
    return re.findall(r"^  (?:readonly )?(\w+)\??:", found[1], re.MULTILINE)


def test_what_is_generated_is_up_to_date():
    written = write_types.TARGET.read_text(encoding="utf-8")
    assert written == write_types.page(), "a verb, a record or an error has changed: run make docs"
    assert write_types.LINES.read_text(encoding="utf-8") == write_types.lines(), "a verb has changed: run make docs"


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.place != "code"])
def test_a_verb_s_description(name):
    told = grammar.describe(name)
    assert set(interface("VerbLine") + interface("Verb")) == set(told)
    assert set(interface("VerbLine")) - {"name"} == set(Verb._fields) - {"target"}
    for parameter in told["parameters"]:
        assert set(interface("Parameter")) == set(parameter)
        assert parameter["kind"] in get_args(Kind)


def test_runs_and_models():
    page = render.data(RunTable((Run("0" * 32, "fit", "churn", "FINISHED"),), "churn", "", "", "x"))
    assert interface("RunPage") == list(page)
    assert interface("RunRow") == list(page["runs"][0])
    models = render.data(ModelTable((RegisteredVersion("churn", "1", "x"),), None, "x"))
    assert interface("ModelTable", GENERATED) == list(models)
    assert interface("RegisteredVersion", GENERATED) == list(models["versions"][0])


def test_what_a_verb_is_called_with():
    # The browser never waits within the request.
    assert {*interface("Request"), "wait"} == routes._WORDS


def told(verb: str, **arguments: object) -> list[dict[str, object]]:
    """Run a verb as the server's worker does, and return what it tells."""
    channel = io.StringIO()
    request = {"verb": verb, "arguments": arguments, "yes": True, "form": "shown"}
    worker._run(request, worker.LineReporter(channel))
    return [json.loads(line) for line in channel.getvalue().splitlines()]


def test_how_a_verb_at_work_is_told(project):
    (well,), (ill,) = told("status"), told("undeploy", name="churn")
    failed = {"event": "result", "failed": True, "data": {}, **worker.said(NotFound("x"))}
    assert (well["event"], ill["event"]) == ("result", "error")
    assert set(interface("Ended", EVENTS)) == {*well, *ill, *failed}
    source = Path(worker.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r'\btell\(\s*"(\w+)"', source)) | {"started", "missed"}
    event = re.search(r"export type Event =(.*?);\n\n", EVENTS, re.DOTALL)
    ended = re.search(r"export interface Ended {\n  event: ([^;]*);", EVENTS)
    assert event is not None
    assert ended is not None
    assert set(re.findall(r'"(\w+)"', event[1] + ended[1])) == names | {"away"}, "which the page says to itself"
