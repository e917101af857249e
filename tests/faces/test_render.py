"""Records as text, HTML and JSON: whatever is in them, the page stays whole and the JSON stays JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter import records
from mlops_jupyter.faces import render
from mlops_jupyter.faces.views import columns
from mlops_jupyter.records import (
    CellFailure,
    Check,
    Decision,
    Deployment,
    Diagnosis,
    Execution,
    Line,
    MetricPoint,
    Picture,
    Prediction,
    RolloutPolicy,
    Run,
    RunTable,
    ServedVersion,
    Setup,
    SetupStep,
    Status,
    WebPage,
)

EVIL = "<script>alert('x')</script>\"'&amp;<b>"
VOID = {"br", "hr", "img", "input", "wbr", "meta", "link"}


class Page(HTMLParser):
    """Reads HTML as a browser would, and complains about what a browser would have to mend."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def made(hint: Any, text: str, *, full: bool = True) -> Any:
    """Make a value of a record's field: each text in it is the one given."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return made(next(one for one in arguments if one is not NoneType), text) if full else None
    if origin is Literal:
        return arguments[0]
    if origin in {tuple, Sequence}:
        return (made(arguments[0], text),) * 3 if full else ()
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {f"{text}{number}": made(arguments[1], text) for number in range(20)} if full else {}
    if dataclasses.is_dataclass(hint):
        return record(hint, text, full=full)
    values = {
        str: text,
        int: 7,
        float: math.nan,
        MetricPoint: MetricPoint(7, 1_764_000_000_000, math.nan),
        Line: Line("-", text, ((0, 1),) if text else ()),
        Picture: Picture(text, 7, text),
        bool: True,
        object: text,
        datetime: datetime(2026, 11, 24, tzinfo=UTC),
    }
    return values[hint]


def record(kind: Any, text: str, *, full: bool = True) -> Any:
    hints = get_type_hints(kind)
    said = [field.name for field in dataclasses.fields(kind) if "unsaid" not in field.metadata]
    values = {name: made(hints[name], text, full=full) for name in said}
    if "duration_s" in values:
        values["duration_s"] = 61.0 if full else None  # a length is never NaN, as a metric may be
    return kind(**values)


EACH = pytest.mark.parametrize("name", list(render.VIEWS))


def test_every_record_that_a_verb_returns_has_a_view():
    from mlops_jupyter.grammar import verb_function
    from mlops_jupyter.verbs import VERBS

    hints = [get_type_hints(verb_function(verb))["return"] for verb in VERBS.values()]
    # A verb may return one of several records.
    returned = {kind for hint in hints for kind in (get_args(hint) if isinstance(hint, UnionType) else (hint,))}
    kinds = {kind.__name__ for kind in returned if getattr(kind, "__module__", "").startswith(records.__name__)}
    assert kinds <= set(render.VIEWS)
    assert {"Run", "Execution", "Batch"} <= kinds | {"Run"}


@EACH
@pytest.mark.parametrize(
    ("text", "full"),
    [("", False), ("", True), ("churn", True), (EVIL, False), (EVIL, True), ("größe 数据 🚀\u202e\u0301", True),
     ("x" * 100_000, True), ("two\nlines\ttab", True)],
    ids=["nothing", "empty", "plain", "evil-empty", "evil", "unicode", "long", "lines"],
)  # fmt: skip
def test_views(name, text, full):
    found = record(getattr(records, name), text, full=full)
    bundle = render.mime_bundle(found)
    assert set(bundle) == {"text/plain", "text/html", f"application/vnd.mlops-jupyter.{name.lower()}+json"}
    assert bundle["text/plain"] == render.text(found)
    assert bundle["text/plain"] or not full
    page = Page(bundle["text/html"])
    assert "script" not in {tag for tag, _ in page.tags}
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    json.loads(json.dumps(bundle[render.mime_type(found)], allow_nan=False))


@EACH
def test_hostile_text_is_shown_as_text(name):
    page = Page(render.mime_bundle(record(getattr(records, name), EVIL))["text/html"])
    assert "alert('x')" in page.text


@EACH
def test_the_html_needs_no_style_sheet_and_no_network(name):
    page = Page(render.mime_bundle(record(getattr(records, name), "churn"))["text/html"])
    assert {"style", "link", "script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert not any("class" in attributes for _, attributes in page.tags)


@EACH
@settings(max_examples=15)
@given(data=st.data())
def test_any_text_leaves_the_page_whole(name, data):
    found = record(getattr(records, name), data.draw(st.text(max_size=60)))
    Page(render.mime_bundle(found)["text/html"])


# --- JSON --------------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(VALUES)
def test_anything_becomes_json(value):
    found = Execution("n.ipynb", "o.ipynb", None, 1, {"value": value}, Run("r", "n", "e", "FINISHED"))
    words = json.dumps(render.as_json(found), allow_nan=False)
    assert json.loads(words) == render.as_json(found)


@given(st.dictionaries(st.text(), st.floats()))
def test_numbers_without_a_json_word_are_words(metrics):
    told = render.as_json(Run("r", "n", "e", "FINISHED", metrics=metrics))["metrics"]
    assert set(told) == set(metrics)
    for name, value in metrics.items():
        if math.isfinite(value):
            assert told[name] == value
        else:
            assert told[name] == ("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
            assert str(float(told[name])) == str(value)


def test_json_has_every_field_and_what_is_computed():
    run = Run(
        "ab", "fit", "churn", "FAILED", started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), duration_s=1.5,
        params={"depth": "3"}, metrics={"loss": math.inf},
        tags={"mlflow.source.type": "NOTEBOOK", "mlflow.source.name": "a/b.ipynb",
              "mlflow.source.git.commit": "c0ffee"},
        notes=("one", "two"),
    )  # fmt: skip
    told = render.as_json(run)
    assert set(told) == {field.name for field in dataclasses.fields(Run)} | {"notebook", "git_commit"}
    assert told["started"] == "2026-01-02T03:04:05+00:00"
    assert told["notes"] == ["one", "two"]
    assert told["metrics"] == {"loss": "Infinity"}
    assert (told["notebook"], told["git_commit"], told["parent"]) == ("a/b.ipynb", "c0ffee", None)


def test_what_is_no_record_is_shown_as_it_is():
    assert render.view("text") is None
    assert render.text(3) == "3"

    @dataclasses.dataclass
    class Run:
        """A user's own class, which happens to have the name of one of ours."""

        loss: float = 0.5

    assert render.view(Run()) is None


