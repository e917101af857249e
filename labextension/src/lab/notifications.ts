// Tells of a tracked cell that took long when it has ended; how long that is, is a setting.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { type Cell, CodeCell, type ICodeCellModel } from "@jupyterlab/cells";
import { INotebookTracker, NotebookActions, type Notebook, type NotebookPanel } from "@jupyterlab/notebook";
import type { Kernel } from "@jupyterlab/services";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import { tell, wanted } from "./attention";
import { badgesOf, isTracked } from "./runs_of_cells";

const ID = "mlops-jupyter:notifications";
const DIED: ReadonlySet<Kernel.Status> = new Set(["autorestarting", "dead"]);

/** What is told of the tracked cells of a front end. */
class Telling {
  // Since when they are at work: of a kernel that dies no cell is told to have ended.
  private readonly since = new Map<Cell, number>();

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tracker: INotebookTracker,
    private readonly trans: TranslationBundle,
  ) {}

  begun(cell: Cell): void {
    if (cell instanceof CodeCell && isTracked(cell.model)) {
      this.since.set(cell, Date.now());
      cell.disposed.connect(() => this.since.delete(cell));
    }
  }

  ended(notebook: Notebook, cell: Cell): void {
    this.since.delete(cell);
    const panel = this.tracker.find((one) => one.content === notebook);
    if (panel === undefined || !(cell instanceof CodeCell)) {
      return;
    }
    const long = badgesOf(cell.model, null).filter((one) => (one.duration ?? 0) >= wanted.seconds);
    const last = long[long.length - 1];
    if (last === undefined) {
      return;
    }
    const where = panel.title.label;
    const failed = last.status !== "finished";
    const said = failed
      ? this.trans.__("The run %1 of %2 has failed: %3", last.name, where, last.error || last.status)
      : this.trans.__("The run %1 of %2 has finished.", last.name, where);
    this.tell(failed, said, panel, cell);
  }

  /** The kernel of a notebook is in another state. */
  changed(panel: NotebookPanel, status: Kernel.Status): void {
    if (!DIED.has(status)) {
      return;
    }
    // Those that a restart has ended are not at work any more.
    const works = ({ model }: Cell): boolean => (model as ICodeCellModel).executionState === "running";
    const cells = panel.content.widgets.filter((cell) => this.since.has(cell));
    const long = cells.find((cell) => works(cell) && Date.now() - (this.since.get(cell) ?? 0) >= 1000 * wanted.seconds);
    cells.forEach((cell) => this.since.delete(cell));
    if (long !== undefined) {
      const said = this.trans.__("The kernel of %1 has died, and with it the run of its cell.", panel.title.label);
      this.tell(true, said, panel, long);
    }
  }

  private tell(failed: boolean, said: string, panel: NotebookPanel, cell: Cell): void {
    const show = (): void => {
      this.app.shell.activateById(panel.id);
      void panel.content.scrollToCell(cell);
    };
    tell({ failed, said, widget: panel, show }, this.trans);
  }
}

export const notifications: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "Tells when a long tracked cell has ended, unless its notebook is looked at.",
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
  ) => {
    const telling = new Telling(app, tracker, (translator ?? nullTranslator).load("mlops_jupyter"));
    NotebookActions.executionScheduled.connect((_, { cell }) => telling.begun(cell));
    NotebookActions.executed.connect((_, { notebook, cell }) => telling.ended(notebook, cell));
    const watch = (panel: NotebookPanel): void => {
      panel.sessionContext.statusChanged.connect((_, status) => telling.changed(panel, status));
    };
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, panel) => watch(panel));
    void app.restored.then(async () => {
      const settings = await registry?.load(ID);
      const set = (): void => {
        wanted.seconds = Number(settings?.get("seconds").composite ?? wanted.seconds);
        wanted.browser = settings?.get("browser").composite !== false;
      };
      settings?.changed.connect(set);
      set();
    });
  },
};
