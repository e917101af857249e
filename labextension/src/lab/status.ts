// An item of the status bar: the open run, and how the endpoints are.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import { Poll } from "@lumino/polling";
import { Signal } from "@lumino/signaling";
import { Widget } from "@lumino/widgets";
import { Api, type Overview } from "./api";
import { pathOf } from "./open_notebook";

const ID = "mlops-jupyter:status";
const SECONDS = 10;

class StatusItem extends Widget {
  /** Whether there is anything to show has changed. */
  readonly changed = new Signal<this, void>(this);

  constructor(private readonly trans: TranslationBundle) {
    super();
    this.addClass("mlops-Status");
    this.node.setAttribute("role", "status");
  }

  show_(found: Overview | null, notebook: string | null): void {
    const said = found === null ? [] : [...this.runs(found, notebook), ...this.endpoints(found)];
    const before = this.node.textContent;
    this.node.textContent = said.join(" · ");
    this.title.caption = this.node.title = found === null ? "" : this.tooltip(found);
    const ill = found !== null && found.endpoints.some((one) => one.status === "failed" || one.status === "stopped");
    this.toggleClass("mlops-mod-ill", ill);
    if ((before === "") !== (this.node.textContent === "")) {
      this.changed.emit();
    }
  }

  private runs(found: Overview, notebook: string | null): string[] {
    // The notebook's own run before any other.
    const own = found.open_runs.filter((one) => notebook !== null && one.notebook?.endsWith(`/${notebook}`));
    const [first, ...others] = [...own, ...found.open_runs.filter((one) => !own.includes(one))];
    if (first === undefined) {
      return [];
    }
    const name = this.trans.__("run %1", first.name);
    return [others.length ? this.trans.__("%1 and %2 more", name, others.length) : name];
  }

  private endpoints({ endpoints }: Overview): string[] {
    if (endpoints.length === 0) {
      return [];
    }
    const ready = endpoints.filter((one) => one.status === "ready").length;
    return [this.trans._n("%2 of %1 endpoint ready", "%2 of %1 endpoints ready", endpoints.length, ready)];
  }

  private tooltip(found: Overview): string {
    const runs = found.open_runs.map((one) => this.trans.__("run %1 since %2", one.name, local(one.started)));
    const endpoints = found.endpoints.map((one) => `${one.name}: ${one.status}${one.error ? ` (${one.error})` : ""}`);
    return [found.root, ...runs, ...endpoints].join("\n");
  }
}

function local(instant: string): string {
  return new Date(instant).toLocaleTimeString();
}

export const status: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "Shows the open run and the endpoints' health in the status bar.",
  autoStart: true,
  optional: [IStatusBar, INotebookTracker, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    bar: IStatusBar | null,
    tracker: INotebookTracker | null,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
  ) => {
    if (bar === null) {
      // Notebook 7 has none.
      return;
    }
    const api = new Api(app.serviceManager.serverSettings);
    const item = new StatusItem((translator ?? nullTranslator).load("mlops_jupyter"));
    bar.registerStatusItem(ID, {
      item,
      align: "left",
      rank: 50,
      isActive: () => item.node.textContent !== "",
      activeStateChanged: item.changed,
    });
    const notebook = () => {
      const panel = tracker?.currentWidget;
      return panel ? pathOf(panel, app.serviceManager.contents) : null;
    };
    const poll = new Poll<void>({
      auto: false,
      name: ID,
      // Nobody looks at a hidden page; and a server that does not answer is asked more and more rarely.
      standby: "when-hidden",
      frequency: { interval: SECONDS * 1000, backoff: true, max: 5 * 60 * 1000 },
      factory: async () => {
        try {
          item.show_(await api.status(notebook()), notebook());
        } catch (error) {
          item.show_(null, null);
          throw error;
        }
      },
    });
    tracker?.currentChanged.connect(() => void poll.refresh());
    void app.restored.then(async () => {
      await poll.start();
      const settings = await registry?.load(ID);
      const set = () => {
        const seconds = Number(settings?.get("interval").composite ?? SECONDS);
        poll.frequency = { ...poll.frequency, interval: seconds * 1000 };
      };
      settings?.changed.connect(set);
      set();
    });
  },
};
