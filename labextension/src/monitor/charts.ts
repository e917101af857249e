// The charts over time: one uPlot each, with one cursor and one zoom for all of them.

import uPlot from "uplot";
import { element } from "../live_chart/controls";
import { clock } from "./words";

/** The palette of the static pictures (faces/views/chart.py). */
const COLOURS = ["#2f7ed8", "#d9730d", "#2b9a57", "#d6457a", "#8f66d0", "#0f93a8", "#a6752f", "#808080"];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3]];
const HEIGHT = 150;
const FONT = "11px system-ui, sans-serif";

export const colour = (style: number) => COLOURS[style % COLOURS.length];
export const dashes = (style: number) => DASHES[style % DASHES.length];

export interface Line {
  label: string;
  style: number;
  values: (number | null)[];
}

/** What all charts share: the zoom, and what lies under the cursor. */
export class Together {
  readonly key: string;
  private static made = 0;
  charts: Chart[] = [];
  /** Seconds, or null for the whole range. */
  zoom: [number, number] | null = null;

  constructor(private onZoom: () => void) {
    this.key = `mlops-monitor-${++Together.made}`;
  }

  set(zoom: [number, number] | null): void {
    this.zoom = zoom;
    for (const chart of this.charts) chart.span();
    this.onZoom();
  }
}

export class Chart {
  readonly root: HTMLElement;
  private place = element("div", { class: "mlops-chart-plot" });
  private keys = element("div", { class: "mlops-chart-keys" });
  private plot: uPlot | null = null;
  private shape = "";
  private data: uPlot.AlignedData = [[]];
  private lines: Line[] = [];
  private range = 0;

  constructor(
    title: string,
    unit: string,
    private words: (value: number | null | undefined) => string,
    private together: Together,
    private factor = 1,
  ) {
    const caption = element(
      "figcaption",
      {},
      element("b", {}, title),
      " ",
      element("span", { class: "mlops-faint" }, unit),
    );
    this.root = element("figure", { class: "mlops-chart", "aria-label": title }, caption, this.place, this.keys);
    together.charts.push(this);
  }

  show(times: number[], lines: Line[], range: number): void {
    const shape = JSON.stringify(lines.map((line) => [line.label, line.style]));
    this.lines = lines;
    this.range = range;
    const scaled =
      this.factor === 1
        ? lines.map((line) => line.values)
        : lines.map((line) => line.values.map((value) => (value === null ? null : value * this.factor)));
    this.data = [times, ...scaled] as uPlot.AlignedData;
    if (this.plot === null || shape !== this.shape) {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = new uPlot(this.options(), this.data, this.place);
      this.span();
    } else {
      this.plot.batch(() => {
        this.plot!.setData(this.data, false);
        this.span();
      });
    }
    this.read();
  }

  fit(): void {
    const width = this.place.clientWidth;
    if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  repaint(): void {
    this.plot?.redraw(false);
  }

  /** Shows the zoom, or the whole range. */
  span(): void {
    const times = this.data[0] as number[];
    if (!this.plot || times.length === 0) return;
    const last = times[times.length - 1];
    const [min, max] = this.together.zoom ?? [last - this.range, last];
    this.plot.setScale("x", { min, max });
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = null;
  }

  private options(): uPlot.Options {
    const ink = (alpha: number) => () => {
      const found = getComputedStyle(this.place).color.match(/[\d.]+/g) ?? ["127", "127", "127"];
      return `rgba(${found[0]},${found[1]},${found[2]},${alpha})`;
    };
    const axis = {
      stroke: ink(0.75),
      grid: { stroke: ink(0.1), width: 1 },
      ticks: { stroke: ink(0.2), width: 1, size: 3 },
      font: FONT,
    };
    return {
      width: Math.max(this.place.clientWidth, 120),
      height: HEIGHT,
      legend: { show: false },
      cursor: {
        drag: { x: true, y: false, dist: 4, setScale: false },
        points: { size: 5 },
        sync: { key: this.together.key },
      },
      scales: { x: { time: false }, y: { range: (_, low, high) => from(low, high) } },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 2,
          space: 64,
          incrs: STEPS,
          values: (_, ticks, __, ___, step) => ticks.map((tick) => clock(tick, step < 60)),
        },
        { ...axis, size: 44, gap: 3, space: 28, values: (_, ticks) => ticks.map(brief) },
      ],
      series: [
        {},
        ...this.lines.map((line): uPlot.Series => ({
          stroke: colour(line.style),
          width: 1.5,
          dash: dashes(line.style),
          points: { show: false },
          spanGaps: false,
        })),
      ],
      hooks: {
        setCursor: [() => this.read()],
        setSelect: [
          (plot) => {
            // A zoom is the reader's; a chart that follows another's cursor selects nothing itself.
            if (plot.select.width < 4) return;
            const ends: [number, number] = [
              plot.posToVal(plot.select.left, "x"),
              plot.posToVal(plot.select.left + plot.select.width, "x"),
            ];
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            this.together.set(ends);
          },
        ],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => this.together.set(null))],
      },
    };
  }

  /** Writes what lies under the cursor, else what came last. */
  private read(): void {
    const times = this.data[0] as number[];
    const under = this.plot?.cursor.idx;
    const place = under ?? times.length - 1;
    const at = under === null || under === undefined ? "" : clock(times[place], true);
    this.keys.replaceChildren(
      ...this.lines.map((line) =>
        element(
          "span",
          { class: "mlops-chart-key" },
          swatch(line.style),
          `${line.label} `,
          element("b", {}, this.words(line.values[place])),
        ),
      ),
      element("span", { class: "mlops-faint" }, at),
    );
  }
}

const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];

/** An axis begins at nought, and has room above; a line of noughts lies at its bottom. */
function from(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null || !(high > 0)) return [Math.min(0, low ?? 0), 1];
  return [Math.min(0, low), high * 1.08];
}

function brief(value: number | null): string {
  if (value === null) return "";
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

/** A piece of a line: its colour and its dashes. */
export function swatch(style: number): SVGElement {
  const picture = svg("svg", { viewBox: "0 0 20 8", "aria-hidden": "true", class: "mlops-swatch" });
  picture.append(
    svg("path", {
      d: "M1 4h18",
      stroke: colour(style),
      "stroke-width": "2",
      "stroke-dasharray": dashes(style).join(" "),
    }),
  );
  return picture;
}

export function svg(kind: string, attributes: Record<string, string>, ...inside: Node[]): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}
