// One uPlot and what it needs to know: the curves, the theme of the page around it, the zoom.

import uPlot from "uplot";
import { type Axis, type Curve, curve, smoothed, words } from "./curve";
import type { Series } from "./store";

/** The palette of the static pictures (faces/views/chart.py): a run keeps its look when the chart becomes one. */
const COLOURS = ["#2f7ed8", "#d9730d", "#2b9a57", "#d6457a", "#8f66d0", "#0f93a8", "#a6752f", "#808080"];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3]];
const HEIGHT = 220;

export interface Look {
  axis: Axis;
  log: boolean;
  weight: number;
}

export const colour = (style: number) => COLOURS[style % COLOURS.length];
export const dashes = (style: number) => DASHES[style % DASHES.length];

/** What the reader is shown of one series: at the cursor, or at its end. */
export interface Reading {
  x: number | null;
  values: (number | null)[];
}

// What a plot is made anew for: styles, names, axis, whether the scale is logarithmic and curves are smoothed.
type Shape = [number[], string[], string, boolean, boolean];

export class Plot {
  private plot: uPlot | null = null;
  private shape = "";
  private zoomed = false;
  private data: uPlot.AlignedData = [[]];
  drawn = 0;

  constructor(
    private place: HTMLElement,
    private onRead: (reading: Reading) => void,
  ) {}

  /** Draws the series; the plot is made anew only when its shape changes. Styles are places in the legend. */
  show(series: Series[], styles: number[], look: Look): void {
    const shape = JSON.stringify([styles, series.map((one) => one.name), look.axis, look.log, look.weight > 0]);
    this.data = this.aligned(series, look);
    if (this.plot === null || shape !== this.shape) {
      const span = this.plot && this.zoomed && this.sameAxis(shape) ? this.plot.scales.x : null;
      this.plot?.destroy();
      this.shape = shape;
      this.plot = new uPlot(this.options(styles, look), this.data, this.place);
      this.zoomed = span !== null;
      if (span) this.plot.setScale("x", { min: span.min!, max: span.max! });
    } else if (this.zoomed) {
      const { min, max } = this.plot.scales.x;
      this.plot.setData(this.data, false);
      this.plot.setScale("x", { min: min!, max: max! });
    } else {
      this.plot.setData(this.data);
    }
    this.read();
  }

  fit(): void {
    const width = this.place.clientWidth;
    if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  /** Draws again in the colours that the page has now. */
  repaint(): void {
    this.plot?.redraw(false);
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = null;
  }

  private sameAxis(shape: string): boolean {
    const [, names, axis] = JSON.parse(shape) as Shape;
    const [, oldNames, oldAxis] = JSON.parse(this.shape) as Shape;
    return axis === oldAxis && names[0] === oldNames[0];
  }

  private aligned(series: Series[], look: Look): uPlot.AlignedData {
    const curves: Curve[] = series.map((one) => curve(one, look.axis, look.log));
    this.drawn = curves.reduce((sum, [, y]) => sum + y.filter((value) => value !== null).length, 0);
    const tables = curves.map(([x, y]) => (look.weight > 0 ? [x, y, smoothed(y, look.weight)] : [x, y]));
    if (tables.length === 1) return tables[0] as uPlot.AlignedData;
    // Retained nulls (1) are gaps of a run; where only another run has a point, the line goes on.
    return uPlot.join(
      tables as uPlot.AlignedData[],
      tables.map((table) => table.map(() => 1)),
    );
  }

  private options(styles: number[], look: Look): uPlot.Options {
    const ink = (alpha: number) => () => {
      const found = getComputedStyle(this.place).color.match(/[\d.]+/g) ?? ["127", "127", "127"];
      return `rgba(${found[0]},${found[1]},${found[2]},${alpha})`;
    };
    const axis = {
      stroke: ink(0.75),
      grid: { stroke: ink(0.12), width: 1 },
      ticks: { stroke: ink(0.25), width: 1, size: 4 },
    };
    const any = this.data.slice(1).some((column) => (column as (number | null)[]).some((value) => value != null));
    return {
      width: Math.max(this.place.clientWidth, 120),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: true, y: false, dist: 4 }, points: { size: 6 } },
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- uPlot has the names in its types only
      scales: { x: { time: false }, y: { distr: look.log && any ? 3 : 1 } },
      axes: [
        { ...axis, size: 28, gap: 3, font: FONT, values: (_, ticks) => ticks.map(tick) },
        { ...axis, size: yAxisSize, gap: 4, font: FONT, values: (_, ticks) => ticks.map(tick) },
      ],
      series: [{}, ...styles.flatMap((style) => lines(style, look.weight > 0))],
      hooks: {
        setCursor: [() => this.read()],
        setSelect: [(plot) => (this.zoomed ||= plot.select.width > 0)],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => (this.zoomed = false))],
      },
    };
  }

  /** Tells what lies under the cursor: of each series the nearest point to the left of it. */
  private read(): void {
    const [across, ...columns] = this.data as (number | null | undefined)[][];
    const shown =
      columns.length && (JSON.parse(this.shape) as Shape)[4] ? columns.filter((_, place) => place % 2 === 1) : columns;
    const under = this.plot?.cursor.idx;
    const from = under ?? across.length - 1;
    const values = shown.map((column) => {
      let place = from;
      while (place > 0 && column[place] === undefined) place--;
      return column[place] ?? null;
    });
    this.onRead({ x: under === null || under === undefined ? null : (across[under] ?? null), values });
  }
}

const FONT = "11px system-ui, sans-serif";

/** A number on an axis, as briefly as the static pictures write it. */
function tick(value: number | null): string {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-3)) return value.toExponential().replace("e+", "e");
  for (const [unit, suffix] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k"],
  ] as const) {
    if (size >= unit) return `${Number((value / (unit === 1e4 ? 1e3 : unit)).toPrecision(6))}${suffix}`;
  }
  return String(Number(value.toPrecision(8)));
}

function yAxisSize(_plot: uPlot, labels: string[] | null): number {
  return 14 + 6.4 * Math.max(3, ...(labels ?? []).map((label) => label?.length ?? 0));
}

function lines(style: number, smooth: boolean): uPlot.Series[] {
  const line: uPlot.Series = {
    stroke: colour(style),
    width: 1.6,
    dash: dashes(style),
    points: { show: lonely, size: 5, stroke: colour(style) },
    value: (_, value) => words(value),
  };
  return smooth
    ? [
        { ...line, width: 1, alpha: 0.3, dash: [] },
        { ...line, points: { show: false } },
      ]
    : [line];
}

/** Marks points only where there are too few of them to be seen as a line. */
function lonely(plot: uPlot, series: number): boolean {
  return (plot.data[series] as (number | null)[]).filter((value) => value != null).length < 3;
}