# --- what a person reads -----------------------------------------------------------------------------------------


def run(number: int, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "run_id": f"{number:032x}", "name": f"fit{number}", "experiment": "churn", "status": "FINISHED",
        "started": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number), "duration_s": 61.0,
    }  # fmt: skip
    return Run(**values | changes)


def test_the_card_of_a_failed_run():
    failed = run(1, status="FAILED", error="ValueError: no", params={"depth": "3"}, metrics={"acc": 0.123456789})
    assert render.text(failed).splitlines() == [
        f"FAILED  fit1 in churn  1 min 01 s  {1:032x}",
        "  ValueError: no",
        "  metrics: acc=0.123457",
        "  params: depth=3",
    ]


def test_the_card_of_an_untracked_run():
    lost = Run("", "", "", "UNTRACKED", notes=("not tracked: MLflow did not answer",))
    assert render.text(lost).splitlines() == ["UNTRACKED  run  –", "  note: not tracked: MLflow did not answer"]


def test_a_card_with_many_values_says_how_many_more():
    many = run(1, metrics={f"m{number:02}": number for number in range(15)})
    assert render.text(many).splitlines()[1].endswith(" … and 3 more")


def table(*runs: Run, **changes: Any) -> RunTable:
    values: dict[str, Any] = {"experiment": "churn", "query": "", "sort": "", "tracking_uri": "sqlite:///x"}
    return RunTable(runs, **values | changes)


