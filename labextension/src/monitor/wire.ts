// What the kernel sends: see widgets/monitor_wire.py, the other half.

export type Declared = [index: number, what: string, version: string, detail: string];

export interface SeriesMessage {
  kind: "series";
  n: number;
  /** How far back the dashboard looks, and the time between two instants, in seconds. */
  range: number;
  step: number;
  /** How many instants the buffer holds, and of which curves it has values. */
  count: number;
  columns: number[];
  new: Declared[];
  /** Whether this is everything, in the place of what was told before. */
  reset: boolean;
}

/** Name, method, score, threshold, drifted, missing shares if they differ, note, whether there is a distribution. */
export type Feature = [string, string, number | null, number | null, 0 | 1, number[], string, 0 | 1];

export interface Report {
  version: string;
  baseline: string;
  rows: [baseline: number, now: number];
  features: Feature[];
  outputs: Feature[];
  notes: string[];
}

export interface Alert {
  id: string;
  name: string;
  severity: string;
  summary: string;
  since: number;
  silenced: boolean;
}

export type Metric = [name: string, value: number | null, low: number | null, high: number | null, labels: number];

export interface NowMessage {
  kind: "now";
  n: number;
  status: string;
  source: string;
  notes: string[];
  served: { version: string; percent: number; shadow: boolean; model: string }[];
  variants: Record<string, string>;
  reports: Report[];
  qualities: { version: string; rows: number; labelled: number; metrics: Metric[] }[];
  alerts: Alert[];
  acknowledges: boolean;
  decisions: [at: number, version: string, verdict: string, reason: string, percent: number][];
}

export interface Spread {
  edges: number[];
  names: string[];
  baseline: number[];
  now: number[];
  scores: Record<string, number | null>;
}

export interface DistributionMessage {
  kind: "distribution";
  n: number;
  version: string;
  feature: string;
  output: boolean;
  spread: Spread | null;
}

export interface DoneMessage {
  kind: "done";
  n: number;
  what: string;
  failed: boolean;
  words: string;
}

/** Nothing is new; the kernel is there all the same. */
export interface AliveMessage {
  kind: "alive";
  n: number;
}

export type Message = AliveMessage | SeriesMessage | NowMessage | DistributionMessage | DoneMessage;

/** Reads the buffer of a series message: the instants, then the values of each curve. */
export function decode(message: SeriesMessage, buffer: DataView): { times: Float64Array; values: Float32Array[] } {
  const { count, columns } = message;
  if (buffer.byteLength !== count * 8 + count * 4 * columns.length) {
    throw new Error(`${buffer.byteLength} bytes are not ${count} instants of ${columns.length} curves`);
  }
  // A copy: typed arrays want aligned bytes.
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength).slice().buffer;
  return {
    times: new Float64Array(bytes, 0, count),
    values: columns.map((_, place) => new Float32Array(bytes, count * 8 + place * count * 4, count)),
  };
}
