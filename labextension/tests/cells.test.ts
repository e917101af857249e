import assert from "node:assert/strict";
import { test } from "node:test";
import type { Overview } from "../src/lab/api";
import { checksum, checksumOf } from "../src/lab/checksum";
import { badgesOf, bodyOf, CellRuns, isTracked, type Looked, runsIn } from "../src/lab/runs_of_cells";

const RUN = "application/vnd.mlops-jupyter.run+json";
const ID = "0123456789abcdef0123456789abcdef";

function cell(
  source: string,
  outputs: unknown[] = [],
  executionState: Looked["executionState"] = "idle",
  executionCount: number | null = null,
): Looked {
  return {
    id: "cell-1",
    executionState,
    executionCount,
    outputs: { length: outputs.length, get: (index) => ({ data: outputs[index] }) },
    sharedModel: { getSource: () => source },
  };
}

function run(more: object, tags: object = {}): object {
  return { [RUN]: { run_id: ID, name: "fit", status: "FINISHED", duration_s: 1.5, error: null, tags, ...more } };
}

function open(more: Partial<Overview["open_runs"][number]>): Overview {
  const one = { run_id: "r", name: "fit", notebook: "/a.ipynb", started: "", cell_id: "cell-1", parent: null, ...more };
  return { root: "/", directory: "/", open_runs: [one], endpoints: [] };
}

// tests/capabilities/test_sources.py has the same.
test("a checksum is the one that Python computes", () => {
  const known = { "": "00000000", "x = 1": "475ba176", "größe = '😀'\n": "9e87d3c1", "\ud800": "8b7233c9" };
  for (const [text, sum] of Object.entries(known)) {
    assert.equal(checksum(text), sum);
  }
  const cells = ["code", "markdown"].map((type, place) => ({
    type: type as "code" | "markdown",
    sharedModel: { getSource: () => ["x = 1\ny", "# größe"][place] ?? "" },
  }));
  assert.equal(checksumOf(cells), "3692799a");
});

test("a cell is tracked by its first line", () => {
  assert.equal(isTracked(cell("%%mlops track fit\nx")), true);
  assert.equal(isTracked(cell("\n  %%mlops   track")), true);
  assert.equal(isTracked(cell("x\n%%mlops track")), false);
  assert.equal(isTracked(cell("%%mlops tracker")), false);
  assert.equal(isTracked(cell("%%mlops track-it")), false);
  assert.equal(isTracked(cell("")), false);
});

// tests/e2e/test_tracked_cell.py runs the same in a kernel.
test("comments and empty lines may stand above the magic, and a cell may be indented", () => {
  for (const above of ["# a comment\n", "\n\n", "\n# one\n\n    # two\n\n", "#%% a cell marker\n"]) {
    assert.equal(isTracked(cell(`${above}%%mlops track fit\nx`)), true);
    assert.equal(bodyOf(`${above}%%mlops track fit\nx`), `${above}x`);
  }
  assert.equal(isTracked(cell("    # fit\n    %%mlops track\n    x")), true);
  assert.equal(isTracked(cell("# fit\n    %%mlops track\n    x")), false);
  assert.equal(bodyOf("%%mlops runs"), "");
  assert.equal(bodyOf("x\n%%mlops track"), "x\n%%mlops track");
});

test("a saved cell tells its runs", () => {
  const source = "%%mlops track\nx";
  const tags = { "mlops.cell_crc32": checksum(source), "mlops.honesty": "edited", "mlops.honesty.says": "a\nb" };
  const saved = cell(source, [{ "text/plain": "x" }, run({}, tags), run({ status: "FAILED", error: "no" })]);
  const [first, second] = badgesOf(saved, null);
  assert.deepEqual(first, {
    id: ID,
    name: "fit",
    status: "finished",
    duration: 1.5,
    error: "",
    honesty: "edited",
    says: ["a", "b"],
    edited: false,
  });
  assert.deepEqual([second?.status, second?.error, second?.edited], ["failed", "no", false]);
  assert.equal(badgesOf(cell(`${source} + 1`, [run({}, tags)]), null)[0]?.edited, true);
});

test("what a notebook may hold instead of a run does no harm", () => {
  const strange = [{}, { [RUN]: null }, { [RUN]: "x" }, { [RUN]: [1] }, { [RUN]: { run_id: 3, tags: 4, name: {} } }];
  assert.equal(runsIn(cell("", strange)).length, 1);
  const [badge] = badgesOf(cell("", strange), null);
  assert.deepEqual([badge?.id, badge?.name, badge?.status], ["", "", "untracked"]);
  assert.equal(badgesOf(cell("", [run({ run_id: "' or 1=1 --" })]), null)[0]?.id, "");
});

