// The browser half without a browser: what comes over the wire, what is kept of it, what is drawn.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { curve, smoothed, steady, words } from "../src/live_chart/curve";
import { Store, thin, type Series } from "../src/live_chart/store";
import { decode, type Message } from "../src/live_chart/wire";

/** What tests/widgets/test_bundle.py packs. */
interface Packed {
  content: Message;
  hex: string;
  steps: number[];
  values: number[];
  seconds: number[];
  series: number[];
}

function buffer(points: [series: number, step: number, seconds: number, value: number][], base?: number): DataView {
  const wide = base === undefined;
  const count = points.length;
  // An odd offset: a message's buffer lies anywhere.
  const view = new DataView(new ArrayBuffer(3 + count * (wide ? 22 : 18)), 3);
  points.forEach(([series, step, seconds, value], place) => {
    view.setFloat64(8 * place, value, true);
    if (wide) view.setFloat64(8 * count + 8 * place, step, true);
    else view.setInt32(8 * count + 4 * place, step - base, true);
    const rest = count * (wide ? 16 : 12);
    view.setFloat32(rest + 4 * place, seconds, true);
    view.setUint16(rest + 4 * count + 2 * place, series, true);
  });
  return view;
}

function series(steps: number[], values: number[]): Series {
  return { label: "", name: "loss", resource: false, steps, seconds: steps.map((step) => step / 10), values };
}

function message(n: number, more: Partial<Message> = {}): Message {
  return { n, base: 0, ...more };
}

test("narrow and wide steps are read", () => {
  const narrow = decode(
    { n: 0, base: 1e12 },
    buffer(
      [
        [3, 1e12 + 5, 0.5, 0.25],
        [4, 1e12, 1, NaN],
      ],
      1e12,
    ),
  );
  assert.deepEqual([...(narrow.steps as Float64Array)], [1e12 + 5, 1e12]);
  assert.deepEqual([[...narrow.series], [...narrow.seconds], narrow.values[0]], [[3, 4], [0.5, 1], 0.25]);
  const wide = decode(
    { n: 0 },
    buffer([
      [0, -(2 ** 50), 0, Infinity],
      [0, 2 ** 50, 0, 1],
    ]),
  );
  assert.deepEqual([...(wide.steps as Float64Array)], [-(2 ** 50), 2 ** 50]);
  assert.equal(wide.values[0], Infinity);
});

test("half a point is refused", () => {
  assert.throws(() => decode({ n: 0, base: 0 }, new DataView(new ArrayBuffer(17))), /no whole number/);
});

test("what the kernel's half packs is what this half reads", () => {
  const file = process.env.MLOPS_WIRE;
  if (!file) return;
  const told = JSON.parse(readFileSync(file, "utf8")) as Packed[];
  for (const { content, hex, steps, values, seconds, series } of told) {
    const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
    const found = decode(content, new DataView(bytes.buffer));
    assert.deepEqual([...(found.steps as Float64Array)], steps);
    assert.deepEqual([...found.values], values);
    assert.deepEqual([...found.seconds], seconds.map(Math.fround));
    assert.deepEqual([...found.series], series);
  }
});

test("a fresh page asks nothing, and appends", () => {
  let asked = 0;
  const store = new Store(0, () => asked++);
  store.take(message(0, { new: [[0, "fit", "loss", 0]] }), [buffer([[0, 1, 0.1, 5]], 0)]);
  store.take(message(1), [buffer([[0, 2, 0.2, 4]], 0)]);
  store.take(message(1), [buffer([[0, 2, 0.2, 4]], 0)]); // twice
  store.take(message(9, { backlog: true }), [buffer([], 0)]); // another page's answer
  assert.equal(asked, 0);
  assert.deepEqual(store.series[0].values, [5, 4]);
  assert.equal(store.received, 2);
});

