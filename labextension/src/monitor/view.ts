// One view of a dashboard. It draws, and keeps the kernel at work, only while somebody can see it.

import { element } from "../live_chart/controls";
import { english, type Trans } from "../live_chart/trans";
import { Actions } from "./actions";
import { Chart, type Line, Together } from "./charts";
import { Drift } from "./drift";
import { AlertPanel, DecisionPanel, QualityPanel } from "./panels";
import type { Change, Curve, Store } from "./store";
import { clock, DASH, duration, number, rate, share, stretch } from "./words";

/** Who tells says something every five seconds. */
const SILENCE_MS = 15_000;
/** See widgets/viewers.py, where it counts for four times as long. */
const SEEN_EVERY_MS = 5_000;
const RANGES = [900, 3_600, 21_600, 86_400];
let views = 0;

export class View {
  readonly root = element("section", { class: "mlops-monitor mlops-widget" });
  private readonly id = `view-${++views}-${Math.random().toString(36).slice(2)}`;
  private together = new Together(() => this.onZoom());
  private charts: Record<"requests" | "durations" | "errors" | "waiting", Chart>;
  private drift: Drift;
  private quality: QualityPanel;
  private decisions: DecisionPanel;
  private actions: Actions;
  private alerts: AlertPanel;
  private status = element("span", { class: "mlops-badge" });
  private source = element("span", { class: "mlops-faint" });
  private ranges = element("div", { class: "mlops-ranges", role: "group" });
  private pause = element("button", { type: "button", "aria-pressed": "false" });
  private unzoom = element("button", { type: "button" });
  private tiles = element("div", { class: "mlops-tiles" });
  private notes = element("div", { class: "mlops-notes", role: "status" });
  private silence = element("div", { class: "mlops-alarm", role: "status" }, "");
  private visible = false;
  private paused = false;
  private asked = 0;
  private told = false;
  private since = 0;
  private leave: (() => void)[] = [];

