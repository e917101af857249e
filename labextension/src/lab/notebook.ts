// Buttons of a notebook's toolbar; which, and where, is in schema/notebook.json and the user's settings.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { LabIcon } from "@jupyterlab/ui-components";
import type { Place } from "./calling";

const NO_ARGUMENTS = { args: { type: "object", properties: {} } };
const CAMERA =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="' +
  "M9.4 5 8 7H5a2 2 0 0 0-2 2v9a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2V9a2 2 0 0 0-2-2h-3l-1.4-2zM12 9a4.5 4.5 0 1 1 0 9 4.5" +
  ' 4.5 0 0 1 0-9m0 2a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5"/></svg>';
const ROCKET =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="' +
  'M4 5h16a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1m1 2v10h14V7zm5 2 5 3-5 3z"/></svg>';

const FLAG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="' +
  "M5 3h2v1.5c3-1.6 5.2-.3 7.2.5 1.7.7 3.2.9 4.8 0v9c-2.3 1.3-4.3.8-6.2 0-1.9-.7-3.6-1.3-5.8 0v7H5zm2 3.7v5.2c2.4-1" +
  ' 4.5-.4 6.5.3 1.3.5 2.4.8 3.5.5V7.8c-1.4.2-2.6-.2-3.7-.7-2.1-.9-3.9-1.5-6.3-.4"/></svg>';

export const notebook: JupyterFrontEndPlugin<void> = {
  id: "mlops-jupyter:notebook",
  description: "Adds Track, Snapshot and Run headless to a notebook's toolbar.",
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
    app.commands.addCommand("mlops:track-cell", {
      label: trans.__("Track this cell"),
      caption: trans.__("Run the chosen cell as an MLflow run, with %%mlops track above it"),
      icon: new LabIcon({ name: "mlops:track", svgstr: FLAG }),
      isEnabled: () => tracker.activeCell?.model.type === "code",
      execute: async () => (await import("./calling")).trackCell(place),
      describedBy: NO_ARGUMENTS,
    });
    tracker.activeCellChanged.connect(() => {
      app.commands.notifyCommandChanged("mlops:track-cell");
    });
    app.commands.addCommand("mlops:open-run", {
      label: trans.__("Show a run"),
      isVisible: () => false,
      execute: async (args) => (await import("./calling")).openRun(place, args.run as string),
      describedBy: {
        args: {
          type: "object",
          properties: { run: { type: "string", description: "The run's id." } },
          required: ["run"],
        },
      },
    });
    app.commands.addCommand("mlops:snapshot-notebook", {
      label: trans.__("Snapshot this notebook"),
      caption: trans.__("Keep the notebook as it is now, unsaved edits too"),
      icon: new LabIcon({ name: "mlops:snapshot", svgstr: CAMERA }),
      isEnabled,
      execute: async () => (await import("./calling")).snapshot(place),
      describedBy: NO_ARGUMENTS,
    });
    app.commands.addCommand("mlops:run-headless", {
      label: trans.__("Run this notebook headless…"),
      caption: trans.__("Run the notebook in a kernel of its own, with parameters"),
      icon: new LabIcon({ name: "mlops:run-headless", svgstr: ROCKET }),
      isEnabled,
      execute: async () => (await import("./calling")).headless(place),
      describedBy: NO_ARGUMENTS,
    });
    for (const command of ["mlops:track-cell", "mlops:snapshot-notebook", "mlops:run-headless"]) {
      palette?.addItem({ command, category: "MLOps" });
    }
  },
};
