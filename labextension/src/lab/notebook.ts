// Buttons of a notebook's toolbar; which, and where, is in schema/notebook.json and the user's settings.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { LabIcon } from "@jupyterlab/ui-components";
import type { Place } from "./calling";

const CAMERA =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="' +
  'M9.4 5 8 7H5a2 2 0 0 0-2 2v9a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2V9a2 2 0 0 0-2-2h-3l-1.4-2zM12 9a4.5 4.5 0 1 1 0 9 4.5' +
  ' 4.5 0 0 1 0-9m0 2a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5"/></svg>';
const ROCKET =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="' +
  'M4 5h16a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1m1 2v10h14V7zm5 2 5 3-5 3z"/></svg>';

export const notebook: JupyterFrontEndPlugin<void> = {
  id: "mlops-jupyter:notebook",
  description: "Adds Snapshot and Run headless to a notebook's toolbar.",
  autoStart: true,
  requires: [INotebookTracker, IRenderMimeRegistry],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    rendermime: IRenderMimeRegistry,
    palette: ICommandPalette | null,
    translator: ITranslator | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("mlops_jupyter");
    const place: Place = { app, rendermime, tracker, trans };
    const isEnabled = () => tracker.currentWidget !== null;
    app.commands.addCommand("mlops:snapshot-notebook", {
      label: trans.__("Snapshot this notebook"),
      caption: trans.__("Keep the notebook as it is now, unsaved edits too"),
      icon: new LabIcon({ name: "mlops:snapshot", svgstr: CAMERA }),
      isEnabled,
      execute: async () => (await import("./calling")).snapshot(place),
    });
    app.commands.addCommand("mlops:run-headless", {
      label: trans.__("Run this notebook headless…"),
      caption: trans.__("Run the notebook in a kernel of its own, with parameters"),
      icon: new LabIcon({ name: "mlops:run-headless", svgstr: ROCKET }),
      isEnabled,
      execute: async () => (await import("./calling")).headless(place),
    });
    for (const command of ["mlops:snapshot-notebook", "mlops:run-headless"]) {
      palette?.addItem({ command, category: "MLOps" });
    }
  },
};
