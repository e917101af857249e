// One view of a chart: tabs, controls, plot and readout. It draws only while somebody can see it.

import { element, choice, slider, Tabs, toggle } from "./controls";
import { type Axis, steady, words } from "./curve";
import { colour, dashes, Plot, type Look, type Reading } from "./plot";
import type { Series, Store } from "./store";
import { english, type Trans } from "./trans";

const RESOURCES = " resources"; // no metric can have this key: theirs begin with "m"
let views = 0;

export class View {
  readonly root = element("section", { class: "mlops-live mlops-widget" });
  private panel = element("div", { role: "tabpanel", class: "mlops-plot", id: `mlops-plot-${++views}` });
  private readout = element("div", { class: "mlops-readout" });
  private count = element("span", { class: "mlops-count" });
  private tabs: Tabs;
  private resource: { label: HTMLElement; select: HTMLSelectElement };
  private axis: { label: HTMLElement; select: HTMLSelectElement };
  private plot = new Plot(this.panel, (reading) => this.read(reading));
  private tab = "";
  // Until somebody chooses, the first metric is shown, also when resources came before it.
  private tabChosen = false;
  private look: Look = { axis: "step", log: false, weight: 0 };
  private axisChosen = false;
  private shown: Series[] = [];
  private seen = false;
  private asked = 0;
  private leave: (() => void)[] = [];

  constructor(
    private store: Store,
    title: string,
    private trans: Trans = english,
  ) {
    this.tabs = new Tabs(this.panel, (key) => this.choose(key), trans.__("Metrics"));
    this.root.setAttribute("aria-label", trans.__("Live chart of %1", title));
    this.axis = choice(
      trans.__("x axis"),
      [
        ["step", trans.__("by step")],
        ["time", trans.__("by time")],
      ],
      (value) => {
        this.axisChosen = true;
        this.set({ axis: value as Axis });
      },
    );
    this.resource = choice(trans.__("resource"), [], () => this.draw());
    const controls = element(
      "div",
      { class: "mlops-controls" },
      slider(trans.__("smoothing"), trans.__("Exponential moving average"), (weight) => this.set({ weight })),
      toggle(trans.__("log scale"), (log) => this.set({ log })),
      this.axis.label,
      this.resource.label,
      this.count,
    );
    const head = element("div", { class: "mlops-head" }, element("b", {}, title), this.tabs.row);
    this.root.append(head, this.panel, this.readout, controls);
    // Keys pressed here are not the notebook's shortcuts.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    this.watch();
    this.update();
  }

  destroy(): void {
    for (const leave of this.leave) leave();
    cancelAnimationFrame(this.asked);
    this.plot.destroy();
  }

  private watch(): void {
    const appears = new IntersectionObserver((entries) => {
      this.seen = entries[entries.length - 1].isIntersecting;
      this.update();
    });
    appears.observe(this.root);
    const width = new ResizeObserver(() => this.plot.fit());
    width.observe(this.panel);
    const theme = new MutationObserver(() => this.plot.repaint());
    theme.observe(document.body, {
      attributes: true,
      attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"],
    });
    const back = () => this.update();
    document.addEventListener("visibilitychange", back);
    this.leave = [
      this.store.onChange(() => this.update()),
      () => appears.disconnect(),
      () => width.disconnect(),
      () => theme.disconnect(),
      () => document.removeEventListener("visibilitychange", back),
    ];
  }

  /** Draws at the next frame, once, however much came; not at all while hidden: the store keeps what comes. */
  private update(): void {
    this.root.dataset.points = String(this.store.received);
    if (!this.seen || document.hidden || this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.draw();
    });
  }

  private set(change: Partial<Look>): void {
    this.look = { ...this.look, ...change };
    this.draw();
  }

  private choose(key: string): void {
    this.tab = key;
    this.tabChosen = true;
    this.draw();
    this.tabs.row
      .querySelector<HTMLElement>("[aria-selected=true]")
      ?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  }

  private draw(): void {
    const metrics = this.store.names(false);
    const resources = this.store.names(true);
    const keys = metrics.map((name): [string, string] => [`m${name}`, name]);
    if (resources.length) keys.push([RESOURCES, this.trans.__("resources")]);
    this.tabs.update(keys);
    if (!this.tabChosen || !keys.some(([key]) => key === this.tab)) this.tab = keys[0]?.[0] ?? "";
    this.tabs.choose(this.tab);
    this.offer(resources);
    const onResources = this.tab === RESOURCES;
    this.resource.label.hidden = !onResources;
    this.axis.label.hidden = onResources;
    const name = onResources ? this.resource.select.value : this.tab.slice(1);
    const labels = this.store.labels();
    this.shown = this.store.series.filter(
      (one) => one?.resource === onResources && one.name === name && one.values.length > 0,
    );
    this.root.dataset.metric = name;
    this.root.dataset.series = String(this.shown.length);
    if (this.shown.length === 0) return;
    const styles = this.shown.map((one) => Math.max(0, labels.indexOf(one.label)));
    this.plot.show(this.shown, styles, { ...this.look, axis: this.across(onResources) });
    this.plot.fit();
    this.root.dataset.drawn = String(this.plot.drawn);
    this.root.dataset.draws = String(Number(this.root.dataset.draws ?? 0) + 1);
    this.count.textContent = this.trans.__("%1 points", this.store.received.toLocaleString("en"));
  }

  private across(resources: boolean): Axis {
    if (resources) return "time";
    const axis = this.axisChosen ? this.look.axis : steady(this.shown) ? "time" : "step";
    this.axis.select.value = axis;
    return axis;
  }

  private offer(resources: string[]): void {
    const { select } = this.resource;
    for (const name of resources.slice(select.options.length)) select.append(element("option", { value: name }, name));
  }

  private read(reading: Reading): void {
    const labels = this.store.labels();
    const axis = this.tab === RESOURCES ? "time" : this.axis.select.value;
    const at = words(reading.x);
    const along = axis === "time" ? this.trans.__("at %1 s", at) : this.trans.__("step %1", at);
    const where = reading.x === null ? this.trans.__("last") : along;
    this.readout.replaceChildren(
      element("span", { class: "mlops-where" }, where),
      ...this.shown.map((one, place) => {
        const style = Math.max(0, labels.indexOf(one.label));
        const value = element("b", {}, words(reading.values[place]));
        const label = one.resource || labels.length < 2 ? "" : ` ${one.label}`;
        return element("span", { class: "mlops-key" }, swatch(style), value, label);
      }),
    );
  }
}

/** A piece of the line: its colour and its dashes. */
function swatch(style: number): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("viewBox", "0 0 22 8");
  picture.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", "M1 4h20");
  line.setAttribute("stroke", colour(style));
  line.setAttribute("stroke-width", "2");
  line.setAttribute("stroke-dasharray", dashes(style).join(" "));
  picture.append(line);
  return picture;
}
