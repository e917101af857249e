import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunRow } from "../src/lab/api";
import { Asker } from "../src/lab/asker";
import { serverPath } from "../src/lab/files";
import { isQuery, lasting, NEWEST_FIRST, RunRows, valueOf } from "../src/lab/panels/run_rows";
import { duration, number, textOf, when, whole } from "../src/lab/panels/run_words";

function run(id: string, more: Partial<RunRow> = {}): RunRow {
  const at = `2026-01-01T00:00:${id.padStart(2, "0")}+00:00`;
  const facts = { name: `fit-${id}`, status: "FINISHED", started: at, duration_s: 1, parent: null, notebook: null };
  return { run_id: id, ...facts, error: null, metrics: {}, snapshot: false, executed: false, ...more };
}

function ids(rows: readonly RunRow[]): string {
  return rows.map((one) => one.run_id).join(" ");
}

test("runs are taken over once, and it is told what of them is new", () => {
  const rows = new RunRows();
  assert.deepEqual(rows.add([run("1"), run("2")]), { known: 0, changed: true });
  assert.deepEqual(rows.add([run("2"), run("1")]), { known: 2, changed: false });
  assert.deepEqual(rows.add([run("2", { status: "FAILED" }), run("3")]), { known: 1, changed: true });
  assert.equal(rows.size, 3);
  assert.equal(rows.get("2")?.status, "FAILED");
  rows.clear();
  assert.equal(rows.size, 0);
  assert.deepEqual(rows.metrics(), []);
});

test("a column of a metric stays where it is while more runs are read", () => {
  assert.deepEqual(lasting([], ["loss", "accuracy", "auc"], 2), ["loss", "accuracy"]);
  assert.deepEqual(lasting(["loss", "accuracy"], ["auc", "accuracy", "loss"], 2), ["loss", "accuracy"]);
  assert.deepEqual(lasting(["loss", "accuracy"], ["auc", "accuracy"], 2), ["accuracy", "auc"]);
  assert.deepEqual(lasting(["loss"], ["loss"], 2), ["loss"]);
});

test("each column is an order, and what has no value comes last in both directions", () => {
  const rows = new RunRows();
  rows.add([
    run("1", { name: "fit-10", metrics: { accuracy: 0.5 } }),
    run("2", { name: "fit-9", metrics: { accuracy: 0.9 } }),
    run("3", { name: "a", metrics: {}, started: null, duration_s: null }),
    run("4", { name: "b", metrics: { accuracy: "NaN" } }),
    run("5", { name: "c", metrics: { accuracy: "-Infinity" } }),
  ]);
  assert.equal(ids(rows.view("", NEWEST_FIRST)), "5 4 2 1 3");
  assert.equal(ids(rows.view("", { column: "started", descending: false })), "1 2 4 5 3");
  assert.equal(ids(rows.view("", { column: "metrics.accuracy", descending: true })), "2 1 5 4 3");
  assert.equal(ids(rows.view("", { column: "metrics.accuracy", descending: false })), "5 1 2 4 3");
  assert.equal(ids(rows.view("", { column: "name", descending: false })), "3 4 5 2 1");
  assert.equal(ids(rows.view("", { column: "metrics.none", descending: true })), "5 4 2 1 3");
  assert.equal(valueOf(run("1"), "metrics.toString"), null);
});

test("every word of a search has to be there", () => {
  const rows = new RunRows();
  rows.add([run("1", { name: "Große Suche" }), run("2", { notebook: "work/train.ipynb", status: "FAILED" })]);
  assert.equal(ids(rows.view("GROSSE", NEWEST_FIRST)), "");
  assert.equal(ids(rows.view("große", NEWEST_FIRST)), "1");
  assert.equal(ids(rows.view("  train failed ", NEWEST_FIRST)), "2");
  assert.equal(ids(rows.view("train finished", NEWEST_FIRST)), "");
});

test("what is a query is told from words", () => {
  for (const query of [
    "metrics.accuracy > 0.9",
    "params.depth='3'",
    "tags.`a b` LIKE 'x%'",
    "attributes.status in ('A')",
  ]) {
    assert.ok(isQuery(query), query);
  }
  for (const words of ["fit", "train.ipynb", "metrics.accuracy", "a > b", "run.this"]) {
    assert.ok(!isQuery(words), words);
  }
});

test("metrics are offered by use, those of autologging last", () => {
  const rows = new RunRows();
  const rare = { rare: 1, training_loss: 1, accuracy: 1 };
  rows.add([run("1", { metrics: rare }), run("2", { metrics: { accuracy: 1, training_loss: 2 } })]);
  assert.deepEqual(rows.metrics(), ["accuracy", "rare", "training_loss"]);
  rows.add([run("1", { metrics: { accuracy: 2 } })]);
  assert.deepEqual(rows.metrics(), ["accuracy", "training_loss"]);
  assert.equal(textOf(run("1"), "metrics.constructor", new Date()), "");
});

