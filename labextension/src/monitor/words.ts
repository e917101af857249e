// Numbers, times and verdicts as the dashboard writes them.

export const DASH = "–";

export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  if (value === 0) return "0";
  return value >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return DASH;
  if (seconds < 0.001) return `${Number((seconds * 1e6).toPrecision(3))} µs`;
  return seconds < 1 ? `${Number((seconds * 1e3).toPrecision(3))} ms` : `${Number(seconds.toPrecision(3))} s`;
}

export function share(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  const percent = 100 * value;
  return `${percent === 0 || percent >= 10 ? Math.round(percent * 10) / 10 : Number(percent.toPrecision(2))} %`;
}

export function number(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined ? DASH : String(Number(value.toPrecision(digits)));
}

export function count(value: number): string {
  return value.toLocaleString("en");
}

/** A time of day, in the reader's own time zone. */
export function clock(seconds: number, exact: boolean): string {
  const options: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", exact ? { ...options, second: "2-digit" } : options);
}

export function moment(seconds: number): string {
  const day = new Date(seconds * 1000).toLocaleDateString("en-CA");
  return `${day} ${clock(seconds, true)}`;
}

export function stretch(seconds: number): string {
  for (const [unit, size] of [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
  ] as const) {
    if (seconds % size === 0) return `${seconds / size} ${unit === "m" ? "min" : unit}`;
  }
  return `${seconds} s`;
}
