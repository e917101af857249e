// Runs as they come, page by page: which there are, in which order, and which of them are meant by a search.
import type { RunPage, RunRow } from "../api";

export type Column = "status" | "name" | "started" | "duration_s" | `metrics.${string}`;

export interface Sorting {
  readonly column: Column;
  readonly descending: boolean;
}

export const NEWEST_FIRST: Sorting = { column: "started", descending: true };
const METRIC = "metrics.";
// What autologging adds about the training, says less than what was logged by name.
const BY_THE_WAY = "training_";
const QUERY =
  /\b(metrics?|params?|parameters?|tags?|attributes?|attr|runs?|datasets?)\.(`[^`]+`|"[^"]+"|[^\s<>=!]+)\s*(<|>|=|!=|\blike\b|\bilike\b|\b(not\s+)?in\b)/i;
const collator = new Intl.Collator(undefined, { numeric: true });

/** Whether a text is a query for the store, in MLflow's words. */
export function isQuery(text: string): boolean {
  return QUERY.test(text);
}

export function metricOf(column: Column): string | null {
  return column.startsWith(METRIC) ? column.slice(METRIC.length) : null;
}

/** A run's metric; a name may be that of anything, also of what every object has. */
export function metric(run: RunRow, name: string): number | string | undefined {
  return Object.hasOwn(run.metrics, name) ? run.metrics[name] : undefined;
}

/** A run's value in a column, to be compared; null where it has none. */
export function valueOf(run: RunRow, column: Column): number | string | null {
  const name = metricOf(column);
  if (name !== null) {
    const value = metric(run, name);
    return typeof value === "number" ? value : value === undefined || value === "NaN" ? null : Number(value);
  }
  switch (column) {
    case "started":
      return run.started === null ? null : Date.parse(run.started);
    case "duration_s":
      return run.duration_s;
    case "status":
      return run.status;
    default:
      return run.name;
  }
}

/**
 * The first metrics of `all`, but those that were `shown` stay as long as they are there: which ones most runs have may
 * change with each page that is read, and a column that one looks at does not move away.
 */
export function lasting(shown: readonly string[], all: readonly string[], most: number): string[] {
  const stay = shown.filter((one) => all.includes(one));
  return [...stay, ...all.filter((one) => !stay.includes(one))].slice(0, most);
}

export class RunRows {
  private readonly known = new Map<string, RunRow>();
  private readonly words = new Map<string, string>();
  private readonly uses = new Map<string, number>();

  get size(): number {
    return this.known.size;
  }

  get(id: string): RunRow | undefined {
    return this.known.get(id);
  }

  clear(): void {
    this.known.clear();
    this.words.clear();
    this.uses.clear();
  }

  /** Take runs over; how many of them were known, and whether any is new or has changed. */
  add(runs: readonly RunRow[]): { known: number; changed: boolean } {
    let [known, changed] = [0, false];
    for (const run of runs) {
      const before = this.known.get(run.run_id);
      if (before !== undefined) {
        known++;
        if (JSON.stringify(before) === JSON.stringify(run)) {
          continue;
        }
        this.count(before, -1);
      }
      changed = true;
      this.known.set(run.run_id, run);
      this.words.set(run.run_id, `${run.name}\n${run.run_id}\n${run.status}\n${run.notebook ?? ""}`.toLowerCase());
      this.count(run, 1);
    }
    return { known, changed };
  }

  /** The known runs that are not in a page of the newest ones, though it goes back beyond them: they were deleted. */
  missing({ runs, next_page }: Pick<RunPage, "runs" | "next_page">): string[] {
    const there = new Set(runs.map((run) => run.run_id));
    const oldest = Date.parse(runs.at(-1)?.started ?? "");
    return [...this.known.values()]
      .filter((run) => !there.has(run.run_id) && (next_page === null || Date.parse(run.started ?? "") > oldest))
      .map((run) => run.run_id);
  }

  /** Forget runs; whether any of them was known. */
  drop(ids: readonly string[]): boolean {
    const runs = ids.map((id) => this.known.get(id)).filter((run) => run !== undefined);
    for (const run of runs) {
      this.count(run, -1);
      this.known.delete(run.run_id);
      this.words.delete(run.run_id);
    }
    return runs.length > 0;
  }

  /** The runs that were not at their end when they were read. */
  unfinished(): string[] {
    return [...this.known.values()].filter((run) => run.duration_s === null).map((run) => run.run_id);
  }

  /** The metrics that the runs have, those first that most of them have. */
  metrics(): string[] {
    const late = (name: string): number => Number(name.startsWith(BY_THE_WAY));
    const uses = (name: string): number => this.uses.get(name) ?? 0;
    return [...this.uses.keys()].sort((a, b) => late(a) - late(b) || uses(b) - uses(a) || collator.compare(a, b));
  }

  /** The runs that have each word of a search in their name, id, status or notebook, in order. */
  view(search: string, { column, descending }: Sorting): RunRow[] {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const meant = [...this.known.values()].filter((run) => {
      const text = this.words.get(run.run_id) ?? "";
      return words.every((word) => text.includes(word));
    });
    const newest = new Map(meant.map((run) => [run, valueOf(run, "started") as number | null]));
    const values = column === "started" ? newest : new Map(meant.map((run) => [run, valueOf(run, column)]));
    const sign = descending ? -1 : 1;
    return meant.sort(
      (a, b) =>
        inOrder(values.get(a) ?? null, values.get(b) ?? null, sign) ||
        inOrder(newest.get(a) ?? null, newest.get(b) ?? null, -1) ||
        (a.run_id < b.run_id ? -1 : 1),
    );
  }

  private count(run: RunRow, by: number): void {
    for (const name of Object.keys(run.metrics)) {
      const uses = (this.uses.get(name) ?? 0) + by;
      if (uses > 0) {
        this.uses.set(name, uses);
      } else {
        this.uses.delete(name);
      }
    }
  }
}

/** What has no value comes last, whatever the direction. */
function inOrder(a: number | string | null, b: number | string | null, sign: number): number {
  if (a === null || b === null) {
    return Number(a === null) - Number(b === null);
  }
  return sign * (typeof a === "string" || typeof b === "string" ? collator.compare(String(a), String(b)) : a - b);
}
