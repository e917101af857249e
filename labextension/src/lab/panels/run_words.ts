// What is in the cells of the table of runs.
import type { RunRow } from "../api";
import { type Column, metric, metricOf } from "./run_rows";

const DASH = "–";
const SIGNS: Readonly<Record<string, string>> = {
  FINISHED: "✓",
  FAILED: "✗",
  KILLED: "■",
  RUNNING: "▶",
  SCHEDULED: "◷",
};
const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const thisYear = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});
const earlier = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A sign for a status, beside the word: it is seen at a glance, and nothing is told by colour alone. */
export function signOf(status: string): string {
  return SIGNS[status] ?? "•";
}

export function duration(seconds: number | null): string {
  if (seconds === null) {
    return DASH;
  }
  if (seconds < 60) {
    return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
  }
  const minutes = Math.floor(Math.round(seconds) / 60);
  const two = (value: number): string => String(value).padStart(2, "0");
  return minutes < 60
    ? `${minutes} min ${two(Math.round(seconds) % 60)} s`
    : `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** A metric with at most six significant digits. */
export function number(value: number | string | undefined): string {
  if (typeof value !== "number") {
    return value ?? "";
  }
  return String(Number(value.toPrecision(6)));
}

/** An instant in the reader's own time, no longer than it takes to tell it from now. */
export function when(started: string | null, now: Date): string {
  if (started === null) {
    return DASH;
  }
  const at = new Date(started);
  const same = at.getFullYear() === now.getFullYear();
  return (same ? (at.toDateString() === now.toDateString() ? today : thisYear) : earlier).format(at);
}

export function textOf(run: RunRow, column: Column, now: Date): string {
  const name = metricOf(column);
  if (name !== null) {
    return number(metric(run, name));
  }
  switch (column) {
    case "status":
      return run.status;
    case "started":
      return when(run.started, now);
    case "duration_s":
      return duration(secondsOf(run, now));
    default:
      return (run.parent === null ? "" : "└ ") + run.name;
  }
}

/** How long a run took, or takes so far. */
function secondsOf(run: RunRow, now: Date): number | null {
  if (run.duration_s !== null || run.started === null || run.status !== "RUNNING") {
    return run.duration_s;
  }
  return Math.max(0, Math.round((now.getTime() - Date.parse(run.started)) / 1000));
}

/** All of a run, a line each. */
export function whole(run: RunRow, now: Date): string {
  const started = run.started === null ? DASH : exact.format(new Date(run.started));
  const metrics = Object.entries(run.metrics).map(([key, value]) => `${key} ${number(value)}`);
  const took = duration(secondsOf(run, now));
  return [
    run.name,
    run.run_id,
    `${run.status} · ${started} · ${took}`,
    run.notebook,
    run.error,
    ...metrics.slice(0, 20),
  ]
    .filter(Boolean)
    .join("\n");
}