test("a cell that runs says so, and for which run", () => {
  const source = "%%mlops track\nx";
  const status = (one: Looked, found: Overview | null) => badgesOf(one, found).map((badge) => [badge.status, badge.id]);
  assert.deepEqual(status(cell(source, [], "running"), null), [["queued", ""]]);
  assert.deepEqual(status(cell(source, [{}], "running"), null), [["running", ""]]);
  assert.deepEqual(status(cell(source, [], "running"), open({})), [["running", "r"]]);
  assert.deepEqual(status(cell(source, [run({})], "running"), null), [["finished", ID]]);
  assert.deepEqual(status(cell("y", [], "running"), null), []);
});

test("a run of this cell that another tab has begun is seen, a headless one is not", () => {
  const source = "%%mlops track\nx";
  assert.equal(badgesOf(cell(source), open({}))[0]?.status, "running");
  assert.deepEqual(badgesOf(cell(source), open({ cell_id: "cell-2" })), []);
  assert.deepEqual(badgesOf(cell(source), open({ parent: "p" })), []);
  assert.equal(badgesOf(cell(source, [], "running"), open({ parent: "p" }))[0]?.status, "running");
  assert.equal(badgesOf(cell(source, [run({})]), open({ run_id: ID })).length, 1);
});

test("a run of a notebook's copy is not shown in the original", () => {
  const found = { ...open({ notebook: "/home/ana/work/copies/train.ipynb" }), directory: "/elsewhere" };
  const shown = (path: string) => badgesOf(cell("%%mlops track\nx"), found, path).length;
  assert.deepEqual(["copies/train.ipynb", "train.ipynb", "train-copy.ipynb", "rain.ipynb"].map(shown), [1, 1, 0, 0]);
  const seen = { ...found, directory: "/home/ana/work" };
  assert.equal(badgesOf(cell("%%mlops track\nx"), seen, "copies/train.ipynb").length, 1);
  assert.equal(badgesOf(cell("%%mlops track\nx"), seen, "train.ipynb").length, 0);
  assert.equal(badgesOf(cell("%%mlops track\nx"), open({ notebook: null }), "train.ipynb").length, 1);
});

test("a run that began before one that has ended here is over", () => {
  const ended = run({ started: "2026-01-01T10:00:05+00:00" });
  const runs = (started: string) => badgesOf(cell("%%mlops track\nx", [ended]), open({ started })).length;
  assert.equal(runs("2026-01-01T10:00:00+00:00"), 1);
  assert.equal(runs("2026-01-01T12:00:09+02:00"), 2);
});

test("a run whose kernel dies is killed, and one that ends is not", () => {
  const source = "%%mlops track\nx";
  const shown = (runs: CellRuns, one: Looked, found: Overview | null = null) =>
    runs.look(one, found).map((badge) => [badge.status, badge.id]);

  const dying = new CellRuns();
  assert.deepEqual(shown(dying, cell(source, [], "running"), open({})), [["running", "r"]]);
  // The server has not seen yet that it is gone.
  assert.deepEqual(shown(dying, cell(source), open({})), [["running", "r"]]);
  const gone = { root: "/", directory: "/", open_runs: [], endpoints: [] };
  assert.deepEqual(shown(dying, cell(source), gone), [["killed", "r"]]);
  assert.deepEqual(shown(dying, cell(source), null), [["killed", "r"]]);
  // Run again, it begins anew.
  assert.deepEqual(shown(dying, cell(source, [], "running"), gone), [["queued", ""]]);
  assert.deepEqual(shown(dying, cell(source), gone), []);

  // The server knows it before the cell does.
  const known = new CellRuns();
  const words = [{ "text/plain": "step 1" }];
  shown(known, cell(source, words, "running"), open({}));
  assert.deepEqual(shown(known, cell(source, words, "running"), gone), [["running", "r"]]);
  assert.deepEqual(shown(known, cell(source, words), gone), [["killed", "r"]]);

  const ending = new CellRuns();
  shown(ending, cell(source, [], "running"), open({}));
  assert.deepEqual(shown(ending, cell(source, [run({})], "idle", 3), gone), [["finished", ID]]);
  assert.deepEqual(shown(ending, cell(source), gone), [], "its outputs were cleared");

  const refused = new CellRuns();
  assert.deepEqual(shown(refused, cell(source, [{ "text/plain": "wrong option" }], "running")), [["running", ""]]);
  assert.deepEqual(shown(refused, cell(source, [{ "text/plain": "wrong option" }], "idle", 3)), []);

  const skipped = new CellRuns();
  shown(skipped, cell(source, [], "running"));
  assert.deepEqual(shown(skipped, cell(source)), [], "one before it has failed");

  const elsewhere = new CellRuns();
  assert.deepEqual(shown(elsewhere, cell(source), open({})), [["running", "r"]]);
  assert.deepEqual(shown(elsewhere, cell(source), gone), [], "another page knows how it ended");
});