def test_the_table_shows_metrics_most_runs_have_and_params_that_differ():
    runs = [
        run(n, params={"same": "1", "depth": str(n)}, metrics={"acc": n / 10} | ({"rare": 1.0} if n == 1 else {}))
        for n in (1, 2)
    ]
    head, first, second, foot = render.text(table(*runs)).splitlines()
    assert head.split() == ["run", "status", "name", "started", "(UTC)", "took", "acc", "rare", "depth"]
    assert first.split()[-3:] == ["0.1", "1", "1"]
    assert second.split()[-2:] == ["0.2", "2"]
    assert foot == "experiment churn at sqlite:///x"


def test_a_table_draws_the_curves_that_were_read():
    runs = [run(n, metrics={"acc": 0.5, "late": 1.0}) for n in (1, 2)]
    points = tuple(MetricPoint(step, 0, step / 10) for step in range(5))
    curves = {runs[0].run_id: {"acc": points, "late": points[:1]}, runs[1].run_id: {}}
    asked = []
    found = table(*runs, histories=lambda: asked.append(1) or curves)
    assert "svg" not in render.text(found)
    assert "histories" not in render.as_json(found)
    assert asked == []
    page = Page(render.mime_bundle(found)["text/html"])
    assert [tag for tag, _ in page.tags].count("svg") == 1
    assert "acc from 0 to 0.4" in page.text


def test_a_notebook_keeps_so_many_runs_and_says_so():
    found = table(*(run(n) for n in range(1, 1001)))
    bundle = render.mime_bundle(found)
    assert len(bundle[render.mime_type(found)]["runs"]) == 200
    assert len(Page(bundle["text/html"]).text) < 40_000
    assert "the first 200 runs are shown" in bundle["text/plain"]
    assert "the first 200 runs are shown" in Page(bundle["text/html"]).text
    assert render.text(found).count("FINISHED") == 1000
    assert "the first" not in render.text(found)


def test_json_in_pieces_is_the_same_json():
    class Lazy(Sequence):
        def __init__(self, runs):
            self.runs = runs

        def __len__(self):
            return len(self.runs)

        def __getitem__(self, place):
            return self.runs[place]

    runs = [run(n, params={"a": "two\nlines"}) for n in (1, 2)]
    for some in (runs, []):
        whole, lazy = table(*some), table()
        object.__setattr__(lazy, "runs", Lazy(some))
        pieces = "".join(render.json_pieces(lazy))
        assert json.loads(pieces) == json.loads("".join(render.json_pieces(whole))) == render.as_json(whole)
    assert "".join(render.json_pieces(table(*runs))) == json.dumps(render.as_json(table(*runs)), indent=2)


@pytest.mark.parametrize("room", [20, 40, 60, 80, 100, 500])
def test_a_table_fits_the_terminal(room):
    head = ("run", "status", "name", "started (UTC)", *(f"metric{n}" for n in range(6)))
    rows = [("0123abcd", "FINISHED", "a name " * 4, "2026-01-01 00:00:00", *(["0.123456"] * 6)) for _ in range(3)]
    lines = columns.text_table(head, rows, width=room).splitlines()
    assert max(map(len, lines)) <= room
    wide = columns.text_table(head, rows)
    natural = max(map(len, wide.splitlines()))
    assert natural > 120
    assert columns.text_table(head, rows, width=natural) == wide


def test_what_tells_rows_apart_is_cut_last():
    head = ("combination", *(f"a_very_long_metric_{n}" for n in range(5)))
    rows = [("lr=0.1 max_depth=30", *(["0.123456"] * 5))]
    lines = columns.text_table(head, rows, width=60, whole=[0]).splitlines()
    assert lines[1].startswith("lr=0.1 max_depth=30  0.123456  0.123456")
    assert lines[1].endswith("…")
    assert max(map(len, columns.text_table(head, rows, width=12, whole=[0]).splitlines())) <= 12