test("runs that the store has no more are known by their absence, and forgotten", () => {
  const rows = new RunRows();
  rows.add(["1", "2", "3", "4"].map((id) => run(id, { metrics: id === "3" ? { rare: 1 } : {} })));
  assert.deepEqual(rows.missing({ runs: [run("4"), run("2")], next_page: "more" }), ["3"]);
  assert.deepEqual(rows.missing({ runs: [run("4"), run("3"), run("2")], next_page: null }), ["1"]);
  assert.deepEqual(rows.missing({ runs: [], next_page: null }), ["1", "2", "3", "4"]);
  assert.equal(rows.drop(["3", "none"]), true);
  assert.equal(rows.drop(["3"]), false);
  assert.equal(ids(rows.view("", NEWEST_FIRST)), "4 2 1");
  assert.deepEqual(rows.metrics(), []);
});

test("runs that have not ended are known", () => {
  const rows = new RunRows();
  rows.add([run("1"), run("2", { status: "RUNNING", duration_s: null })]);
  assert.deepEqual(rows.unfinished(), ["2"]);
});

test("cells are written as the other views write them", () => {
  assert.deepEqual([null, 0.0123, 59.94, 60, 3599.6, 7384].map(duration), [
    "–",
    "12 ms",
    "59.9 s",
    "1 min 00 s",
    "1 h 00 min",
    "2 h 03 min",
  ]);
  assert.deepEqual([0.123456789, 1e-9, 1234567, "NaN", undefined].map(number), [
    "0.123457",
    "1e-9",
    "1234570",
    "NaN",
    "",
  ]);
  const now = new Date("2026-01-01T00:01:00+00:00");
  const child = run("2", { name: "<b>", parent: "1", status: "RUNNING", duration_s: null });
  assert.equal(textOf(child, "name", now), "└ <b>");
  assert.equal(textOf(child, "duration_s", now), "58.0 s");
  assert.equal(when(null, now), "–");
  assert.match(when("2019-03-04T00:00:00+00:00", now), /2019/);
  assert.match(whole(run("3", { error: "ValueError: x" }), now), /ValueError/);
});

test("a file of the project is known by its path below the server's directory", () => {
  const inside = { root: "/home/ana/work/churn", directory: "/home/ana/work" };
  assert.equal(serverPath(inside, "notebooks/größe 50%.ipynb"), "churn/notebooks/größe 50%.ipynb");
  assert.equal(serverPath(inside, "/home/ana/work/x.ipynb"), "x.ipynb");
  assert.equal(serverPath(inside, "/home/ana/workshop/x.ipynb"), null);
  assert.equal(
    serverPath({ root: "/home/ana/work", directory: "/home/ana/work/notebooks" }, "notebooks/x.ipynb"),
    "x.ipynb",
  );
  assert.equal(serverPath({ root: "/home/ana/work", directory: "/home/ana/work/notebooks" }, "x.ipynb"), null);
  assert.equal(serverPath({ root: "/srv", directory: "/" }, "x.ipynb"), "srv/x.ipynb");
});

test("a notebook that comes to the front meanwhile is asked about next", async () => {
  let front = "a.ipynb";
  let seen = true;
  const asked: (string | null)[] = [];
  const answers: ((error?: Error) => void)[] = [];
  const asker = new Asker(
    () => front,
    () => seen,
    (notebook) => {
      asked.push(notebook);
      return new Promise((resolve, reject) => answers.push((error) => (error ? reject(error) : resolve())));
    },
  );
  const answer = async (error?: Error) => {
    answers.shift()?.(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  assert.equal(asker.again(), false);
  let ended = asker.run();
  front = "b.ipynb";
  await answer();
  assert.deepEqual(asked, ["a.ipynb", "b.ipynb"]);
  // What went wrong is nothing to the notebook that is in front now.
  front = "c.ipynb";
  await answer(new Error("b.ipynb has no project"));
  assert.equal(asker.again(), true);
  await answer();
  assert.deepEqual(asked.splice(0), ["a.ipynb", "b.ipynb", "c.ipynb", "c.ipynb"]);
  await answer();
  await ended;
  assert.equal(asker.again(), false);

  const refused = assert.rejects(asker.run(), /no/);
  await answer(new Error("no"));
  await refused;
  // Nobody looks any more.
  ended = asker.run();
  [front, seen] = ["d.ipynb", false];
  await answer();
  await ended;
  assert.deepEqual(asked, ["c.ipynb", "c.ipynb"]);
});