test("a late page and one that missed a message ask once, and start again from the answer", () => {
  let asked = 0;
  const late = new Store(7, () => asked++);
  assert.equal(asked, 1);
  late.take(message(7), [buffer([[0, 9, 1, 1]], 0)]); // of a series that it does not know yet
  const all: Partial<Message> = {
    backlog: true,
    new: [
      [0, "fit", "loss", 0],
      [1, "", "CPU %", 1],
    ],
  };
  late.take(message(8, all), [
    buffer(
      [
        [0, 1, 0, 3],
        [0, 9, 1, 1],
      ],
      0,
    ),
  ]);
  late.take(message(8), [buffer([[0, 10, 2, 0]], 0)]);
  assert.deepEqual(late.series[0].values, [3, 1, 0]);
  late.take(message(11), [buffer([[0, 13, 3, 7]], 0)]);
  late.take(message(12), [buffer([[0, 14, 3, 7]], 0)]);
  assert.equal(asked, 2);
});

test("a question that got lost is asked again, and its answer is taken once", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  let asked = 0;
  const store = new Store(7, () => asked++);
  store.take(message(7), [buffer([[0, 9, 1, 1]], 0)]);
  assert.equal(asked, 1);
  context.mock.timers.tick(2_000);
  store.take(message(8), [buffer([[0, 10, 2, 2]], 0)]);
  store.take(message(9), [buffer([[0, 11, 3, 3]], 0)]);
  assert.equal(asked, 2);
  const all: Partial<Message> = { backlog: true, new: [[0, "fit", "loss", 0]] };
  for (let answers = 0; answers < 2; answers++)
    store.take(message(10, all), [
      buffer(
        [
          [0, 1, 0, 5],
          [0, 11, 3, 3],
        ],
        0,
      ),
    ]);
  store.take(message(10), [buffer([[0, 12, 4, 4]], 0)]);
  assert.deepEqual(store.series[0].values, [5, 3, 4]);
  assert.equal(asked, 2);
});

test("a long series is thinned and keeps its peaks", () => {
  const store = new Store(0, () => undefined);
  const points = Array.from({ length: 50_000 }, (_, step): [number, number, number, number] => [
    0,
    step,
    step,
    step === 12_345 ? 9 : Math.sin(step) / 10,
  ]);
  store.take(message(0, { new: [[0, "fit", "loss", 0]] }), [buffer(points, 0)]);
  const kept = store.series[0];
  assert.ok(kept.values.length <= 20_000);
  assert.equal(Math.max(...kept.values), 9);
  assert.equal(kept.steps[0], 0);
  assert.equal(kept.steps.at(-1), 49_999);
  const gap = series([0, 1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 1, NaN, NaN, NaN, NaN]);
  thin(gap);
  assert.ok(gap.values.some(Number.isNaN));
});

test("curves rise in x, and what cannot be drawn is a gap", () => {
  assert.deepEqual(curve(series([2, 0, 1], [NaN, 1, -1]), "step", false), [
    [0, 1, 2],
    [1, -1, null],
  ]);
  assert.deepEqual(curve(series([0, 1, 2], [0, 1, Infinity]), "step", true), [
    [0, 1, 2],
    [null, 1, null],
  ]);
  assert.deepEqual(curve(series([0, 5], [1, 2]), "time", false)[0], [0, 0.5]);
  assert.equal(steady([series([0, 0], [1, 2])]), true);
  assert.equal(steady([series([0], [1])]), false);
  assert.equal(steady([series([0, 1], [1, 2])]), false);
});

test("smoothing starts at the first value, leaves a constant alone, and keeps gaps", () => {
  assert.deepEqual(
    smoothed([4, null, 4], 0.9).map((value) => value && Number(value.toFixed(9))),
    [4, null, 4],
  );
  const [, second] = smoothed([0, 1], 0.5);
  assert.ok(Math.abs(second! - 2 / 3) < 1e-12);
});

test("values are said briefly", () => {
  assert.deepEqual([0, 0.123456789, 1e-7, 12345678, null].map(words), ["0", "0.12346", "1.000e-7", "1.235e+7", "–"]);
});
