// The dashboard's half without a browser: what comes over the wire, what is kept of it, in which order drift is shown.

import assert from "node:assert/strict";
import test from "node:test";
import { sharesOf } from "../src/monitor/actions";
import { sorted } from "../src/monitor/drift";
import { Store } from "../src/monitor/store";
import { decode, type Declared, type Feature, type SeriesMessage } from "../src/monitor/wire";
import { clock, duration, number, rate, share, stretch } from "../src/monitor/words";

function buffer(times: number[], columns: number[][]): DataView {
  // An odd offset: a message's buffer lies anywhere.
  const view = new DataView(new ArrayBuffer(3 + 8 * times.length + 4 * times.length * columns.length), 3);
  times.forEach((time, place) => view.setFloat64(8 * place, time, true));
  columns.forEach((values, column) =>
    values.forEach((value, place) =>
      view.setFloat32(8 * times.length + 4 * (column * times.length + place), value, true),
    ),
  );
  return view;
}

function series(n: number, count: number, columns: number[], fresh: Declared[], reset = false): SeriesMessage {
  return { kind: "series", n, range: 100, step: 1, count, columns, new: fresh, reset };
}

test("instants and curves are read", () => {
  const found = decode(
    series(0, 2, [4, 7], []),
    buffer(
      [1.5, 2.5],
      [
        [1, NaN],
        [3, 4],
      ],
    ),
  );
  assert.deepEqual([...found.times], [1.5, 2.5]);
  assert.deepEqual(
    found.values.map((values) => [...values]),
    [
      [1, NaN],
      [3, 4],
    ],
  );
  assert.throws(() => decode(series(0, 3, [4], []), buffer([1], [[1]])), /are not 3 instants/);
});

test("a store asks for everything, and takes what comes then", () => {
  const sent: unknown[] = [];
  const store = new Store(100, (content) => sent.push(content));
  assert.deepEqual(sent, [{ ask: "begin" }]);
  // Another page is told what is new: this one has nothing to add it to.
  store.take(series(7, 1, [0], []), [buffer([1], [[1]])]);
  assert.deepEqual(store.times, []);
  store.take(series(8, 2, [0], [[0, "requests", "1", ""]], true), [buffer([1, 2], [[5, NaN]])]);
  store.take(series(9, 1, [0, 1], [[1, "requests", "2", ""]]), [buffer([3], [[6], [7]])]);
  assert.deepEqual(store.times, [1, 2, 3]);
  assert.deepEqual(
    store.of("requests").map((curve) => curve.values),
    [
      [5, null, 6],
      [null, null, 7],
    ],
  );
  assert.equal(store.last("requests", "2"), 7);
  // A curve that is told no more has a gap.
  store.take(series(10, 1, [1], []), [buffer([4], [[8]])]);
  assert.deepEqual(store.of("requests")[0].values, [5, null, 6, null]);
  assert.equal(sent.length, 1);
});

test("a message that was missed is noticed, and everything asked for again", () => {
  const sent: unknown[] = [];
  const store = new Store(100, (content) => sent.push(content));
  store.take(series(0, 1, [0], [[0, "requests", "1", ""]], true), [buffer([1], [[5]])]);
  store.take(series(2, 1, [0], []), [buffer([3], [[6]])]);
  assert.equal(sent.length, 2);
  assert.deepEqual(store.times, [1]);
  store.take(series(3, 2, [0], [[0, "requests", "1", ""]], true), [buffer([2, 3], [[5, 6]])]);
  assert.deepEqual(store.times, [2, 3]);
});

test("what is older than the range is dropped", () => {
  const store = new Store(100, () => undefined);
  const times = Array.from({ length: 300 }, (_, place) => place);
  store.take(series(0, 300, [0], [[0, "requests", "1", ""]], true), [buffer(times, [times])]);
  assert.equal(store.times[0], 199);
  assert.deepEqual(store.of("requests")[0].values, store.times);
});

test("a shadow stays one when traffic is shared out, unless it is given some", () => {
  const served = ["3", "4", "5"].map((version) => ({ version, shadow: version === "5" }));
  const given = (...shares: number[]) => new Map(shares.map((share, place) => [String(place + 3), share]));
  assert.deepEqual(sharesOf(served, given(80, 20, 0)), { 3: 80, 4: 20 });
  assert.deepEqual(sharesOf(served, given(100, 0, 0)), { 3: 100, 4: 0 });
  assert.deepEqual(sharesOf(served, given(80, 0, 20)), { 3: 80, 4: 0, 5: 20 });
});

test("the feature furthest beyond its threshold comes first, whatever its method", () => {
  const feature = (name: string, score: number | null, threshold: number): Feature => [
    name,
    "psi",
    score,
    threshold,
    0,
    [],
    "",
    0,
  ];
  const report = {
    version: "1",
    baseline: "",
    rows: [0, 0] as [number, number],
    notes: [],
    features: [feature("a", 0.3, 0.3), feature("b", null, 0.1), feature("c", 0.2, 0.05)],
    outputs: [feature("d", 0.5, 0.25)],
  };
  assert.deepEqual(
    sorted(report).map((row) => row.feature[0]),
    ["c", "d", "a", "b"],
  );
});

test("a feature that is missing comes before those that have not drifted, and after none that have less", () => {
  const feature = (name: string, score: number | null, drifted: 0 | 1, missing: number[] = []): Feature => [
    name,
    "KS",
    score,
    0.1,
    drifted,
    missing,
    "",
    0,
  ];
  const many = Array.from({ length: 20 }, (_, at) => feature(`same${at}`, 0.09, 0));
  const features = [
    ...many,
    feature("gone", null, 0, [0, 1]),
    feature("far", 0.3, 1),
    feature("holes", 0.01, 0, [0, 0.5]),
  ];
  const report = { version: "1", baseline: "", rows: [0, 0] as [number, number], notes: [], features, outputs: [] };
  const names = sorted(report).map((row) => row.feature[0]);
  assert.deepEqual(names.slice(0, 4), ["far", "holes", "gone", "same0"]);
});

test("numbers are written briefly", () => {
  assert.deepEqual(
    [rate(null), rate(0), rate(0.01234), rate(12.34), rate(1234.5)],
    ["–", "0", "0.0123", "12.3", "1,235"],
  );
  assert.deepEqual(
    [duration(null), duration(0.0000456), duration(0.0123), duration(1.5)],
    ["–", "45.6 µs", "12.3 ms", "1.5 s"],
  );
  assert.deepEqual([share(0), share(0.0012), share(0.5), share(1)], ["0 %", "0.12 %", "50 %", "100 %"]);
  assert.deepEqual(
    [number(0.12345), stretch(900), stretch(3_600), stretch(86_400), stretch(90)],
    ["0.123", "15 min", "1 h", "1 d", "90 s"],
  );
  assert.match(clock(1_700_000_000, true), /^\d\d:\d\d:\d\d$/);
});
