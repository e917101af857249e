"""Static charts: what they show, what they leave out, how little they weigh, and that nothing in them is markup."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.faces import render
from mlops_jupyter.faces.views import chart
from mlops_jupyter.faces.views.chart import line_charts, sparkline
from mlops_jupyter.faces.views.ticks import Scale, padded, ticks
from mlops_jupyter.records import MetricPoint, Run, RunTable

EVIL = "<script>alert('x')</script>\"'&amp;<b>"


def curve(count: int, of=lambda step: math.exp(-step / 200) + math.sin(step * 12.9898) / 20) -> list[MetricPoint]:
    return [MetricPoint(step, 1_764_000_000_000 + 137 * step, of(step)) for step in range(count)]


def parsed(html: str) -> ET.Element:
    """Read it as XML, which forgives nothing."""
    return ET.fromstring(f"<div>{html}</div>")  # noqa: S314


def lines(html: str) -> list[str]:
    """The paths of the series, in order: their colours are the palette's."""
    return [path.get("d") for path in parsed(html).iter("path") if path.get("stroke-width") == "1.6"]


def words(html: str) -> str:
    return " ".join(parsed(html).itertext()).replace("\N{NO-BREAK SPACE}", " ")


# --- what is drawn ----------------------------------------------------------------------------------------------


def test_one_chart_a_metric_with_its_name_its_numbers_and_its_meaning_for_those_who_hear_it():
    html = line_charts({"loss": {"fit": curve(1000)}, "accuracy": {"fit": curve(10, lambda step: step / 10)}})
    pictures = list(parsed(html).iter("svg"))
    assert [picture.get("role") for picture in pictures] == ["img", "img"]
    assert [picture.find("title").text for picture in pictures] == ["loss", "accuracy"]
    assert pictures[1].find("desc").text == "last 0.9 · min 0 at 0 · max 0.9 at 9"
    assert words(html).count("last 0.9 · min 0 at 0 · max 0.9 at 9") == 2  # also for those who see it
    assert len(lines(html)) == 2


def test_runs_are_overlaid_and_told_apart_without_colour():
    html = line_charts({"loss": {"small": curve(50), "large": curve(50, lambda step: step / 2)}})
    assert "A small" in re.sub(r"\s+", " ", words(html))
    assert "B last 24.5" in words(html)
    dashes = [path.get("stroke-dasharray") for path in parsed(html).iter("path") if path.get("stroke-width") == "1.6"]
    assert len(dashes) == len(set(dashes)) == 2
    styles = [(place % len(chart.COLOURS), place % len(chart.DASHES)) for place in range(40)]
    assert len(set(styles)) == 40


def test_a_gap_is_not_bridged_and_a_lonely_point_is_marked():
    values = [1.0, 2.0, math.nan, 3.0, math.inf, 2.0, 1.0]
    (path,) = lines(line_charts({"loss": {"": curve(7, values.__getitem__)}}))
    assert path.count("M") == 3
    assert path.count("z") == 1  # the diamond
    (single,) = lines(line_charts({"loss": {"": curve(1)}}))
    assert single.endswith("z")


def test_a_metric_that_never_was_a_number_says_so():
    html = line_charts({"loss": {"": curve(5, lambda step: math.nan)}})
    assert "last nan · no finite value" in words(html)
    assert lines(html) == []


def test_steps_that_say_nothing_give_way_to_time():
    points = [MetricPoint(0, 1_764_000_000_000 + 500 * place, place**0.5) for place in range(9)]
    html = line_charts({"loss": {"": points}})
    assert "s" in [text.text for text in parsed(html).iter("text")]
    assert len(lines(html)[0].replace("-", " ").split()) > 9
    assert "at 0" not in words(html)


def test_steps_out_of_order_are_drawn_in_order():
    points = [MetricPoint(step, 0, float(step)) for step in (3, 1, 2, 0)]
    assert lines(line_charts({"m": {"": points}})) == lines(line_charts({"m": {"": sorted(points)}}))


def test_a_long_series_keeps_its_spike():
    spike = curve(100_000, lambda step: 5.0 if step == 12_345 else 1.0)
    assert "max 5 at 12345" in words(line_charts({"loss": {"": spike}}))
    (path,) = lines(line_charts({"loss": {"": spike}}))
    assert len(path) < 1_000


def test_nothing_to_draw_is_nothing():
    assert line_charts({}) == ""
    assert line_charts({"loss": {}, "accuracy": {"fit": []}}) == ""
    assert sparkline([]) == ""
    assert sparkline([math.nan]) == ""


def test_more_metrics_than_fit_are_counted():
    html = line_charts({f"m{place}": {"": curve(3)} for place in range(20)})
    assert len(list(parsed(html).iter("svg"))) == 12
    assert "… and 8 more not drawn" in words(html)


def test_a_sparkline_is_small_and_says_what_it_shows():
    html = sparkline([point.value for point in curve(5_000)], label="loss")
    # JupyterLab lets no picture be wider than its cell, and a table gives such a one no width.
    assert "max-width:none" in html
    assert len(html) < 700
    assert parsed(html).find("svg/title").text.startswith("loss from 1 to ")


# --- whatever comes in ------------------------------------------------------------------------------------------


def test_names_are_text():
    html = line_charts({EVIL: {EVIL: curve(3), f"{EVIL}2": curve(3)}}) + sparkline([1.0, 2.0], label=EVIL)
    assert {element.tag for element in parsed(html).iter()}.isdisjoint({"script", "b2"})
    assert "<script" not in html
    assert words(html).count("alert('x')") >= 4


def test_names_of_any_length_leave_it_small():
    assert len(line_charts({"x" * 100_000: {"y" * 100_000: curve(3), "z": curve(3)}})) < 5_000