  constructor(
    private store: Store,
    title: string,
    since: number,
    silent?: string,
    private trans: Trans = english,
  ) {
    const perSecond = trans.__("per second");
    this.charts = {
      requests: new Chart(trans.__("Requests"), perSecond, rate, this.together),
      durations: new Chart(trans.__("Latency"), "ms", (value) => duration(value), this.together, 1_000),
      errors: new Chart(trans.__("Errors"), perSecond, rate, this.together),
      waiting: new Chart(trans.__("In flight, queued"), trans.__("requests"), (value) => number(value), this.together),
    };
    this.silence.textContent = silent ?? trans.__("⚠ the kernel says nothing any more: this is how it was");
    this.quality = new QualityPanel(trans);
    this.decisions = new DecisionPanel(trans);
    this.drift = new Drift(trans, (opened) => store.send({ ask: "open", ...(opened ?? { feature: null }) }));
    this.actions = new Actions(trans, (content) => store.send(content));
    this.alerts = new AlertPanel(trans, (alert, from) => this.actions.acknowledge(alert.id, alert.name, from));
    this.root.setAttribute("aria-label", trans.__("Dashboard of %1", title));
    this.ranges.setAttribute("aria-label", trans.__("time range"));
    this.pause.textContent = trans.__("pause");
    this.unzoom.textContent = trans.__("whole range");
    this.buildRanges(since);
    this.pause.addEventListener("click", () => this.setPaused(!this.paused));
    this.unzoom.addEventListener("click", () => this.together.set(null));
    this.unzoom.hidden = true;
    this.silence.hidden = true;
    const grid = element("div", { class: "mlops-grid" }, ...Object.values(this.charts).map((chart) => chart.root));
    this.root.append(
      element(
        "header",
        { class: "mlops-top" },
        this.status,
        element("b", { class: "mlops-title" }, title),
        this.source,
        element("span", { class: "mlops-spring" }),
        this.unzoom,
        this.ranges,
        this.pause,
      ),
      this.silence,
      this.notes,
      this.tiles,
      this.alerts.root,
      grid,
      element(
        "div",
        { class: "mlops-panels" },
        this.drift.root,
        element("div", { class: "mlops-side" }, this.actions.root, this.quality.root, this.decisions.root),
      ),
    );
    // Letters pressed here are not the notebook's shortcuts; to save and the like still is.
    this.root.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
    });
    this.watch();
  }

  destroy(): void {
    for (const leave of this.leave) leave();
    cancelAnimationFrame(this.asked);
    for (const chart of Object.values(this.charts)) chart.destroy();
    this.visible = false;
    this.tell();
  }

  /** Nobody can tell how the deployment is, because it is gone or its teller is: nothing can be done about it. */
  setAway(away: boolean): void {
    this.actions.root.inert = away;
    this.root.classList.toggle("mlops-away", away);
    if (away) {
      this.root.dataset.status = "unknown";
      this.status.textContent = this.trans.__("unknown");
      this.status.className = "mlops-badge mlops-badge-warning";
    } else {
      this.update();
    }
  }

  private watch(): void {
    const appears = new IntersectionObserver((entries) => {
      this.visible = entries[entries.length - 1].isIntersecting;
      this.tell();
      this.update();
    });
    appears.observe(this.root);
    const width = new ResizeObserver(() => Object.values(this.charts).forEach((chart) => chart.fit()));
    width.observe(this.root);
    const theme = new MutationObserver(() => Object.values(this.charts).forEach((chart) => chart.repaint()));
    theme.observe(document.body, {
      attributes: true,
      attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"],
    });
    const back = () => {
      this.tell();
      this.update();
    };
    document.addEventListener("visibilitychange", back);
    const listening = window.setInterval(() => {
      this.renew();
      this.listen();
    }, SEEN_EVERY_MS);
    this.leave = [
      this.store.onChange((change) => this.heard(change)),
      () => window.clearInterval(listening),
      () => appears.disconnect(),
      () => width.disconnect(),
      () => theme.disconnect(),
      () => document.removeEventListener("visibilitychange", back),
    ];
  }

  /** Tells the kernel whether anybody sees this: it rests while nobody does. */
  private tell(): void {
    const seen = this.visible && !document.hidden && !this.paused;
    if (seen === this.told) return;
    this.told = seen;
    this.since = Date.now();
    this.store.send({ ask: "seen", view: this.id, seen });
  }

  /** Says once more that this is seen: of a page that is gone without a word the kernel must not think so for ever. */
  private renew(): void {
    if (this.told) this.store.send({ ask: "seen", view: this.id, seen: true });
  }

  /** Says so when nothing has come for a while, though this is seen: the kernel has ended, or was started anew. */
  private listen(): void {
    this.silence.hidden = !this.told || Date.now() - Math.max(this.since, this.store.heard) < SILENCE_MS;
  }

  private heard(change: Change): void {
    this.silence.hidden = true;
    if (change === "alive") return;
    if (change === "done" && this.store.done) this.actions.told(this.store.done);
    this.update();
  }

  /** Draws at the next frame, once, however much came; not at all while hidden. */
  private update(): void {
    this.root.dataset.instants = String(this.store.instants);
    this.root.dataset.messages = String(this.store.received);
    if (!this.visible || document.hidden || this.paused || this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.draw();
    });
  }

  private draw(): void {
    const { store } = this;
    const { now } = store;
    if (now) {
      this.status.textContent = now.status;
      this.status.className = `mlops-badge mlops-badge-${{ ready: "ok", failed: "failed", starting: "running" }[now.status] ?? "warning"}`;
      const last = store.times[store.times.length - 1];
      this.source.textContent = [
        now.source === "endpoint" ? this.trans.__("its own history") : now.source,
        last === undefined ? "" : clock(last, true),
      ]
        .filter(Boolean)
        .join(" · ");
      this.root.dataset.status = now.status;
      this.drawNotes(now.notes);
      this.alerts.show(now.alerts);
      this.drift.show(now.reports, store.distribution, ({ version, feature, output }) => {
        const name = `${output ? "→ " : ""}${feature}`;
        const found = store.of("drift").find((one) => one.detail === name || one.detail === `${name} · ${version}`);
        return found?.values ?? [];
      });
      this.quality.show(now.qualities);
      this.decisions.show(now.decisions);
      this.actions.show(now);
    }
    this.drawTiles();
    this.drawCharts();
    this.root.dataset.draws = String(Number(this.root.dataset.draws ?? 0) + 1);
  }

  private drawNotes(notes: string[]): void {
    if (
      this.notes.childElementCount === notes.length &&
      notes.every((note, place) => this.notes.children[place].textContent === `⚠ ${note}`)
    )
      return;
    this.notes.replaceChildren(...notes.map((note) => element("div", {}, `⚠ ${note}`)));
  }

  /** Versions that have answered, or been asked, in the range: those that are served first. */
  private versions(): string[] {
    const active = (one: Curve) => one.values.some((value) => value !== null && value > 0);
    const found = [...this.store.of("requests"), ...this.store.of("rows")].filter(active).map((one) => one.version);
    const served = this.store.now?.served.map((one) => one.version) ?? [];
    return [...new Set([...served, ...found])].filter((one) => found.includes(one) || served.includes(one));
  }

  private drawCharts(): void {
    const { store } = this;
    const versions = this.versions();
    const several = versions.length > 1;
    const label = (version: string) =>
      `${version}${this.store.now?.variants[version] ? ` ${this.store.now.variants[version]}` : ""}`;
    const line = (what: string, version: string, words: string, style: number): Line[] => {
      const found = store.curves.find((one) => one?.what === what && one.version === version);
      return found ? [{ label: words, style, values: found.values }] : [];
    };
    const each = (what: string, words: string) =>
      versions.flatMap((version, style) => line(what, version, several ? label(version) : words, style));
    const quantiles = several
      ? versions.flatMap((version, style) => line("p95", version, `p95 ${label(version)}`, style))
      : versions.flatMap((version) => ["p50", "p95", "p99"].flatMap((what, style) => line(what, version, what, style)));
    this.charts.requests.show(store.times, each("requests", this.trans.__("requests")), store.range);
    this.charts.durations.show(store.times, quantiles, store.range);
    this.charts.errors.show(store.times, each("errors", this.trans.__("errors")), store.range);
    this.charts.waiting.show(
      store.times,
      [...line("in_flight", "", this.trans.__("in flight"), 0), ...line("queued", "", this.trans.__("queued"), 1)],
      store.range,
    );
    for (const chart of Object.values(this.charts)) chart.fit();
    this.markRange();
  }

  private drawTiles(): void {
    const { store } = this;
    const served = this.versions();
    const sum = (what: string) => {
      const values = served.map((version) => store.last(what, version)).filter((value) => value !== null);
      return values.length ? values.reduce((total, value) => total + value, 0) : null;
    };
    const worst = (what: string) => {
      const values = served.map((version) => store.last(what, version)).filter((value) => value !== null);
      return values.length ? Math.max(...values) : null;
    };
    const requests = sum("requests");
    const errors = sum("errors");
    const failing = requests === null || errors === null ? null : requests > 0 ? errors / requests : errors > 0 ? 1 : 0;
    // Of what nobody has asked yet it is not known whether it has drifted.
    const reports = (store.now?.reports ?? []).filter((report) => report.rows[1] > 0);
    const features = reports.flatMap((report) => [...report.features, ...report.outputs]);
    const drifted = features.filter((feature) => feature[4] || feature[5].length).length;
    const metric = store.now?.qualities[0]?.metrics[0];
    const shown: [string, string, boolean][] = [
      [this.trans.__("requests / s"), rate(requests), false],
      ["p95", duration(worst("p95")), false],
      ["p99", duration(worst("p99")), false],
      [this.trans.__("errors"), share(failing), failing !== null && failing > 0.01],
      [this.trans.__("rows / s"), rate(sum("rows")), false],
      [
        this.trans.__("drifted"),
        reports.length ? this.trans.__("%1 of %2", drifted, features.length) : DASH,
        drifted > 0,
      ],
      ...(metric ? [[metric[0], number(metric[1]), false] as [string, string, boolean]] : []),
    ];
    if (this.tiles.childElementCount !== shown.length) {
      this.tiles.replaceChildren(
        ...shown.map(() =>
          element("div", { class: "mlops-tile" }, element("span", { class: "mlops-faint" }), element("b", {})),
        ),
      );
    }
    shown.forEach(([name, value, alarming], place) => {
      const tile = this.tiles.children[place];
      const [label, said] = tile.children;
      if (label.textContent !== name) label.textContent = name;
      if (said.textContent !== value) said.textContent = value;
      said.classList.toggle("mlops-alarm", alarming);
    });
  }

  private buildRanges(since: number): void {
    for (const range of [...new Set([...RANGES, since])].sort((one, other) => one - other)) {
      const button = element(
        "button",
        { type: "button", "data-range": String(range), "aria-pressed": "false" },
        stretch(range),
      );
      button.addEventListener("click", () => {
        this.together.set(null);
        if (this.paused) this.setPaused(false);
        this.store.send({ ask: "range", range });
      });
      this.ranges.append(button);
    }
  }

  private markRange(): void {
    for (const button of this.ranges.children as Iterable<Element>) {
      button.setAttribute("aria-pressed", String(Number((button as HTMLElement).dataset.range) === this.store.range));
    }
  }

  private setPaused(paused: boolean): void {
    this.paused = paused;
    this.pause.textContent = paused ? this.trans.__("go on") : this.trans.__("pause");
    this.pause.setAttribute("aria-pressed", String(paused));
    this.root.classList.toggle("mlops-paused", paused);
    this.tell();
    this.update();
  }

  private onZoom(): void {
    this.unzoom.hidden = this.together.zoom === null;
    this.root.dataset.zoomed = String(this.together.zoom !== null);
  }
}