def test_a_table_that_lost_columns_says_so():
    lines = columns.text_table(["abcdefgh"] * 10, [["12345678"] * 10], width=40).splitlines()
    assert lines == ["abcdefgh  abcdefgh  abcdefgh  …", "12345678  12345678  12345678  …"]


def test_what_a_name_holds_does_not_move_the_cursor():
    assert columns.text_table(("a",), [("x\x1b[2Jy\r\nz",)]) == "a\nx [2Jy  z"


def test_an_empty_table_says_so():
    assert render.text(table()) == "no runs in churn\nexperiment churn at sqlite:///x"
    assert render.text(table(query="metrics.acc > 1")).splitlines()[0] == "no runs in churn match metrics.acc > 1"
    assert "No runs yet." in Page(render.mime_bundle(table())["text/html"]).text


def test_a_table_that_was_cut_says_how_to_see_more():
    assert "… there are more: mlops runs --limit 2\n" in render.text(table(run(1), next_page="x"))


def test_children_are_marked():
    assert "└ fit2" in render.text(table(run(2, parent="1")))


def test_a_table_is_a_sequence():
    found = table(run(1), run(2))
    assert len(found) == 2
    assert [one.name for one in found] == ["fit1", "fit2"]
    assert found[-1].name == "fit2"


def test_a_failed_execution_names_the_cell():
    failure = CellFailure(2, "1 / 0\nx", "ZeroDivisionError", "division by zero", "")
    found = Execution("/p/n.ipynb", "/p/o.ipynb", "/p/o.html", 5, {}, run(1, status="FAILED"), (run(2),), failure)
    words = render.text(found)
    assert "  failed at cell 2 of 5 (counted from 0):\n    1 / 0\n    x\n" in words
    assert words.endswith("executed notebook: /p/o.ipynb\nas a web page:     /p/o.html")
    assert "FINISHED  fit2  1 min 01 s" in words


def test_a_diagnosis_names_what_mends_it():
    found = Diagnosis((Check("git", "warning", "no repository", "git init"), Check("store", "ok", "it answers")))
    assert render.text(found) == f"! {'git':<22} no repository\n  → git init\n✓ {'store':<22} it answers"


def test_a_setup_lists_its_files():
    found = Setup("/p", (SetupStep("mlops.toml", "created", "experiment p"),), ("look",))
    assert render.text(found).splitlines() == ["/p", "mlops.toml  created  experiment p", "note: look"]


def test_a_status_lists_its_facts():
    found = Status("/p", None, "sqlite:///x", "default", "churn", None, "0123456789abcdef", None, True, run(1))
    facts = dict(line.split(None, 1) for line in render.text(found).splitlines())
    assert facts["project"] == "/p"
    assert facts["settings"] == "none; mlops init writes them"
    assert facts["git"] == "0123456789 on no branch, with changes not committed"
    assert render.text(dataclasses.replace(found, git_commit=None, git_branch="main", git_dirty=False)).count(
        "no commit yet on main\n"
    )


def test_a_page_below_jupyter_is_a_frame_whose_link_carries_no_ticket():
    found = WebPage("MLflow", "http://127.0.0.1:5000/?ticket=t", "/user/ana/proxy/5000/?ticket=t", "detail")
    tags = Page(render.mime_bundle(found)["text/html"]).tags
    assert [attributes["src"] for tag, attributes in tags if tag == "iframe"] == ["/user/ana/proxy/5000/?ticket=t"]
    assert [attributes["href"] for tag, attributes in tags if tag == "a"] == ["/user/ana/proxy/5000/"]
    assert render.text(found) == "MLflow: http://127.0.0.1:5000/?ticket=t\n  detail"


