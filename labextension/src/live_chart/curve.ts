// From a series to what is drawn of it: sorted, without what cannot be drawn, smoothed.

import type { Series } from "./store";

export type Axis = "step" | "time";

/** Columns for uPlot: x rises; null is a gap. */
export type Curve = [x: number[], y: (number | null)[]];

/** Steps that are all one say nothing: then time goes across. */
export function steady(series: Series[]): boolean {
  const first = series[0]?.steps[0];
  let count = 0;
  for (const { steps } of series) {
    for (const step of steps) if (step !== first) return false;
    count += steps.length;
  }
  return count > 1;
}

export function curve(series: Series, axis: Axis, log: boolean): Curve {
  const across = axis === "step" ? series.steps : series.seconds;
  const drawable = (value: number) => (Number.isFinite(value) && (!log || value > 0) ? value : null);
  let order: number[] | null = null;
  for (let place = 1; place < across.length; place++) {
    if (across[place] < across[place - 1]) {
      order = across.map((_, index) => index).sort((one, other) => across[one] - across[other] || one - other);
      break;
    }
  }
  if (order === null) return [across.slice(), series.values.map(drawable)];
  return [order.map((place) => across[place]), order.map((place) => drawable(series.values[place]))];
}

/** The exponential moving average, freed of its start at zero; gaps stay gaps. */
export function smoothed(y: (number | null)[], weight: number): (number | null)[] {
  let mean = 0;
  let mass = 1;
  return y.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    mass *= weight;
    return mean / (1 - mass);
  });
}

/** A value as the readout says it. */
export function words(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(3) : String(Number(value.toPrecision(5)));
}
