import assert from "node:assert/strict";
import { test } from "node:test";
import type { Parameter } from "../src/lab/api";
import { parametersIn } from "../src/lab/parameters";
import { lineOf, magicOf } from "../src/lab/words";

function parameter(name: string, flag: string | null, kind: Parameter["kind"] = "text"): Parameter {
  return { name, flag, kind, help: "", required: false, default: null, choices: null };
}

const VERB = {
  name: "run",
  parameters: [
    parameter("notebooks", null, "paths"),
    parameter("parameters", "--parameters", "pairs"),
    parameter("html", "--html", "flag"),
    parameter("limit", "--limit", "integer"),
    parameter("require", "--require", "texts"),
  ],
};

test("a call is a line that a shell understands", () => {
  assert.equal(lineOf(VERB, {}), "run");
  assert.equal(lineOf(VERB, { notebooks: ["a b.ipynb", "c.ipynb"], limit: 3 }), "run --limit 3 'a b.ipynb' c.ipynb");
  assert.equal(lineOf(VERB, { html: true }), "run --html");
  assert.equal(lineOf(VERB, { html: false }), "run --no-html");
  assert.equal(lineOf(VERB, { parameters: { a: 1, b: "x y" } }), "run --parameters a=1 --parameters 'b=x y'");
  assert.equal(lineOf(VERB, { require: ["it's", "$HOME"] }), `run --require 'it'"'"'s' --require '$HOME'`);
  assert.equal(lineOf(VERB, { notebooks: ["-x.ipynb"] }), "run -- -x.ipynb");
  assert.equal(lineOf(VERB, { notebooks: [""] }), "run ''");
});

test("in a cell dollars and braces stand for themselves", () => {
  assert.equal(magicOf(VERB, { notebooks: ["$a{b}"] }), "run '$$a{{b}}'");
});

test("parameters are read as Papermill reads them", () => {
  const source = [
    "# parameters",
    "depth: int = 3  # how deep",
    "rate = 1e-3",
    "deep = True",
    'name = "a#b"  # a name',
    "path = 'C:\\\\x'",
    "size = None  # type: float  as a share",
    "several = [1, 2]",
    "depth: int = 4",
    "  indented = 1",
    "print(depth)",
    "a == b",
  ].join("\n");
  const told = parametersIn(source).map(({ name, kind, help, default: one }) => [name, kind, help, one]);
  assert.deepEqual(told, [
    ["depth", "integer", "[4]", 4],
    ["rate", "number", "[1e-3]", 0.001],
    ["deep", "flag", "[True]", true],
    ["name", "text", 'a name ["a#b"]', "a#b"],
    ["path", "text", "['C:\\\\x']", null],
    ["size", "number", "as a share [None]", null],
    ["several", "text", "[[1, 2]]", null],
  ]);
});
