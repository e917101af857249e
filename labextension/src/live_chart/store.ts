// All points of one chart. It belongs to the model, not to a view: a second view finds everything there.

import { decode, type Message } from "./wire";

const MOST_POINTS = 20_000;
/** A question without an answer is asked again: a page that is just connecting may lose one. */
const PATIENCE_MS = 2_000;

export interface Series {
  label: string;
  name: string;
  resource: boolean;
  steps: number[];
  seconds: number[];
  values: number[];
}

export class Store {
  series: Series[] = [];
  /** Points received, thinned ones included. */
  received = 0;
  private next: number | null;
  private asked = false;
  private askedAt = 0;
  private listeners = new Set<() => void>();

  /**
   * @param told how many messages the kernel had sent when this page learned of the chart
   * @param ask sends the kernel a request for what was missed
   */
  constructor(
    told: number,
    private ask: () => void,
  ) {
    this.next = told === 0 ? 0 : null;
    if (told > 0) this.miss();
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Metrics and resources by name, in the order declared. */
  names(resource: boolean): string[] {
    return [
      ...new Set(
        this.series.filter((one) => one?.resource === resource && one.values.length > 0).map((one) => one.name),
      ),
    ];
  }

  labels(): string[] {
    return [...new Set(this.series.filter((one) => one && !one.resource).map((one) => one.label))];
  }

  take(message: Message, buffers: DataView[]): void {
    if (message.backlog) {
      // Another page's question is answered to all.
      if (!this.asked) return;
      this.asked = false;
      this.series = [];
      this.received = 0;
    } else {
      if (this.next !== null && message.n < this.next) return;
      if (this.asked || (this.next !== null && message.n > this.next)) this.miss();
      this.next = message.n + 1;
    }
    if (message.backlog) this.next = message.n;
    for (const [index, label, name, resource] of message.new ?? []) {
      this.series[index] ??= { label, name, resource: resource === 1, steps: [], seconds: [], values: [] };
    }
    if (buffers[0]) this.append(message, buffers[0]);
    for (const listener of this.listeners) listener();
  }

  private miss(): void {
    if (this.asked && Date.now() - this.askedAt < PATIENCE_MS) return;
    this.asked = true;
    this.askedAt = Date.now();
    this.ask();
  }

  private append(message: Message, buffer: DataView): void {
    const points = decode(message, buffer);
    for (let place = 0; place < points.values.length; place++) {
      const series = this.series[points.series[place]];
      // Declared in a message that was missed: the backlog will bring it.
      if (!series) continue;
      series.steps.push(points.steps[place]);
      series.seconds.push(points.seconds[place]);
      series.values.push(points.values[place]);
      this.received++;
      if (series.values.length > MOST_POINTS) thin(series);
    }
  }
}

/** Leaves the lowest and the highest value of each stretch of four: half of the points, and every peak. */
export function thin(series: Series): void {
  const { values } = series;
  const kept: number[] = [];
  for (let start = 0; start < values.length; start += 4) {
    const end = Math.min(start + 4, values.length);
    let low = -1;
    let high = -1;
    let gap = -1;
    for (let place = start; place < end; place++) {
      if (!Number.isFinite(values[place])) gap = place;
      else {
        if (low < 0 || values[place] < values[low]) low = place;
        if (high < 0 || values[place] > values[high]) high = place;
      }
    }
    const found = new Set([low, high, low < 0 ? gap : -1].filter((place) => place >= 0));
    if (start === 0) found.add(0);
    if (end === values.length) found.add(end - 1);
    kept.push(...[...found].sort((one, other) => one - other));
  }
  for (const column of ["steps", "seconds", "values"] as const) {
    series[column] = kept.map((place) => series[column][place]);
  }
}
