// Every verb as a command of the palette.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, Notification } from "@jupyterlab/apputils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { Api, type Arguments, Refused, type VerbLine } from "./api";
import type { Place } from "./calling";
import { translatedLine } from "./verb_lines";
import { wrong } from "./words";

const ID = "mlops-jupyter:verbs";
const CLOSES_MS = 30_000;

export const verbs: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "Adds every verb of mlops as a command.",
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ICommandPalette, INotebookTracker, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    palette: ICommandPalette | null,
    tracker: INotebookTracker | null,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
  ) => {
    const place: Place = { app, rendermime, tracker, trans: (translator ?? nullTranslator).load("mlops_jupyter") };
    // Not before there is something to see: nobody calls a verb earlier.
    void app.restored.then(async () => {
      try {
        const table = await new Api(app.serviceManager.serverSettings, place.trans).table();
        const hidden = (await registry?.load(ID))?.get("hidden").composite ?? [];
        table.forEach((verb) => add(place, palette, verb, (hidden as string[]).includes(verb.name)));
        await findWork(place);
      } catch (error) {
        if (error instanceof Refused) {
          // Once: all else that needs the server says it where it stands.
          const goesOn = place.trans.__("Cells are tracked all the same.");
          Notification.warning(`${wrong(error)}. ${goesOn}`, { autoClose: CLOSES_MS });
        } else {
          console.warn("mlops-jupyter: the server does not answer", error);
        }
      }
    });
  },
};

/** Show what goes on that this page, or another, began before it was loaded; and what has ended unheard. */
async function findWork(place: Place): Promise<void> {
  const jobs = await new Api(place.app.serviceManager.serverSettings, place.trans).jobs();
  const found = jobs.filter(({ effect, form, state, heard }) => {
    return effect !== "reads" && form === "shown" && (state === "running" || !heard);
  });
  if (found.length > 0) {
    const { reattach } = await import("./calling");
    await reattach(place, found);
  }
}

function add(place: Place, palette: ICommandPalette | null, verb: VerbLine, hidden: boolean): void {
  const command = `mlops:call-${verb.name}`;
  const line = translatedLine(verb.name, verb.line, place.trans);
  const needs = () => verb.place !== "kernel" || Boolean(place.tracker?.currentWidget);
  place.app.commands.addCommand(command, {
    label: `${verb.name}: ${line}`,
    caption: line,
    isEnabled: needs,
    execute: async (args) => {
      const { call } = await import("./calling");
      await call(place, verb.name, (args.arguments ?? {}) as Arguments, args.ask !== false);
    },
    describedBy: {
      args: {
        type: "object",
        properties: {
          arguments: { type: "object", description: "The verb's parameters by name." },
          ask: { type: "boolean", default: true, description: "Whether to show the form." },
        },
      },
    },
  });
  if (!hidden) {
    palette?.addItem({ command, category: "MLOps" });
  }
}
