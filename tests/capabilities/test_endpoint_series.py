"""An endpoint's history: it is read while it is written, outlives kills and damage, and stays small."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlops_jupyter.capabilities.endpoints.series import TIERS, SeriesFile
from mlops_jupyter.capabilities.endpoints.series_points import flattened, joined, packed, table, totals, unpacked
from mlops_jupyter.capabilities.endpoints.series_rates import instants, levels, quantile, rates, spans
from mlops_jupyter.capabilities.monitoring.curves import CurveKey, grain
from mlops_jupyter.capabilities.monitoring.from_history import curves
from mlops_jupyter.errors import ConfigurationError

BEGIN_S = 1_700_000_000
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def snapshot(requests, *, version="1", code="200", in_flight=0, counts=(0, 0, 0), levels=None):
    labels = ["churn", version, "main", "scoring"]
    return {
        "gauges": {"in_flight": in_flight},
        "counters": {"requests": [[[*labels, code], requests]]},
        "histograms": {"durations": [[labels, {"bounds": [0.1, 0.5], "counts": list(counts), "sum": 1.0}]]},
        "versions": [],
        "levels": levels or {},
    }


def requests_of(readings):
    ((_, place),) = readings.columns("counters", "requests")
    return readings.values[:, place].tolist()


def test_what_is_appended_is_read_with_its_instants(tmp_path):
    file = SeriesFile(tmp_path / "series.db")
    level = {"mlops_feature_drift_ratio": [[["churn", "1", "age", "psi"], 0.25]]}
    file.append(BEGIN_S + 0.123, snapshot(3, in_flight=2, counts=(1, 2, 0)))
    file.append(BEGIN_S + 1.1, snapshot(5, counts=(1, 3, 1), levels=level))
    found = SeriesFile(tmp_path / "series.db").read(BEGIN_S, BEGIN_S + 10)
    assert found.times.tolist() == [BEGIN_S + 0.123, BEGIN_S + 1.1]
    told = dict(zip(found.keys, found.values[1].tolist(), strict=True))
    labels = ("churn", "1", "main", "scoring")
    assert told == {
        ("counters", "requests", *labels, "200"): 5,
        ("gauges", "in_flight"): 0,
        ("histograms", "durations", *labels, "0.1"): 1,
        ("histograms", "durations", *labels, "0.5"): 4,
        ("histograms", "durations", *labels, "+Inf"): 5,
        ("levels", "mlops_feature_drift_ratio", "churn", "1", "age", "psi"): 0.25,
    }
    assert np.isnan(
        found.values[0, found.keys.index(("levels", "mlops_feature_drift_ratio", "churn", "1", "age", "psi"))]
    )
    assert SeriesFile(tmp_path / "series.db").read(BEGIN_S + 1, BEGIN_S + 10).times.tolist() == [BEGIN_S + 1.1]


def test_only_its_owner_can_read_it(tmp_path):
    SeriesFile(tmp_path / "series.db").append(BEGIN_S, snapshot(1))
    assert all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one in tmp_path.iterdir())


def test_of_a_day_the_last_minutes_are_kept_finely_and_the_file_stays_small(tmp_path):
    file = SeriesFile(tmp_path / "series.db")
    end_s = 7 * 3_600
    # A day of every second would take the test half a minute.
    for second in (*range(9, end_s - 2_000, 10), *range(end_s - 2_000, end_s)):
        file.append(BEGIN_S + second + 0.4, snapshot(second, counts=(second, second, 1)))
    times = file.read(BEGIN_S, BEGIN_S + end_s).times - BEGIN_S
    last_s = times[-1]
    assert len(times[times > last_s - TIERS[0].kept_s]) == TIERS[0].kept_s
    old = times < last_s - TIERS[0].kept_s - 60
    assert np.diff(times[old & (times > last_s - TIERS[1].kept_s)]) == pytest.approx(10)
    oldest = times[times < last_s - TIERS[1].kept_s - 60]
    assert np.diff(oldest) == pytest.approx(60)
    # The row that a step keeps is its last, so that an instant at its end has a fresh one.
    assert (oldest + BEGIN_S) % 60 == pytest.approx(59.4)
    assert (tmp_path / "series.db").stat().st_size < 2_000_000


def test_a_history_goes_on_after_a_restart(tmp_path):
    for begin in (0, 100):
        file = SeriesFile(tmp_path / "series.db")
        for second in range(50):
            file.append(BEGIN_S + begin + second, snapshot(second))
        file.close()
    found = file.read(BEGIN_S, BEGIN_S + 1_000)
    assert len(found.times) == 100
    ((_, place),) = found.columns("counters", "requests")
    # Counts begin anew: 49 rises before and 49 after, and none backwards.
    assert totals(found, [place])[-1] == [49 + 49]


@pytest.mark.parametrize(("range_s", "age_s"), [(900.0, 600), (3_600.0, 1_500), (90_000.0, 80_000)])
def test_what_came_before_the_first_row_is_counted_at_any_age(tmp_path, range_s, age_s):
    file = SeriesFile(tmp_path / "series.db")
    # A life that had counted less, then one that is asked at once, and looked at eight seconds later.
    file.append(BEGIN_S - 600, snapshot(3))
    file.begin(BEGIN_S, BEGIN_S + 8)
    for second in (*range(8, 40), *range(40, age_s, 10)):
        file.append(BEGIN_S + second, snapshot(500))
    closely = grain(range_s)
    until_s = BEGIN_S + age_s
    times = instants(BEGIN_S - 120, until_s, closely.step_s)
    found = curves(file.read(BEGIN_S - 600, until_s), times, closely)
    risen = np.nansum(found.values[CurveKey("requests", "1")]) * closely.step_s
    # At the edge a rate is that of the part of its window that is known.
    assert risen > 400


def test_a_history_that_goes_on_does_not_begin_again(tmp_path):
    file = SeriesFile(tmp_path / "series.db")
    file.begin(BEGIN_S, BEGIN_S + 2)
    file.append(BEGIN_S + 2, snapshot(5))
    file.close()
    file.begin(BEGIN_S, BEGIN_S + 60)
    file.append(BEGIN_S + 60, snapshot(7))
    found = file.read(BEGIN_S, BEGIN_S + 100)
    assert found.times.tolist() == [BEGIN_S, BEGIN_S + 2, BEGIN_S + 60]
    ((_, place),) = found.columns("counters", "requests")
    assert totals(found, [place])[:, 0].tolist() == [0, 5, 7]


def test_a_clock_that_was_ahead_leaves_nothing_behind(tmp_path):
    file = SeriesFile(tmp_path / "series.db")
    file.append(BEGIN_S, snapshot(1))
    file.append(BEGIN_S + 86_400, snapshot(2))
    file.append(BEGIN_S + 1, snapshot(3))
    file.append(BEGIN_S + 1, snapshot(4))
    assert requests_of(file.read(0, BEGIN_S * 2)) == [1, 4]


def test_a_writer_that_is_killed_leaves_all_that_it_had_appended(tmp_path):
    path = tmp_path / "series.db"
    code = (
        "import sys; from pathlib import Path; from mlops_jupyter.capabilities.endpoints.series import SeriesFile\n"
        "file = SeriesFile(Path(sys.argv[1]))\n"
        "for n in range(10**6):\n"
        "    file.append(1_700_000_000 + n, {'counters': {'requests': [[['a', '1', 'main', 'scoring', '200'], n]]}})\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        for line in writer.stdout:
            # Read by others while it goes on.
            if int(line) == 20:
                assert requests_of(SeriesFile(path).read(0, BEGIN_S * 2))[:21] == list(range(21))
            if int(line) == 150:
                break
        os.kill(writer.pid, signal.SIGKILL)
    file = SeriesFile(path)
    found = requests_of(file.read(0, BEGIN_S * 2))
    assert found[:151] == list(range(151))
    file.append(BEGIN_S + 10**6, snapshot(1))
    assert len(file.read(0, BEGIN_S * 2).times) == len(found) + 1


@pytest.mark.parametrize("damage", [b"no database at all, but long enough to look like one " * 40, b"half"])
def test_a_damaged_file_is_told_to_readers_and_set_aside_by_the_writer(tmp_path, damage):
    path = tmp_path / "series.db"
    path.write_bytes(damage)
    with pytest.raises(ConfigurationError, match=r"series\.db cannot be read") as told:
        SeriesFile(path).read(0, BEGIN_S)
    assert told.value.exit_code == 3
    SeriesFile(path).append(BEGIN_S, snapshot(7))
    assert requests_of(SeriesFile(path).read(0, BEGIN_S * 2)) == [7]
    assert (tmp_path / "series.db.damaged").read_bytes() == damage


def test_a_file_of_a_later_format_is_set_aside(tmp_path):
    path = tmp_path / "series.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    SeriesFile(path).append(BEGIN_S, snapshot(7))
    assert requests_of(SeriesFile(path).read(0, BEGIN_S * 2)) == [7]


def test_without_a_file_nothing_is_known(tmp_path):
    found = SeriesFile(tmp_path / "series.db").read(0, BEGIN_S)
    assert (len(found.times), found.keys) == (0, ())
    over = spans(found.times, instants(0, 100, 10), 10, 20)
    assert not over.known.any()
    assert not (tmp_path / "series.db").exists()


def test_a_disk_that_is_full_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match=r"series\.db|directory"):
        SeriesFile(tmp_path / "missing" / "series.db").append(BEGIN_S, snapshot(1))


@given(hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(allow_nan=True)))
def test_numbers_come_back_as_they_were(values):
    assert unpacked(packed(values)).tobytes() == values.tobytes()


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=2, max_size=40))
def test_a_rate_counts_every_rise_and_no_fall(steps):
    """Against a plain reading of the rule: a counter that falls was set to zero."""
    counts, total, rises = [0], 0, []
    for step, restarted in steps:
        counts.append(step if restarted else counts[-1] + step)
        rises.append(counts[-1] - counts[-2] if counts[-1] >= counts[-2] else counts[-1])
    total = sum(rises)
    readings = table((BEGIN_S + second, *flattened(snapshot(count))) for second, count in enumerate(counts))
    ((_, place),) = readings.columns("counters", "requests")
    length = len(counts) - 1
    over = spans(readings.times, np.array([float(BEGIN_S + length)]), length, 5)
    assert rates(readings, [place], over)[0, 0] == pytest.approx(total / length)


def test_a_gap_is_no_rate_and_no_level():
    times = [*range(30), *range(60, 90)]
    readings = table((BEGIN_S + at, *flattened(snapshot(2 * at, in_flight=at))) for at in times)
    at = instants(BEGIN_S, BEGIN_S + 89, 5)
    over = spans(readings.times, at, 10, 5)
    ((_, place),) = readings.columns("counters", "requests")
    ((_, gauge),) = readings.columns("gauges", "in_flight")
    found = dict(zip((at - BEGIN_S).tolist(), rates(readings, [place], over)[:, 0].tolist(), strict=True))
    assert np.isnan(found[0])
    assert found[5] == found[10] == found[25] == 2
    assert all(np.isnan(found[second]) for second in (35, 40, 45, 50, 55, 60))
    # After the gap what came in it belongs to nobody: only the rise since its end.
    assert found[65] == found[70] == found[85] == 2
    stood = dict(zip((at - BEGIN_S).tolist(), levels(readings, gauge, over).tolist(), strict=True))
    assert (stood[0], stood[60], stood[85]) == (0, 60, 85)
    assert np.isnan(stood[40])


def test_a_counter_that_was_not_there_began_at_zero():
    rows = [(BEGIN_S + 0.0, *flattened({"gauges": {"in_flight": 0}})), (BEGIN_S + 10.0, *flattened(snapshot(40)))]
    readings = table(rows)
    ((_, place),) = readings.columns("counters", "requests")
    over = spans(readings.times, np.array([BEGIN_S + 10.0]), 10, 5)
    assert rates(readings, [place], over).tolist() == [[4.0]]


def test_tables_are_joined_also_where_a_column_is_new():
    earlier = table((BEGIN_S + at, *flattened(snapshot(at))) for at in range(5))
    later = table((BEGIN_S + at, *flattened(snapshot(at, code="500"))) for at in range(5, 8))
    both = joined(earlier, later, BEGIN_S + 2)
    assert (both.times - BEGIN_S).tolist() == [2, 3, 4, 5, 6, 7]
    columns = {labels[-1]: place for labels, place in both.columns("counters", "requests")}
    assert both.values[:3, columns["200"]].tolist() == [2, 3, 4]
    assert both.values[3:, columns["500"]].tolist() == [5, 6, 7]
    assert joined(earlier, earlier._replace(times=earlier.times + 5), BEGIN_S).values.shape == (10, 5)


BOUNDS = np.array([0.1, 0.5, 2.0, np.inf])


@pytest.mark.parametrize(
    ("share", "counts", "seconds"),
    [
        (0.5, [10, 10, 10, 10], 0.05),
        (0.5, [0, 10, 10, 10], 0.3),
        (0.95, [50, 90, 100, 100], 1.25),
        (0.99, [0, 0, 0, 10], 2.0),
        (0.5, [0, 0, 0, 0], None),
        (1.0, [1, 2, 2, 2], 0.5),
        # Rounding may leave a bucket below the one before it.
        (0.5, [10, 9.99, 10, 10], 0.05),
    ],
)
def test_a_quantile_is_that_of_histogram_quantile(share, counts, seconds):
    (found,) = quantile(share, BOUNDS, np.array([counts], np.float64))
    assert np.isnan(found) if seconds is None else found == pytest.approx(seconds)


@given(st.lists(st.floats(0.001, 1.9), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_value_that_it_stands_for(values, share):
    counts = np.array([[sum(value <= bound for value in values) for bound in BOUNDS]], np.float64)
    (found,) = quantile(share, BOUNDS, counts)
    exact = sorted(values)[max(0, int(np.ceil(share * len(values))) - 1)]
    bucket = int(np.searchsorted(BOUNDS, exact))
    assert (BOUNDS[bucket - 1] if bucket else 0) <= found <= BOUNDS[bucket]
