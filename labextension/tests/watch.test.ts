// A dashboard outside of a notebook, without a browser: what is asked of the server, when, and what comes of it.

import assert from "node:assert/strict";
import test from "node:test";
import type { Api } from "../src/lab/api";
import { query } from "../src/lab/reading";
import { Monitors, reader } from "../src/lab/monitors";
import { english } from "../src/live_chart/trans";
import { Watch } from "../src/lab/watch";
import { wrong } from "../src/lab/words";

const SERIES = {
  kind: "series",
  range: 900,
  step: 1,
  count: 1,
  columns: [0],
  new: [[0, "requests", "1", ""]],
  reset: true,
};

/** One instant, 1.5, and one value, 0.25, as the server packs them. */
function packed(): string {
  const view = new DataView(new ArrayBuffer(12));
  view.setFloat64(0, 1.5, true);
  view.setFloat32(8, 0.25, true);
  return Buffer.from(view.buffer).toString("base64");
}

const FIRST = `id: 0\ndata: ${JSON.stringify({ ...SERIES, buffer: packed() })}\n\n`;
const NOW = `id: 1\ndata: ${JSON.stringify({ kind: "now", status: "ready", reports: [] })}\n\n`;

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

class Server {
  readonly asked: string[] = [];
  readonly signals: AbortSignal[] = [];
  fails: Error | null = null;
  spreadFails: Error | null = null;
  spread: unknown = { edges: [0, 1], names: [], baseline: [1], now: [1], scores: {} };

  api(): Api {
    return {
      trans: english,
      ask: (path: string, init: RequestInit) => {
        this.asked.push(path);
        this.signals.push(init.signal!);
        if (this.fails) return Promise.reject(this.fails);
        const encoder = new TextEncoder();
        const body = new ReadableStream({
          start: (controller) => {
            // Cut in the middle of a line, with a sign of life between.
            const told = encoder.encode(FIRST + ":\n\n" + NOW);
            controller.enqueue(told.slice(0, 40));
            controller.enqueue(told.slice(40));
            init.signal!.addEventListener("abort", () => controller.error(new Error("aborted")));
          },
        });
        return Promise.resolve(new Response(body));
      },
      json: (path: string) => {
        this.asked.push(path);
        if (this.spreadFails) return Promise.reject(this.spreadFails);
        const spread = { version: "1", feature: "a b", output: false, spread: this.spread };
        return Promise.resolve(path.includes("/distribution") ? spread : { words: "acknowledged" });
      },
    } as unknown as Api;
  }
}

function watched(server: Server, deeds: Partial<Record<"share" | "rollBack", () => Promise<string>>> = {}) {
  const told: unknown[] = [];
  const nothing = (): Promise<string> => Promise.resolve("done");
  const acts = { share: deeds.share ?? nothing, rollBack: deeds.rollBack ?? nothing };
  const api = server.api();
  const monitors = new Monitors((path, init) => api.ask(path, init));
  const watch = new Watch(api, monitors, "churn", "a b/50%.ipynb", 900, acts, (error) => told.push(error));
  return { watch, told, send: (content: unknown) => watch.store.send(content) };
}

test("events are messages, and what keeps the connection open is none", () => {
  const found: [number, { n: number; kind: string }, DataView[]][] = [];
  const read = reader((...one) => found.push(one));
  (":\n" + FIRST + "event: 3\n" + NOW).split("\n").forEach(read);
  const [[watch, message, buffers], [other, now]] = found;
  assert.deepEqual([watch, message.n, message.kind], [0, 0, "series"]);
  assert.equal(buffers[0].getFloat64(0, true), 1.5);
  assert.deepEqual([other, now.n, now.kind], [3, 1, "now"]);
  assert.equal(found.length, 2);
});

test("several deployments come on one connection, and one that is not there holds none up", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const asked: string[] = [];
  const encoder = new TextEncoder();
  const refused = { kind: "refused", status: 404, error: "NotFound", message: "no x", hint: "mlops deployments" };
  const told = "event: 0\n" + FIRST + `event: 1\nid: 0\ndata: ${JSON.stringify(refused)}\n\n`;
  const monitors = new Monitors((path, init) => {
    asked.push(path);
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(encoder.encode(told));
        init.signal!.addEventListener("abort", () => controller.error(new Error("aborted")));
      },
    });
    return Promise.resolve(new Response(body));
  });
  const heard: unknown[] = [];
  const looker = (name: string) => ({
    ...{ name, notebook: null, range: 900 },
    take: ({ kind }: { kind: string }) => heard.push([name, kind]),
    told: (error: unknown) => heard.push([name, error === null ? null : wrong(error)]),
  });
  const leaves = [monitors.look(looker("churn")), monitors.look(looker("x"))];
  await settled();
  assert.deepEqual(asked, ["monitors?name=churn&name=x&range=900&range=900&notebook=&notebook="]);
  assert.deepEqual(heard, [
    ["churn", null],
    ["x", null],
    ["churn", "series"],
    ["x", "no x → mlops deployments"],
  ]);
  context.mock.timers.tick(15_000);
  await settled();
  assert.equal(asked.length, 2);
  leaves.forEach((leave) => leave());
  await settled();
  context.mock.timers.tick(15_000);
  await settled();
  assert.equal(asked.length, 2);
});

