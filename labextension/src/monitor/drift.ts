// Drift: a bar a feature, those that moved most first; a click shows both distributions.

import { element } from "../live_chart/controls";
import type { Trans } from "../live_chart/trans";
import { svg } from "./charts";
import type { DistributionMessage, Feature, Report, Spread } from "./wire";
import { count, number, share } from "./words";

const SHOWN = 12;

export interface Opened {
  version: string;
  feature: string;
  output: boolean;
}

/** The scores of a feature over time, oldest first. */
export type Past = (opened: Opened) => (number | null)[];

interface Row {
  feature: Feature;
  output: boolean;
  excess: number;
}

export class Drift {
  readonly root = element("section", { class: "mlops-panel mlops-drift" });
  private version = "";
  private all = false;
  private opened: Opened | null = null;
  private reports: Report[] = [];
  private spread: DistributionMessage | null = null;
  private past: Past = () => [];
  private drawn = "";

  constructor(
    private trans: Trans,
    private onOpen: (opened: Opened | null) => void,
  ) {
    this.root.setAttribute("aria-label", trans.__("Drift"));
  }

  show(reports: Report[], spread: DistributionMessage | null, past: Past): void {
    this.reports = reports;
    this.spread = spread;
    this.past = past;
    this.draw();
  }

  private draw(): void {
    const report = this.reports.find((one) => one.version === this.version) ?? this.reports[0];
    const drawn = JSON.stringify([report, this.all, this.opened, this.opened && [this.spread, this.past(this.opened)]]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.feature;
    this.root.hidden = report === undefined;
    if (!report) return;
    const rows = sorted(report);
    const shown = this.all ? rows : rows.slice(0, SHOWN);
    // The longest bar fills its place; a threshold never lies beyond the middle.
    const scale = Math.max(2, ...rows.map((row) => row.excess));
    const drifted = rows.filter((row) => moved(row.feature)).length;
    const said =
      report.rows[1] > 0
        ? this.trans.__("%1 of %2 · %3 rows against %4", drifted, rows.length, count(report.rows[1]), report.baseline)
        : this.trans.__("no rows yet against %1", report.baseline);
    this.root.replaceChildren(
      element(
        "header",
        {},
        element("b", {}, this.trans.__("Drift")),
        this.versions(report),
        element("span", { class: "mlops-faint" }, rows.length ? said : this.trans.__("not known")),
      ),
      element("div", { class: "mlops-drift-rows", role: "list" }, ...shown.map((row) => this.row(report, row, scale))),
      ...(rows.length > SHOWN ? [this.more(rows.length)] : []),
      ...report.notes.map((note) => element("div", { class: "mlops-faint" }, note)),
    );
    if (focused !== undefined) this.root.querySelector<HTMLElement>(`[data-feature="${CSS.escape(focused)}"]`)?.focus();
  }

  private versions(report: Report): Node {
    if (this.reports.length < 2)
      return element("span", {}, report.version && this.trans.__("version %1", report.version));
    const select = element(
      "select",
      { "aria-label": this.trans.__("version") },
      ...this.reports.map((one) => element("option", { value: one.version }, this.trans.__("version %1", one.version))),
    );
    select.value = report.version;
    select.addEventListener("change", () => {
      this.version = select.value;
      this.open(null);
    });
    return select;
  }

  private row(report: Report, row: Row, scale: number): HTMLElement {
    const [name, method, score, threshold, drifted, missing, note, known] = row.feature;
    const open =
      this.opened?.feature === name && this.opened.output === row.output && this.opened.version === report.version;
    const bar = element("span", { class: "mlops-bar" });
    const filled = element("span", { class: drifted ? "mlops-bar-far" : "mlops-bar-near" });
    filled.style.width = `${(100 * Math.max(0, row.excess)) / scale}%`;
    const mark = element("span", { class: "mlops-bar-mark" });
    mark.style.left = `${100 / scale}%`;
    bar.append(filled, mark);
    const words = [
      drifted ? this.trans.__("drifted") : "",
      missing.length ? this.trans.__("missing %1 → %2", share(missing[0]), share(missing[1])) : "",
      note,
    ].filter(Boolean);
    const button = element(
      "button",
      {
        type: "button",
        class: "mlops-drift-row",
        "data-feature": `${row.output ? "→" : ""}${name}`,
        "aria-expanded": String(open),
        title: this.trans.__("%1: %2 %3, threshold %4", name, method, number(score), number(threshold)),
      },
      element("span", { class: "mlops-drift-name" }, row.output ? `→ ${name}` : name),
      bar,
      element("b", {}, number(score)),
      element("span", { class: "mlops-faint" }, `${method.replace("_", "-")} / ${number(threshold)}`),
      element("span", { class: drifted || missing.length ? "mlops-alarm" : "mlops-faint" }, words.join("; ")),
    );
    button.disabled = !known;
    button.addEventListener("click", () =>
      this.open(open ? null : { version: report.version, feature: name, output: row.output }),
    );
    const item = element("div", { role: "listitem" }, button);
    if (open) item.append(this.overlay(threshold));
    return item;
  }

  private overlay(threshold: number | null): HTMLElement {
    const spread = this.spread;
    const here =
      this.opened &&
      spread?.feature === this.opened.feature &&
      spread.version === this.opened.version &&
      spread.output === this.opened.output;
    if (!here || !spread.spread)
      return element(
        "div",
        { class: "mlops-overlay mlops-faint" },
        here ? this.trans.__("there is no distribution") : "…",
      );
    const past = this.past(this.opened!);
    const found = element(
      "div",
      { class: "mlops-overlay" },
      histogram(spread.spread, this.trans),
      legend(spread.spread, this.trans),
    );
    if (past.filter((score) => score !== null).length > 1) {
      found.append(
        element("div", { class: "mlops-faint" }, this.trans.__("score over the time range, threshold dashed")),
        history(past, threshold, this.trans),
      );
    }
    return found;
  }

  private more(all: number): HTMLElement {
    const button = element(
      "button",
      { type: "button", class: "mlops-link" },
      this.all ? this.trans.__("fewer") : this.trans.__("all %1", all),
    );
    button.addEventListener("click", () => {
      this.all = !this.all;
      this.draw();
    });
    return button;
  }

  private open(opened: Opened | null): void {
    this.opened = opened;
    this.onOpen(opened);
    this.draw();
  }
}

/** Those that have drifted come first, also those that are missing and have no score; of these and of the others those
 * furthest beyond their threshold: methods cannot be compared by their scores. */
export function sorted(report: Report): Row[] {
  const rows = [
    ...report.features.map((feature) => ({ feature, output: false })),
    ...report.outputs.map((feature) => ({ feature, output: true })),
  ];
  return rows
    .map((row) => ({ ...row, excess: excess(row.feature) }))
    .sort((one, other) => Number(moved(other.feature)) - Number(moved(one.feature)) || other.excess - one.excess);
}

function moved(feature: Feature): boolean {
  return feature[4] === 1 || feature[5].length > 0;
}

function excess([, , score, threshold]: Feature): number {
  if (score === null) return -1;
  return threshold === null ? 0 : threshold > 0 ? score / threshold : score;
}

function histogram(spread: Spread, trans: Trans): SVGElement {
  const width = 420;
  const height = 90;
  const top = Math.max(...spread.baseline, ...spread.now, 1e-9);
  const step = width / Math.max(1, spread.baseline.length);
  const up = (share: number) => height * (1 - share / top);
  const bars = spread.baseline.map((then, place) => {
    const bar = svg("rect", {
      x: String(place * step + 0.5),
      y: String(up(then)),
      width: String(Math.max(1, step - 1)),
      height: String(height - up(then)),
    });
    bar.append(
      svg(
        "title",
        {},
        document.createTextNode(
          trans.__("%1: %2 then, %3 now", bin(spread, place, trans), share(then), share(spread.now[place])),
        ),
      ),
    );
    return bar;
  });
  const line = spread.now.map((now, place) => `${place ? "V" : "M0 "}${up(now)}H${(place + 1) * step}`).join("");
  return svg(
    "svg",
    { viewBox: `0 -2 ${width} ${height + 4}`, role: "img", class: "mlops-histogram", preserveAspectRatio: "none" },
    svg("title", {}, document.createTextNode(trans.__("baseline and now"))),
    svg("g", { class: "mlops-histogram-then" }, ...bars),
    svg("path", { class: "mlops-histogram-now", d: line }),
  );
}

/** A feature's score over the time range, beside its threshold. */
function history(past: (number | null)[], threshold: number | null, trans: Trans): SVGElement {
  const width = 420;
  const height = 36;
  const top = 1.1 * Math.max(threshold ?? 0, ...past.map((score) => score ?? 0), 1e-9);
  const up = (score: number) => height * (1 - score / top);
  let pen = "M";
  const line = past.map((score, place) => {
    if (score === null) {
      pen = "M";
      return "";
    }
    const move = `${pen}${((place * width) / Math.max(1, past.length - 1)).toFixed(1)} ${up(score).toFixed(1)}`;
    pen = "L";
    return move;
  });
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", class: "mlops-history", preserveAspectRatio: "none" },
    svg("title", {}, document.createTextNode(trans.__("score over time"))),
    svg("path", { class: "mlops-history-score", d: line.join("") }),
    ...(threshold === null
      ? []
      : [svg("path", { class: "mlops-history-threshold", d: `M0 ${up(threshold)}H${width}` })]),
  );
}

function legend(spread: Spread, trans: Trans): HTMLElement {
  const last = spread.baseline.length - 1;
  const scores = Object.entries(spread.scores).map(([name, score]) => `${name.replace("_", "-")} ${number(score)}`);
  return element(
    "div",
    { class: "mlops-overlay-words" },
    element("span", {}, bin(spread, 0, trans)),
    element("span", {}, last > 0 ? bin(spread, last, trans) : ""),
    element("span", { class: "mlops-faint" }, trans.__("filled: baseline, line: now · %1", scores.join(" · "))),
  );
}

function bin(spread: Spread, place: number, trans: Trans): string {
  if (spread.names.length) return spread.names[place] ?? "";
  return trans.__("%1 to %2", number(spread.edges[place], 4), number(spread.edges[place + 1], 4));
}
