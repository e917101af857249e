import assert from "node:assert/strict";
import { test } from "node:test";
import type { Parameter } from "../src/lab/api";
import { fieldOf } from "../src/lab/parameters";
import { lineOf, magicOf, namesLive } from "../src/lab/words";

function parameter(name: string, flag: string | null, kind: Parameter["kind"] = "text"): Parameter {
  return { name, flag, kind, help: "", required: false, default: null, choices: null, completed: false };
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

test("what may be a live object stays one in a cell", () => {
  const deploy = {
    name: "deploy",
    parameters: [
      parameter("model", null, "object"),
      parameter("data", "--data", "object"),
      parameter("name", "--name"),
    ],
  };
  assert.ok(namesLive(deploy, { model: "$model", name: "churn" }));
  assert.ok(namesLive(deploy, { model: "m", data: "{X, y}" }));
  assert.ok(!namesLive(deploy, { model: "models:/churn/1", name: "$churn" }));
  assert.equal(
    magicOf(deploy, { model: "$größe", data: "{(X, 'a b')}", name: "$x {y}" }),
    "deploy --data {(X, 'a b')} --name '$$x {{y}}' $größe",
  );
  assert.equal(magicOf(deploy, { model: "$a b" }), "deploy '$a b'");
  assert.equal(magicOf(deploy, { model: "a$b" }), "deploy 'a$$b'");
});

test("a parameter of a notebook is a field with its default", () => {
  const shown = (type: string, value: unknown, source: string, help = "") => {
    const {
      kind,
      help: said,
      default: one,
    } = fieldOf({ name: "x", type, default: value, annotated: true, source, help });
    return [kind, said, one];
  };
  assert.deepEqual(shown("int", 3, "3", "how deep"), ["integer", "how deep [3]", 3]);
  assert.deepEqual(shown("float", 0.001, "1e-3"), ["number", "[1e-3]", 0.001]);
  assert.deepEqual(shown("float", null, "None", "as a share"), ["number", "as a share [None]", null]);
  assert.deepEqual(shown("float", "Infinity", "1e999"), ["number", "[1e999]", null]);
  assert.deepEqual(shown("bool", true, "True"), ["flag", "[True]", true]);
  assert.deepEqual(shown("str", ", ", '", "'), ["text", '[", "]', ", "]);
  assert.deepEqual(shown("str", "f()", "f()"), ["text", "[f()]", null]);
  assert.deepEqual(shown("list", [64, 32], "[64,32,]", "sizes"), ["text", "sizes [[64,32,]]", null]);
});
