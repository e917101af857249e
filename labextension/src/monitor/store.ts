// All that one dashboard knows. It belongs to the model, not to a view: a second view finds everything there.

import {
  decode,
  type DistributionMessage,
  type DoneMessage,
  type Message,
  type NowMessage,
  type SeriesMessage,
} from "./wire";

export interface Curve {
  what: string;
  version: string;
  detail: string;
  /** A value an instant; null where nothing is known. */
  values: (number | null)[];
}

export type Change = "alive" | "series" | "now" | "distribution" | "done";

export class Store {
  times: number[] = [];
  curves: Curve[] = [];
  range: number;
  step = 1;
  now: NowMessage | null = null;
  distribution: DistributionMessage | null = null;
  done: DoneMessage | null = null;
  /** When the kernel was last heard, in milliseconds. */
  heard = Date.now();
  /** Messages and instants received. */
  received = 0;
  instants = 0;
  private next: number | null = null;
  private asked = true;
  private listeners = new Set<(change: Change) => void>();

  constructor(
    range: number,
    readonly send: (content: unknown) => void,
  ) {
    this.range = range;
    this.begin();
  }

  onChange(listener: (change: Change) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Asks for everything. */
  begin(): void {
    this.asked = true;
    this.send({ ask: "begin" });
  }

  take(message: Message, buffers: DataView[]): void {
    if (message.kind === "series" && message.reset) this.asked = false;
    else if (this.next !== null && message.n !== this.next && !this.asked) this.begin();
    this.next = message.n + 1;
    this.received++;
    this.heard = Date.now();
    // What comes before the answer would have a gap before it.
    if (message.kind === "series" && !this.asked) this.append(message, buffers[0]);
    this.put(message);
  }

  /** Takes what did not come in order with the others: it was asked for, or is from here. */
  put(message: Message): void {
    if (message.kind === "now") this.now = message;
    else if (message.kind === "distribution") this.distribution = message;
    else if (message.kind === "done") this.done = message;
    for (const listener of this.listeners) listener(message.kind);
  }

  /** The curves of one kind that have something to show, with their places. */
  of(what: string): Curve[] {
    return this.curves.filter((one) => one?.what === what);
  }

  /** What a curve said last. */
  last(what: string, version = "", detail = ""): number | null {
    const found = this.curves.find((one) => one?.what === what && one.version === version && one.detail === detail);
    return found?.values[found.values.length - 1] ?? null;
  }

  private append(message: SeriesMessage, buffer: DataView | undefined): void {
    if (message.reset) {
      this.times = [];
      this.curves = [];
      this.instants = 0;
    }
    this.range = message.range;
    this.step = message.step;
    const before = this.times.length;
    for (const [index, what, version, detail] of message.new) {
      this.curves[index] = { what, version, detail, values: new Array<number | null>(before).fill(null) };
    }
    if (!buffer || message.count === 0) return;
    const { times, values } = decode(message, buffer);
    this.times.push(...times);
    this.instants += times.length;
    const told = new Map(message.columns.map((column, place) => [column, values[place]]));
    this.curves.forEach((curve, index) => {
      const column = told.get(index);
      for (let place = 0; place < times.length; place++) {
        const value = column ? column[place] : NaN;
        curve.values.push(Number.isFinite(value) ? value : null);
      }
    });
    this.forget();
  }

  /** Drops what is older than the range. */
  private forget(): void {
    const first = this.times[this.times.length - 1] - this.range;
    let drop = 0;
    while (this.times[drop] < first) drop++;
    if (drop < 16) return;
    this.times.splice(0, drop);
    for (const curve of this.curves) curve?.values.splice(0, drop);
  }
}
