// Which columns the table of runs has: chosen by a click, and kept in this browser.
import type { TranslationBundle } from "@jupyterlab/translation";
import { type Column, lasting, metricOf } from "./run_rows";

const KEY = "mlops-jupyter:run-columns";
const FACTS: readonly Column[] = ["status", "started", "duration_s"];
const METRICS = 2;

/** What was chosen; `metrics` is null as long as nobody has said anything: then those are shown that most runs have. */
interface Chosen {
  hidden: string[];
  metrics: string[] | null;
}

export class RunColumns {
  readonly node = document.createElement("details");
  private readonly list = document.createElement("div");
  private chosen = read();
  private metrics: readonly string[] = [];
  private usual: readonly string[] = [];

  constructor(
    trans: TranslationBundle,
    private readonly word: (column: Column) => string,
    private readonly changed: () => void,
  ) {
    this.node.className = "mlops-Columns";
    const summary = document.createElement("summary");
    summary.textContent = trans.__("Columns");
    this.list.setAttribute("role", "group");
    this.list.setAttribute("aria-label", trans.__("Columns"));
    this.node.append(summary, this.list);
    this.node.addEventListener("toggle", () => this.fill());
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.node.open) {
        this.node.open = false;
        summary.focus();
        event.stopPropagation();
      }
    });
    this.list.addEventListener("mousedown", (event) => {
      // A word takes no focus: it would be nowhere, and the list closed before the click is one.
      if (!(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
      }
    });
    this.node.addEventListener("focusout", (event) => {
      if (!this.node.contains(event.relatedTarget as Node | null)) {
        this.node.open = false;
      }
    });
  }

  /** The columns to be shown, by the metrics that there are. */
  of(metrics: readonly string[]): Column[] {
    const news = metrics.join("\n") !== this.metrics.join("\n");
    this.metrics = metrics;
    if (news && this.node.open) {
      this.fill();
    }
    const shown = (one: Column): boolean => !this.chosen.hidden.includes(one);
    const values = this.shownMetrics().map((name): Column => `metrics.${name}`);
    const [status, ...times] = FACTS;
    return ["name", ...[status].filter(shown), ...values, ...times.filter(shown)];
  }

  private shownMetrics(): readonly string[] {
    const { metrics } = this.chosen;
    if (metrics !== null) {
      return this.metrics.filter((one) => metrics.includes(one));
    }
    this.usual = lasting(this.usual, this.metrics, METRICS);
    return this.usual;
  }

  private fill(): void {
    if (!this.node.open) {
      this.list.replaceChildren();
      return;
    }
    const all = [...FACTS, ...this.metrics.map((name): Column => `metrics.${name}`)];
    this.list.replaceChildren(...all.map((one) => this.item(one)));
  }

  private item(column: Column): HTMLElement {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const metric = metricOf(column);
    input.type = "checkbox";
    input.checked = metric === null ? !this.chosen.hidden.includes(column) : this.shownMetrics().includes(metric);
    input.onchange = () => {
      this.choose(column, input.checked);
      this.changed();
    };
    label.append(input, metric ?? this.word(column));
    return label;
  }

  private choose(column: Column, shown: boolean): void {
    const metric = metricOf(column);
    const { hidden, metrics } = this.chosen;
    if (metric === null) {
      this.chosen = { hidden: shown ? hidden.filter((one) => one !== column) : [...hidden, column], metrics };
    } else {
      const before = this.shownMetrics().filter((one) => one !== metric);
      this.chosen = { hidden, metrics: shown ? [...before, metric] : before };
    }
    try {
      localStorage.setItem(KEY, JSON.stringify(this.chosen));
    } catch {
      // A browser that keeps nothing shows them until the page is closed.
    }
  }
}

/** Read what was chosen; what is not of this form, is as if nothing was. */
function read(): Chosen {
  const none: Chosen = { hidden: [], metrics: null };
  try {
    const told = JSON.parse(localStorage.getItem(KEY) ?? "null") as Partial<Chosen> | null;
    const texts = (one: unknown): one is string[] =>
      Array.isArray(one) && one.every((word) => typeof word === "string");
    return texts(told?.hidden) && (told.metrics === null || texts(told.metrics)) ? (told as Chosen) : none;
  } catch {
    return none;
  }
}
