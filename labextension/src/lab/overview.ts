// What goes on in the project, asked every few seconds for all who show it: the status bar and the cells.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker, NotebookActions } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { Token } from "@lumino/coreutils";
import { Poll } from "@lumino/polling";
import { type ISignal, Signal } from "@lumino/signaling";
import { acted, Api, type Overview } from "./api";
import { Asker } from "./asker";
import { notebookOf } from "./open_notebook";

const ID = "mlops-jupyter:overview";
const SECONDS = 10;
const LONGEST_MS = 5 * 60 * 1000;
// A cell that does something with us, and states of a kernel upon which its runs are at an end.
const OURS = /mlops|mlflow/;
const GONE = new Set(["autorestarting", "restarting", "dead", "terminating", "unknown"]);
// What a kernel leaves behind when it is killed is seen a moment later.
const GONE_MS = 1000;

export interface IOverview {
  /** What was found last; null when nobody answers. */
  readonly found: Overview | null;
  readonly changed: ISignal<IOverview, void>;
  /** Ask now. */
  refresh(): void;
}

export const IOverview = new Token<IOverview>(
  "mlops-jupyter:IOverview",
  "What goes on in the project, asked again and again.",
);

class Watching implements IOverview {
  found: Overview | null = null;
  readonly changed = new Signal<this, void>(this);
  readonly poll: Poll;
  private readonly asker: Asker;

  constructor(notebook: () => string | null, ask: (notebook: string | null) => Promise<Overview>) {
    this.asker = new Asker(
      notebook,
      () => !document.hidden,
      async (about) => {
        try {
          this.found = await ask(about);
        } catch (error) {
          this.found = null;
          throw error;
        } finally {
          this.changed.emit();
        }
      },
    );
    this.poll = new Poll({
      auto: false,
      name: ID,
      // Nobody looks at a hidden page; and a server that does not answer is asked more and more rarely.
      standby: "when-hidden",
      frequency: { interval: SECONDS * 1000, backoff: true, max: LONGEST_MS },
      factory: () => this.asker.run(),
    });
  }

  refresh(): void {
    if (!this.asker.again()) {
      void this.poll.refresh();
    }
  }
}

export const overview: JupyterFrontEndPlugin<IOverview> = {
  id: ID,
  description: "Asks the server what goes on in the project.",
  autoStart: true,
  provides: IOverview,
  optional: [INotebookTracker, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker | null,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
  ): IOverview => {
    const api = new Api(app.serviceManager.serverSettings, (translator ?? nullTranslator).load("mlops_jupyter"));
    const watching = new Watching(
      () => notebookOf({ app, tracker }),
      (notebook) => api.status(notebook),
    );
    const refresh = (): void => {
      watching.refresh();
    };
    tracker?.currentChanged.connect(refresh);
    // Nobody is to be told for seconds what he himself has changed.
    acted.connect(refresh);
    NotebookActions.executed.connect((_, { cell }) => {
      if (cell.model.type === "code" && OURS.test(cell.model.sharedModel.getSource())) {
        refresh();
      }
    });
    tracker?.widgetAdded.connect((_, panel) => {
      panel.sessionContext.statusChanged.connect((_, status) => {
        if (GONE.has(status)) {
          refresh();
          setTimeout(refresh, GONE_MS);
        }
      });
    });
    void app.restored.then(async () => {
      await watching.poll.start();
      const settings = await registry?.load(ID);
      const set = () => {
        const seconds = Number(settings?.get("interval").composite ?? SECONDS);
        watching.poll.frequency = { ...watching.poll.frequency, interval: seconds * 1000 };
      };
      settings?.changed.connect(set);
      set();
    });
    return watching;
  },
};
