// The table of runs: its head, its rows, which are chosen, and the keys.
import type { TranslationBundle } from "@jupyterlab/translation";
import type { RunRow } from "../api";
import { type Column, metricOf, type Sorting } from "./run_rows";
import { signOf, textOf, whole } from "./run_words";
import { VirtualRows } from "./virtual_rows";

const ROW_PX = 24;
const BOX_PX = 26;
const WIDTHS_PX = { name: 120, status: 104, started: 112, duration_s: 84 };
const METRIC_PX = 84;
const ROW = "mlops-Row";

/** What the table tells: another order, a run to be opened, others chosen. */
export interface Heard {
  sorted: (sorting: Sorting) => void;
  opened: (run: RunRow) => void;
  chosen: () => void;
}

export class RunTable {
  readonly node = document.createElement("div");
  private readonly head = document.createElement("div");
  private readonly rows: VirtualRows;
  private readonly ids = new Set<string>();
  private runs: readonly RunRow[] = [];
  private places = new Map<string, number>();
  private columns: readonly Column[] = [];
  private now = new Date();
  // Where the keys are, and where a range begins.
  private active: string | null = null;
  private anchor: string | null = null;
  private made = 0;

  constructor(
    private readonly trans: TranslationBundle,
    private readonly heard: Heard,
  ) {
    this.node.className = "mlops-RunTable";
    this.node.tabIndex = 0;
    this.node.setAttribute("role", "grid");
    this.node.setAttribute("aria-multiselectable", "true");
    this.node.setAttribute("aria-label", trans.__("Runs"));
    this.head.className = "mlops-RunTable-head";
    this.head.setAttribute("role", "row");
    this.head.setAttribute("aria-rowindex", "1");
    this.rows = new VirtualRows(
      this.node,
      ROW_PX,
      () => this.element(),
      (element, row) => this.fill(element, row),
    );
    this.rows.node.setAttribute("role", "rowgroup");
    this.node.append(this.head, this.rows.node);
    this.rows.node.addEventListener("click", (event) => this.clicked(event));
    this.rows.node.addEventListener("dblclick", (event) => this.onRun(event, (run) => heard.opened(run)));
    // Before JupyterLab's own menu asks which run is meant.
    this.rows.node.addEventListener("contextmenu", (event) => this.onRun(event, (run) => this.meant(run.run_id)), true);
    this.rows.node.addEventListener("pointerover", (event) => this.explained(event));
    this.node.addEventListener("keydown", (event) => this.pressed(event));
    this.node.addEventListener("focus", () => this.focused());
  }

  /** The runs that are chosen, in the order shown. */
  get chosen(): RunRow[] {
    return this.ids.size === 0 ? [] : this.runs.filter((run) => this.ids.has(run.run_id));
  }

  /** Show these runs. Where it was scrolled to, the same run stays where it is. */
  show(runs: readonly RunRow[], columns: readonly Column[], sorting: Sorting): void {
    const { row, above } = this.rows.top;
    const first = row === 0 && above === 0 ? undefined : this.runs[row];
    this.runs = runs;
    this.places = new Map(runs.map((run, place) => [run.run_id, place]));
    if (!this.places.has(this.active ?? "")) {
      this.node.removeAttribute("aria-activedescendant");
    }
    this.now = new Date();
    this.columns = columns;
    this.layOut(sorting);
    this.node.setAttribute("aria-rowcount", String(runs.length + 1));
    this.node.setAttribute("aria-colcount", String(columns.length + 1));
    this.rows.update(runs.length);
    const place = first === undefined ? undefined : this.places.get(first.run_id);
    if (place !== undefined && place !== row) {
      this.node.scrollTop = place * ROW_PX + above;
      this.rows.update(runs.length);
    }
  }

  /** Choose none. */
  clear(): void {
    this.ids.clear();
    this.changed();
  }

  scrollToTop(): void {
    this.node.scrollTop = 0;
  }

  dispose(): void {
    this.rows.dispose();
  }

  private layOut(sorting: Sorting): void {
    const widths = this.columns.map((one) =>
      metricOf(one) === null ? WIDTHS_PX[one as keyof typeof WIDTHS_PX] : METRIC_PX,
    );
    const tracks = widths.map((width, place) =>
      this.columns[place] === "name" ? `minmax(${width}px, 1fr)` : `${width}px`,
    );
    this.node.style.setProperty("--mlops-tracks", [`${BOX_PX}px`, ...tracks].join(" "));
    this.node.style.setProperty("--mlops-width", `${widths.reduce((sum, one) => sum + one, BOX_PX)}px`);
    const focused = this.head.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset.column
      : null;
    const none = document.createElement("span");
    none.className = "mlops-RunTable-chosen";
    none.textContent = "☑";
    none.setAttribute("role", "columnheader");
    none.setAttribute("aria-label", this.trans.__("Chosen"));
    this.head.replaceChildren(none, ...this.columns.map((one) => this.headOf(one, sorting)));
    const again = [...this.head.querySelectorAll("button")].find((one) => focused && one.dataset.column === focused);
    again?.focus();
  }

  private headOf(column: Column, sorting: Sorting): HTMLElement {
    const cell = document.createElement("span");
    const button = document.createElement("button");
    const sorted = sorting.column === column;
    const word = this.wordOf(column);
    cell.setAttribute("role", "columnheader");
    cell.setAttribute("aria-sort", sorted ? (sorting.descending ? "descending" : "ascending") : "none");
    button.type = "button";
    button.dataset.column = column;
    button.textContent = word;
    button.title = this.trans.__("Sort by %1", word);
    if (sorted) {
      const arrow = document.createElement("span");
      arrow.setAttribute("aria-hidden", "true");
      arrow.textContent = sorting.descending ? " ▾" : " ▴";
      button.append(arrow);
    }
    // Of numbers the highest is looked for, of words the first.
    const first = column !== "name" && column !== "status";
    button.onclick = () => this.heard.sorted({ column, descending: sorted ? !sorting.descending : first });
    cell.append(button);
    return cell;
  }

