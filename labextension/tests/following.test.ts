// The verbs of a page at work, without a browser: over how many connections they are followed, and what breaks none.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Event, Refused } from "../src/lab/events";
import { Following } from "../src/lab/following";

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A server whose answers are written line by line. */
class Server {
  readonly asked: string[] = [];
  fails: Error | null = null;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  open = 0;

  ask = (path: string, init: RequestInit): Promise<Response> => {
    this.asked.push(decodeURIComponent(path));
    if (this.fails !== null) {
      return Promise.reject(this.fails);
    }
    this.open++;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller;
        init.signal!.addEventListener("abort", () => {
          this.open--;
          controller.error(new Error("aborted"));
        });
      },
    });
    return Promise.resolve(new Response(body));
  };

  tell(job: string, n: number, event: object): void {
    this.controller!.enqueue(new TextEncoder().encode(JSON.stringify({ job, n, ...event }) + "\n"));
  }

  breaks(): void {
    this.open--;
    this.controller!.error(new Error("reset"));
  }
}

function follow(following: Following, job: string, signal = new AbortController().signal) {
  const heard: Event[] = [];
  const ended: unknown[] = [];
  void following
    .follow(job, (event) => heard.push(event), signal)
    .then(
      (end) => ended.push(end.event),
      (error: unknown) => ended.push((error as Error).message),
    );
  return { heard, ended, kinds: () => heard.map(({ event }) => event) };
}

test("any number of verbs take one connection, and each hears its own", async (context: TestContext) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const server = new Server();
  const following = new Following(server.ask);
  const jobs = Array.from({ length: 8 }, (_, at) => follow(following, `j${at}`));
  await settled();
  assert.deepEqual([server.asked.length, server.open], [1, 1]);
  server.tell("j3", 1, { event: "progress", message: "x", share: 0.5 });
  server.tell("j3", 2, { event: "result", failed: false, data: {} });
  await settled();
  assert.deepEqual(jobs[3].kinds(), ["progress", "result"]);
  assert.deepEqual(jobs[3].ended, ["result"]);
  assert.deepEqual([jobs[0].heard, jobs[0].ended], [[], []]);
  const late = follow(following, "late");
  await settled();
  assert.equal(server.open, 1);
  assert.ok(server.asked[1].endsWith("&job=late:0"));
  assert.ok(!server.asked[1].includes("j3"));
  server.tell("late", 1, { event: "cancelled" });
  await settled();
  assert.deepEqual(late.ended, ["cancelled"]);
});

test("a connection that breaks is made anew, and goes on where it was", async (context: TestContext) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const server = new Server();
  const following = new Following(server.ask);
  const { heard, ended } = follow(following, "a");
  await settled();
  server.tell("a", 4, { event: "progress", message: "x", share: 0.5 });
  await settled();
  server.fails = new TypeError("no route");
  server.breaks();
  await settled();
  assert.deepEqual(heard.at(-1), { event: "away", message: "reset" });
  context.mock.timers.tick(1_000);
  await settled();
  assert.deepEqual(heard.at(-1), { event: "away", message: "no route" });
  server.fails = null;
  context.mock.timers.tick(2_000);
  await settled();
  assert.deepEqual(heard.at(-1), { event: "away", message: null });
  assert.equal(server.asked.at(-1), "jobs/events?job=a:4");
  // One that is silent is none, as when the machine has slept.
  context.mock.timers.tick(70_000);
  await settled();
  context.mock.timers.tick(8_000);
  await settled();
  assert.equal(server.open, 1);
  server.tell("a", 4, { event: "progress", message: "x", share: 0.5 });
  server.tell("a", 5, { event: "result", failed: false, data: {} });
  await settled();
  assert.deepEqual(ended, ["result"]);
  assert.equal(heard.filter(({ event }) => event === "progress").length, 1);
});

test("who is refused is told, and asks no more", async () => {
  const server = new Server();
  server.fails = new Refused(403, "", "Forbidden", null);
  const { ended } = follow(new Following(server.ask), "a");
  await settled();
  assert.deepEqual(ended, ["Forbidden"]);
  assert.equal(server.asked.length, 1);
});

test("to listen no more leaves the others their connection", async (context: TestContext) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const server = new Server();
  const following = new Following(server.ask);
  const leaving = new AbortController();
  const one = follow(following, "a", leaving.signal);
  // The same job may be looked at twice.
  const other = follow(following, "b");
  const twice = follow(following, "b");
  await settled();
  leaving.abort();
  await settled();
  assert.deepEqual(one.ended, ["nobody listens any more"]);
  assert.equal(server.asked.at(-1), "jobs/events?job=b:0");
  server.tell("b", 1, { event: "result", failed: false, data: {} });
  await settled();
  assert.deepEqual([other.ended, twice.ended], [["result"], ["result"]]);
});