def test_a_page_without_jupyter_is_a_link():
    tags = Page(render.mime_bundle(WebPage("MLflow", "http://127.0.0.1:5000/"))["text/html"]).tags
    assert [tag for tag, _ in tags] == ["a", "div"]
    assert tags[0][1]["rel"] == "noopener"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 ms"), (0.0123, "12 ms"), (1, "1.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"),
     (3599.6, "1 h 00 min"), (7265, "2 h 01 min")],
)  # fmt: skip
def test_durations(seconds, words):
    assert columns.duration(seconds) == words


def test_instants_are_told_in_utc():
    assert columns.when(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31 23:00:00"
    assert columns.when(None) == "–"


@given(st.text(), st.integers(1, 50))
def test_shortened_text_fits(text, most):
    cut = columns.shortened(text, most)
    assert len(cut) <= most
    assert cut == text or cut == text[: most - 1] + "…"


def test_hints_cover_every_record():
    """`made` above knows every type that a record uses."""
    for kind in vars(records).values():
        if dataclasses.is_dataclass(kind):
            assert typing.get_type_hints(kind)
            record(kind, "x")


def test_a_saved_prediction_says_how_many_rows_there_were():
    predicted = Prediction("churn", tuple(range(500)), ("r1", "r2"), ("1",), 0.1, rows=(300, 200))
    bundle = render.mime_bundle(predicted)
    assert "… and 480 more" in bundle["text/plain"]
    assert "… and 480 more" in bundle["text/html"]
    assert len(bundle[render.mime_type(predicted)]["predictions"]) == 200


def test_a_table_that_is_cut_names_no_page():
    whole = RunTable((run(1),) * 201, "churn", "", "", "x")
    kept = render.mime_bundle(whole)["application/vnd.mlops-jupyter.runtable+json"]
    assert (len(kept["runs"]), kept["next_page"], kept["more"]) == (200, None, True)


def test_the_data_of_a_table_is_all_rows_and_little_of_each():
    one = dataclasses.replace(
        run(1), metrics={"acc": math.nan}, tags={"mlops.snapshot": "a" * 40}, history={"acc": (MetricPoint(0, 0, 1.0),)}
    )
    found = render.data(RunTable((one,) * 300, "churn", "", "", "x", next_page="p"))
    assert (len(found["runs"]), found["next_page"], found["experiment"]) == (300, "p", "churn")
    told = found["runs"][0]
    assert (told["metrics"], told["snapshot"]) == ({"acc": "NaN"}, True)
    assert not {"tags", "params", "history"} & set(told)
    assert render.data(one)["history"] == {}


def test_the_card_of_a_deployment_forgets_a_rollout_that_is_long_over():
    versions = (ServedVersion("2", "models:/churn/2", percent=100),)
    now = datetime.now(UTC)
    long_ago, lately = (
        Decision(now - timedelta(hours=hours), "2", "promote", f"{hours} hours ago", 100) for hours in (30, 3)
    )
    ended = Deployment("churn", "mlops:/local", "ready", versions, decisions=(long_ago, lately))
    under_way = dataclasses.replace(ended, auto=RolloutPolicy("2"))
    for show in (render.text, lambda found: render.mime_bundle(found)["text/html"]):
        assert "3 hours ago" in show(ended)
        assert "30 hours ago" not in show(ended)
        assert "30 hours ago" in show(under_way)


def test_nobody_promotes_a_canary_of_an_endpoint_that_is_gone():
    versions = (ServedVersion("1", "models:/churn/1", percent=90), ServedVersion("2", "models:/churn/2", percent=10))
    served = Deployment("churn", "mlops:/local", "ready", versions, auto=RolloutPolicy("2"))
    assert "nothing is decided" not in render.text(served)
    for status in ("stopped", "failed", "unknown"):
        gone = dataclasses.replace(served, status=status)
        for shown in (render.text(gone), render.mime_bundle(gone)["text/html"]):
            assert f"or rolled back; nothing is decided while it is {status}" in shown
