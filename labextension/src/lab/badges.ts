// Below the code of a cell that was tracked: how its run is or was, and whether it is what the notebook says.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { type Cell, CodeCell } from "@jupyterlab/cells";
import { INotebookTracker, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import { type PanelLayout, Widget } from "@lumino/widgets";
import { pathOf } from "./open_notebook";
import { IOverview } from "./overview";
import { type Badge, CellRuns, isTracked, type Shown } from "./runs_of_cells";

// More runs of one cell are counted.
const MOST = 5;
// When the server sees that a cell's run has begun, or ended.
const SEEN_MS = 1500;
// Another plugin's, which may be disabled.
const OPEN_RUN = "mlops:open-run";
const SIGNS: Record<Shown, string> = {
  queued: "…",
  running: "●",
  finished: "✓",
  failed: "✗",
  killed: "■",
  untracked: "○",
};

interface Shared {
  readonly overview: IOverview | null;
  readonly trans: TranslationBundle;
  /** Show its run; null where nothing does. */
  readonly open: () => ((badge: Badge) => void) | null;
}

/** One cell's badges, which are there as long as there is something to say. */
class CellBadges {
  private row: Widget | null = null;
  private asked = 0;
  private shown = "";
  private readonly runs = new CellRuns();

  constructor(
    private readonly cell: CodeCell,
    private readonly shared: Shared,
    private readonly notebook: () => string,
  ) {
    const ask = (): void => {
      this.ask();
    };
    const { model } = cell;
    // A model that is disposed has none any more.
    const { outputs } = model;
    outputs.changed.connect(ask);
    model.stateChanged.connect(ask);
    model.contentChanged.connect(ask);
    shared.overview?.changed.connect(ask);
    cell.disposed.connect(() => {
      cancelAnimationFrame(this.asked);
      outputs.changed.disconnect(ask);
      model.stateChanged.disconnect(ask);
      model.contentChanged.disconnect(ask);
      shared.overview?.changed.disconnect(ask);
    });
    void cell.ready.then(ask);
  }

  /** Look again, once before the next picture, however much has changed. */
  private ask(): void {
    if (this.asked === 0 && !this.cell.isDisposed) {
      this.asked = requestAnimationFrame(() => {
        this.asked = 0;
        this.look();
      });
    }
  }

  private look(): void {
    if (this.cell.isDisposed || this.cell.isPlaceholder()) {
      return;
    }
    const badges = this.runs.look(this.cell.model, this.shared.overview?.found ?? null, this.notebook());
    const told = JSON.stringify([badges, this.shared.open() !== null]);
    if (told === this.shown) {
      return;
    }
    this.shown = told;
    if (badges.length === 0) {
      this.row?.dispose();
      this.row = null;
      return;
    }
    this.row ??= this.added();
    const extra = badges.length > MOST ? [more(badges.length - MOST, this.shared.trans)] : [];
    this.row.node.replaceChildren(...badges.slice(-MOST).map((one) => this.drawn(one)), ...extra);
  }

  /** Put the row between the code and its outputs. */
  private added(): Widget {
    const row = new Widget();
    row.addClass("mlops-Badges");
    row.node.setAttribute("role", "group");
    row.node.setAttribute("aria-label", this.shared.trans.__("Runs of this cell"));
    const layout = this.cell.layout as PanelLayout;
    const code = layout.widgets.findIndex((one) => one.hasClass("jp-Cell-inputWrapper"));
    layout.insertWidget(code + 1, row);
    return row;
  }

  private drawn(badge: Badge): HTMLElement {
    const { trans } = this.shared;
    const open = badge.id === "" ? null : this.shared.open();
    const drawn = document.createElement(open === null ? "span" : "button");
    drawn.className = `mlops-Badge mlops-mod-${badge.status}`;
    drawn.append(part("mlops-Badge-status", `${SIGNS[badge.status]} ${wordOf(badge.status, trans)}`));
    if (badge.name !== "") {
      drawn.append(part("mlops-Badge-name", badge.name));
    }
    if (badge.honesty !== "") {
      const like = badge.honesty === "clean" ? "clean" : "doubtful";
      drawn.append(part(`mlops-Badge-honesty mlops-mod-${like}`, badge.honesty.replaceAll(",", ", ")));
    }
    if (badge.edited) {
      drawn.append(part("mlops-Badge-honesty mlops-mod-doubtful", trans.__("edited since")));
    }
    drawn.title = tooltip(badge, open !== null, trans);
    if (drawn instanceof HTMLButtonElement) {
      drawn.type = "button";
      drawn.onclick = () => open?.(badge);
    }
    return drawn;
  }
}

function part(className: string, text: string): HTMLElement {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}

function more(count: number, trans: TranslationBundle): HTMLElement {
  return part("mlops-Badges-more", trans._n("and %1 before", "and %1 before", count));
}

function wordOf(status: Shown, trans: TranslationBundle): string {
  switch (status) {
    case "queued":
      return trans.__("queued");
    case "running":
      return trans.__("running");
    case "finished":
      return trans.__("finished");
    case "failed":
      return trans.__("failed");
    case "killed":
      return trans.__("killed");
    case "untracked":
      return trans.__("not tracked");
  }
}

function tooltip(badge: Badge, opens: boolean, trans: TranslationBundle): string {
  const lines = badge.duration === null ? [] : [trans.__("Took %1 s", badge.duration.toPrecision(3))];
  if (badge.error !== "") {
    lines.push(badge.error);
  } else if (badge.status === "killed" && badge.duration === null) {
    lines.push(trans.__("The kernel ended while it ran."));
  }
  if (badge.honesty === "clean") {
    lines.push(trans.__("What this cell depended on was what the notebook said."));
  }
  lines.push(...badge.says);
  if (badge.edited) {
    lines.push(trans.__("This cell was edited after the run."));
  }
  if (opens) {
    lines.push(trans.__("Click: show the run"));
  }
  return lines.join("\n");
}

export const badges: JupyterFrontEndPlugin<void> = {
  id: "mlops-jupyter:badges",
  description: "Shows at each tracked cell how its run is or was.",
  autoStart: true,
  requires: [INotebookTracker],
  optional: [IOverview, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    overview: IOverview | null,
    translator: ITranslator | null,
  ) => {
    const shared: Shared = {
      overview,
      trans: (translator ?? nullTranslator).load("mlops_jupyter"),
      open: () =>
        app.commands.hasCommand(OPEN_RUN)
          ? (badge) => void app.commands.execute(OPEN_RUN, { run: badge.id, name: badge.name })
          : null,
    };
    const seen = new WeakSet<CodeCell>();
    const look = (panel: NotebookPanel): void => {
      for (const cell of panel.content.widgets) {
        if (cell instanceof CodeCell && !seen.has(cell)) {
          seen.add(cell);
          new CellBadges(cell, shared, () => pathOf(panel, app.serviceManager.contents) ?? panel.context.path);
        }
      }
    };
    const watch = (panel: NotebookPanel): void => {
      const changed = (): void => {
        panel.model?.cells.changed.connect(() => {
          look(panel);
        });
        look(panel);
      };
      panel.content.modelChanged.connect(changed);
      changed();
    };
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, panel) => {
      watch(panel);
    });
    const soon = (_: unknown, { cell }: { cell: Cell }): void => {
      if (cell instanceof CodeCell && isTracked(cell.model)) {
        setTimeout(() => overview?.refresh(), SEEN_MS);
      }
    };
    NotebookActions.executionScheduled.connect(soon);
    NotebookActions.executed.connect(soon);
  },
};
