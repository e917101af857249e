// The command that opens the dashboard of a deployment.
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from "@jupyterlab/application";
import {
  ICommandPalette,
  InputDialog,
  type MainAreaWidget,
  showErrorMessage,
  WidgetTracker,
} from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { Api } from "./api";
import type { Place } from "./calling";
import { notebookOf } from "./open_notebook";
import { wrong } from "./words";

export const OPEN_MONITOR = "mlops:monitor-endpoint";

interface Wanted {
  name: string;
  notebook: string | null;
}

export const monitor: JupyterFrontEndPlugin<void> = {
  id: "mlops-jupyter:monitor",
  description: "Shows a deployment's live dashboard in a tab.",
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ICommandPalette, INotebookTracker, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    palette: ICommandPalette | null,
    tracker: INotebookTracker | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("mlops_jupyter");
    const place: Place = { app, rendermime, tracker, trans };
    const tabs = new WidgetTracker<MainAreaWidget>({ namespace: "mlops-monitor" });
    const wantedOf = new WeakMap<MainAreaWidget, Wanted>();
    app.commands.addCommand(OPEN_MONITOR, {
      label: trans.__("Monitor an endpoint"),
      caption: trans.__("What a deployment does, from one second to the next"),
      execute: async (args) => {
        const wanted = await chosen(place, args.name, args.notebook);
        if (wanted !== null) {
          await open(place, wanted, tabs, wantedOf);
        }
      },
      describedBy: {
        args: {
          type: "object",
          properties: {
            name: { type: "string", description: "The deployment; else the user is asked." },
            notebook: { type: "string", description: "A notebook of its project." },
          },
        },
      },
    });
    palette?.addItem({ command: OPEN_MONITOR, category: "MLOps" });
    void restorer?.restore(tabs, {
      command: OPEN_MONITOR,
      args: (tab) => ({ ...wantedOf.get(tab) }),
      name: (tab) => tab.id,
    });
  },
};

async function open(
  place: Place,
  wanted: Wanted,
  tabs: WidgetTracker<MainAreaWidget>,
  wantedOf: WeakMap<MainAreaWidget, Wanted>,
): Promise<void> {
  const [{ monitoringTab }, { shown }] = await Promise.all([import("./monitoring"), import("./main_area")]);
  let tab = tabs.find((one) => {
    const known = wantedOf.get(one);
    return known?.name === wanted.name && folderOf(known) === folderOf(wanted);
  });
  if (tab === undefined) {
    tab = monitoringTab(place, wanted.name, wanted.notebook);
    wantedOf.set(tab, wanted);
    await tabs.add(tab);
  }
  shown(place, tab);
}

function folderOf({ notebook }: Wanted): string {
  return PathExt.dirname(notebook ?? "");
}

/** Which deployment is meant: what a command was given, else what the user chooses. */
async function chosen(place: Place, name: unknown, notebook: unknown): Promise<Wanted | null> {
  const beside = typeof notebook === "string" ? notebook : notebookOf(place);
  if (typeof name === "string") {
    // A command that says which deployment says in which project, too; none is the server's own.
    return { name, notebook: typeof notebook === "string" ? notebook : null };
  }
  const { trans } = place;
  const title = trans.__("Monitor an endpoint");
  try {
    const { endpoints } = await new Api(place.app.serviceManager.serverSettings, place.trans).status(beside);
    if (endpoints.length === 0) {
      await showErrorMessage(title, trans.__("Nothing is deployed here. → mlops deploy MODEL --name NAME"));
      return null;
    }
    const items = endpoints.map((one) => one.name);
    const answer = await InputDialog.getItem({ title, label: trans.__("Deployment"), items });
    return answer.button.accept && answer.value !== null ? { name: answer.value, notebook: beside } : null;
  } catch (error) {
    await showErrorMessage(title, wrong(error));
    return null;
  }
}