points = st.lists(
    st.builds(MetricPoint, st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**62), st.floats()), max_size=40
)


@settings(max_examples=60)
@given(st.dictionaries(st.text("ab<&'\"\u202e", max_size=4), st.dictionaries(st.text("ab<&", max_size=3), points)))
def test_any_points_make_a_whole_page_without_a_number_that_is_none(metrics):
    html = line_charts(metrics)
    for path in (path.get("d") for path in parsed(html).iter("path")):
        assert not re.search("nan|inf|e", path)
        assert all(abs(float(number)) < 2_000 for number in re.findall(r"-?\d*\.?\d+", path))


@given(st.lists(st.floats(), max_size=60))
def test_any_values_make_a_sparkline(values):
    parsed(sparkline(values))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_ticks_are_few_distinct_and_inside(one, other):
    low, high = padded(min(one, other), max(one, other))
    found = ticks(low, high, 5)
    assert 1 <= len(found.values) <= 6
    assert len(set(found.labels)) == len(found.labels)
    across = Scale(low, high, 0, 100)
    assert all(-0.01 <= across(value) <= 100.01 for value in found.values)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(0, 1, ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")), (0, 999, ("0", "200", "400", "600", "800")),
     (0, 12e6, ("0", "5M", "10M")), (20_000, 60_000, ("20k", "30k", "40k", "50k", "60k")),
     (1e-7, 3e-7, ("1.0e-7", "1.5e-7", "2.0e-7", "2.5e-7", "3.0e-7")), (-1, 1, ("-1.0", "-0.5", "0.0", "0.5", "1.0"))],
)  # fmt: skip
def test_ticks_read_as_a_person_writes_them(low, high, labels):
    assert ticks(low, high, 5).labels == labels


def test_whole_numbers_stay_whole():
    assert ticks(0, 2, 5, whole=True).labels == ("0", "1", "2")


# --- light and dark ---------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", chart.COLOURS)
def test_lines_can_be_told_from_white_and_from_black(colour):
    assert (luminance("#ffffff") + 0.05) / (luminance(colour) + 0.05) >= 3
    assert (luminance(colour) + 0.05) / (luminance("#111111") + 0.05) >= 3


def test_everything_else_has_the_page_s_own_colour():
    html = line_charts({"loss": {"a": curve(9), "b": curve(9)}})
    used = {element.get(name) for element in parsed(html).iter() for name in ("stroke", "fill")}
    assert used <= {None, "none", "currentColor", *chart.COLOURS}
    assert not re.search(r"https?:|url\(|<style|<script|class=| id=", html)


# --- weight -----------------------------------------------------------------------------------------------------


def test_twelve_metrics_are_light():
    assert len(line_charts({f"metric {place}": {"fit": curve(1000)} for place in range(12)}).encode()) < 21_000


def test_many_runs_stay_bounded():
    few, many = (
        len(line_charts({f"m{m}": {f"r{r}": curve(1000) for r in range(runs)} for m in range(12)})) for runs in (2, 8)
    )
    assert few < 40_000
    assert many < 60_000


def trained(metrics: int, points: int) -> Run:
    history = {f"validation/metric_{place}": tuple(curve(points)) for place in range(metrics)}
    return Run(
        "0" * 32, "fit", "churn", "FINISHED", history=history, points=dict.fromkeys(history, points),
        metrics={name: found[-1].value for name, found in history.items()},
    )  # fmt: skip


def test_ten_tracked_cells_keep_a_notebook_under_300_kb(tmp_path):
    output = nbformat.v4.new_output("display_data", render.mime_bundle(trained(5, 1_000)))
    cells = [nbformat.v4.new_code_cell("train()", outputs=[output]) for _ in range(10)]
    saved = tmp_path / "ten.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), saved)
    assert saved.stat().st_size < 300_000
    kept = nbformat.read(saved, as_version=4).cells[9].outputs[0].data
    assert kept["text/html"].count("<svg") == 5
    assert len(kept["application/vnd.mlops-jupyter.run+json"]["history"]["validation/metric_4"]["value"]) == 40


def test_the_json_of_a_run_has_at_most_100_points_a_metric_its_extremes_among_them():
    told = render.as_json(trained(2, 5_000))["history"]["validation/metric_1"]
    assert {name: len(column) for name, column in told.items()} == {"step": 100, "time_ms": 100, "value": 100}
    assert max(told["value"]) == max(point.value for point in curve(5_000))
    assert [column[-1] for column in told.values()] == list(curve(5_000)[-1])
    json.dumps(told, allow_nan=False)


def test_a_table_s_curves_share_what_one_card_may_weigh():
    table = RunTable(tuple(trained(5, 200) for _ in range(20)), "churn", "", "", "sqlite:///x")
    kept = render.mime_bundle(table)["application/vnd.mlops-jupyter.runtable+json"]["runs"]
    assert [len(points["step"]) for points in kept[0]["history"].values()] == [2] * 5
    many = RunTable(table.runs * 10, "churn", "", "", "sqlite:///x")
    kept = render.mime_bundle(many)["application/vnd.mlops-jupyter.runtable+json"]["runs"]
    assert kept[0]["history"] == {}


def test_the_card_in_words_tells_each_curve():
    run = Run("0" * 32, "fit", "churn", "FINISHED", history={"loss": tuple(curve(3, lambda s: [3.0, 1.0, 2.0][s])),
              "once": tuple(curve(1))}, points={"loss": 3_000})  # fmt: skip
    assert render.text(run).splitlines()[1:] == ["  loss: last 2 · min 1 at 1 · max 3 at 0 · 3,000 points"]
    assert render.mime_bundle(run)["text/html"].count("<svg") == 1
