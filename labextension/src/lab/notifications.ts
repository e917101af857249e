// Tells of a tracked cell that took long when it has ended; how long that is, is a setting.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { type Cell, CodeCell } from "@jupyterlab/cells";
import { INotebookTracker, NotebookActions, type Notebook } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { tell, wanted } from "./attention";
import { badgesOf } from "./runs_of_cells";

const ID = "mlops-jupyter:notifications";

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
    const trans = (translator ?? nullTranslator).load("mlops_jupyter");
    const ended = (notebook: Notebook, cell: Cell): void => {
      const panel = tracker.find((one) => one.content === notebook);
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
        ? trans.__("The run %1 of %2 has failed: %3", last.name, where, last.error || last.status)
        : trans.__("The run %1 of %2 has finished.", last.name, where);
      const show = (): void => {
        app.shell.activateById(panel.id);
        void notebook.scrollToCell(cell);
      };
      tell({ failed, said, widget: panel, show }, trans);
    };
    NotebookActions.executed.connect((_, { notebook, cell }) => {
      ended(notebook, cell);
    });
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