test("nothing is asked before somebody looks, and nothing goes on when nobody does", async () => {
  const server = new Server();
  const { watch, send } = watched(server);
  await settled();
  assert.deepEqual(server.asked, []);
  send({ ask: "seen", view: "x", seen: true });
  await settled();
  assert.deepEqual(server.asked, ["monitors?name=churn&range=900&notebook=a+b%2F50%25.ipynb"]);
  assert.deepEqual(watch.store.times, [1.5]);
  assert.deepEqual(watch.store.of("requests")[0].values, [0.25]);
  assert.equal(watch.store.now?.status, "ready");
  send({ ask: "seen", view: "x", seen: false });
  await settled();
  assert.equal(server.signals[0].aborted, true);
  send({ ask: "seen", view: "x", seen: true });
  await settled();
  assert.equal(server.asked.length, 2);
  assert.deepEqual(watch.store.times, [1.5]);
  watch.end();
  await settled();
  assert.equal(server.signals[1].aborted, true);
});

test("another range is asked for anew", async () => {
  const server = new Server();
  const { watch, send } = watched(server);
  send({ ask: "seen", view: "x", seen: true });
  await settled();
  send({ ask: "range", range: 21_600 });
  await settled();
  assert.equal(server.asked.at(-1), "monitors?name=churn&range=21600&notebook=a+b%2F50%25.ipynb");
  assert.equal(server.signals[0].aborted, true);
  watch.end();
  await settled();
});

test("a server that is gone is told, and asked again", async (context) => {
  const server = new Server();
  server.fails = new Error("no route");
  const { watch, told, send } = watched(server);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  send({ ask: "seen", view: "x", seen: true });
  await settled();
  assert.deepEqual(told, [server.fails]);
  context.mock.timers.tick(1_000);
  await settled();
  assert.equal(server.asked.length, 2);
  context.mock.timers.tick(1_000);
  await settled();
  assert.equal(server.asked.length, 2, "more rarely each time");
  server.fails = null;
  context.mock.timers.tick(1_000);
  await settled();
  assert.equal(told.at(-1), null);
  assert.equal(watch.store.now?.status, "ready");
  watch.end();
  await settled();
});

test("a feature that is opened brings its distributions", async () => {
  const server = new Server();
  const { watch, send } = watched(server);
  send({ ask: "seen", view: "x", seen: true });
  await settled();
  send({ ask: "open", version: "1", feature: "a b", output: false });
  await settled();
  assert.equal(
    server.asked.at(-1),
    "monitor/churn/distribution?notebook=a+b%2F50%25.ipynb&version=1&feature=a+b&output=0",
  );
  assert.deepEqual(watch.store.distribution?.spread, server.spread);
  watch.end();
  await settled();
});

test("distributions that do not come are told, and the rest goes on", async () => {
  const server = new Server();
  const { watch, told, send } = watched(server);
  send({ ask: "seen", view: "x", seen: true });
  await settled();
  server.spreadFails = new Error("no distribution");
  send({ ask: "open", version: "1", feature: "a b", output: false });
  await settled();
  assert.deepEqual([watch.store.done?.what, watch.store.done?.words], ["distribution", "no distribution"]);
  assert.deepEqual(told, [null]);
  watch.end();
  await settled();
});

test("what is done is told, one thing at a time", async () => {
  let finish: (words: string) => void = () => undefined;
  const server = new Server();
  const share = () => new Promise<string>((resolve) => (finish = resolve));
  const { watch, send } = watched(server, { share, rollBack: () => Promise.reject(new Error("nothing before")) });
  send({ ask: "share", shares: { 1: 100 } });
  send({ ask: "rollback" });
  await settled();
  assert.deepEqual([watch.store.done?.failed, watch.store.done?.words], [true, "something else is being done still"]);
  finish("traffic: version 1 100 %");
  await settled();
  assert.deepEqual([watch.store.done?.failed, watch.store.done?.words], [false, "traffic: version 1 100 %"]);
  send({ ask: "rollback" });
  await settled();
  assert.deepEqual([watch.store.done?.failed, watch.store.done?.words], [true, "nothing before"]);
  watch.end();
  await settled();
});

test("an address says what is known, and an error its next command", () => {
  assert.equal(query({ notebook: null }), "");
  assert.equal(query({ notebook: "größe 50%&.ipynb", n: 3 }), "?notebook=gr%C3%B6%C3%9Fe+50%25%26.ipynb&n=3");
  assert.equal(wrong(Object.assign(new Error("no"), { hint: "mlops x" })), "no → mlops x");
  assert.equal(wrong("no"), "no");
});