  wordOf(column: Column): string {
    switch (column) {
      case "name":
        return this.trans.__("Name");
      case "status":
        return this.trans.__("Status");
      case "started":
        return this.trans.__("Started");
      case "duration_s":
        return this.trans.__("Took");
      default:
        return metricOf(column) ?? "";
    }
  }

  private element(): HTMLElement {
    const element = document.createElement("div");
    element.className = ROW;
    element.id = `mlops-run-${this.made++}`;
    element.setAttribute("role", "row");
    return element;
  }

  private fill(element: HTMLElement, row: number): void {
    const run = this.runs[row];
    if (run === undefined) {
      return;
    }
    while (element.childElementCount < this.columns.length + 1) {
      const cell = document.createElement("span");
      cell.setAttribute("role", "gridcell");
      element.append(cell);
    }
    while (element.childElementCount > this.columns.length + 1) {
      element.lastElementChild?.remove();
    }
    element.dataset.run = run.run_id;
    element.setAttribute("aria-rowindex", String(row + 2));
    element.setAttribute("aria-selected", String(this.ids.has(run.run_id)));
    element.removeAttribute("title");
    const active = run.run_id === this.active;
    element.classList.toggle("mlops-mod-active", active);
    if (active) {
      this.node.setAttribute("aria-activedescendant", element.id);
    } else if (this.node.getAttribute("aria-activedescendant") === element.id) {
      // It was the row of the active run, which is not among those that are drawn any more.
      this.node.removeAttribute("aria-activedescendant");
    }
    const [box, ...cells] = element.children as unknown as HTMLElement[] & Iterable<HTMLElement>;
    if (box) {
      box.className = "mlops-Row-box";
      box.textContent = this.ids.has(run.run_id) ? "☑" : "☐";
    }
    this.columns.forEach((column, place) => this.write(cells[place], run, column));
  }

  private write(cell: HTMLElement, run: RunRow, column: Column): void {
    const text = textOf(run, column, this.now);
    if (column === "status") {
      cell.className = `mlops-Status-${run.status}`;
      cell.textContent = `${signOf(run.status)} ${text}`;
    } else {
      // Never as HTML: a name is the user's, and may be anybody's.
      cell.className = column === "name" ? "mlops-Row-name" : "mlops-Row-number";
      cell.textContent = text;
    }
  }

  private onRun(event: Event, act: (run: RunRow) => void): void {
    const row = (event.target as Element).closest<HTMLElement>(`.${ROW}`);
    const place = this.places.get(row?.dataset.run ?? "");
    if (place !== undefined) {
      act(this.runs[place]);
    }
  }

  private clicked(event: MouseEvent): void {
    this.onRun(event, ({ run_id }) => {
      const box = (event.target as Element).classList.contains("mlops-Row-box");
      if (event.shiftKey) {
        this.range(run_id);
      } else if (box || event.ctrlKey || event.metaKey) {
        this.toggle(run_id);
      } else {
        this.only(run_id);
      }
    });
  }

  private pressed(event: KeyboardEvent): void {
    if (event.target !== this.node || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const page = this.rows.seen(ROW_PX);
    const steps: Record<string, number> = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page };
    const ends: Record<string, number> = { Home: 0, End: this.runs.length - 1 };
    const now = this.places.get(this.active ?? "");
    const step = steps[event.key];
    const to = step === undefined ? ends[event.key] : now === undefined ? 0 : now + step;
    const run = now === undefined ? undefined : this.runs[now];
    if (to !== undefined && this.runs.length > 0) {
      this.move(Math.min(Math.max(to, 0), this.runs.length - 1), event.shiftKey);
    } else if (event.key === " " && run) {
      this.toggle(run.run_id);
    } else if (event.key === "Enter" && run) {
      this.heard.opened(run);
    } else if (event.key === "Escape" && this.ids.size > 0) {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private move(to: number, extend: boolean): void {
    const run = this.runs[to];
    this.anchor ??= this.active ?? run.run_id;
    this.active = run.run_id;
    this.rows.reveal(to, ROW_PX);
    if (extend) {
      this.range(run.run_id);
    } else {
      this.anchor = run.run_id;
      this.rows.update(this.runs.length);
    }
  }

  private focused(): void {
    const first = this.runs[this.rows.top.row];
    if (first !== undefined && !this.places.has(this.active ?? "")) {
      this.active = this.anchor = first.run_id;
      this.rows.update(this.runs.length);
    }
  }

  private only(id: string): void {
    this.ids.clear();
    this.ids.add(id);
    this.active = this.anchor = id;
    this.changed();
  }

  private toggle(id: string): void {
    if (!this.ids.delete(id)) {
      this.ids.add(id);
    }
    this.active = this.anchor = id;
    this.changed();
  }

  private range(id: string): void {
    const [from, to] = [this.places.get(this.anchor ?? id) ?? 0, this.places.get(id) ?? 0];
    this.ids.clear();
    this.runs.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((run) => this.ids.add(run.run_id));
    this.active = id;
    this.changed();
  }

  /** What a menu is opened on, is chosen. */
  private meant(id: string): void {
    if (!this.ids.has(id)) {
      this.only(id);
    }
  }

  private changed(): void {
    this.rows.update(this.runs.length);
    this.heard.chosen();
  }

  private explained(event: Event): void {
    this.onRun(event, (run) => {
      const row = (event.target as Element).closest<HTMLElement>(`.${ROW}`);
      if (row && !row.title) {
        row.title = whole(run, this.now);
      }
    });
  }
}
