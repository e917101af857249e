// An item of the status bar: the open run, whether the notebook is kept as it is, and how the endpoints are.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IStatusBar } from "@jupyterlab/statusbar";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import { Signal } from "@lumino/signaling";
import { Widget } from "@lumino/widgets";
import type { Overview } from "./api";
import { isNamed } from "./files";
import { Kept } from "./kept";
import { pathOf } from "./open_notebook";
import { IOverview } from "./overview";

const ID = "mlops-jupyter:status";

interface Part {
  readonly text: string;
  readonly title: string;
  readonly ill?: boolean;
  readonly command: string;
  readonly args: Record<string, string | boolean>;
}

class StatusItem extends Widget {
  /** Whether there is anything to show has changed. */
  readonly changed = new Signal<this, void>(this);
  private told = "";

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly trans: TranslationBundle,
  ) {
    super();
    this.addClass("mlops-Status");
    this.node.setAttribute("role", "status");
  }

  get isEmpty(): boolean {
    return this.node.childElementCount === 0;
  }

  show_(found: Overview | null, notebook: string | null, kept: Kept | null): void {
    const parts = [...this.runs(found, notebook), ...this.standing(kept), ...this.endpoints(found)];
    // What a click would call may be another plugin's, and come later than this, or not at all.
    const told = JSON.stringify(parts.map((one) => [one, this.app.commands.hasCommand(one.command)]));
    if (told === this.told) {
      // A button that is looked at, or pressed, stays the same one.
      return;
    }
    this.told = told;
    const before = this.isEmpty;
    this.node.replaceChildren(...parts.map((one) => this.drawn(one)));
    if (before !== this.isEmpty) {
      this.changed.emit();
    }
  }

  private drawn({ text, title, ill, command, args }: Part): HTMLElement {
    const calls = this.app.commands.hasCommand(command);
    const made = document.createElement(calls ? "button" : "span");
    made.className = ill ? "mlops-Status-part mlops-mod-ill" : "mlops-Status-part";
    made.textContent = text;
    made.title = title;
    if (made instanceof HTMLButtonElement) {
      made.type = "button";
      made.onclick = () => {
        void this.app.commands.execute(command, args);
      };
    }
    return made;
  }

  private runs(found: Overview | null, notebook: string | null): Part[] {
    const open = found?.open_runs ?? [];
    // The notebook's own run before any other.
    const own = open.filter((one) => found && notebook !== null && isNamed(found, one.notebook ?? "", notebook));
    const [first, ...others] = [...own, ...open.filter((one) => !own.includes(one))];
    if (first === undefined) {
      return [];
    }
    const name = this.trans.__("run %1", first.name);
    const text = others.length ? this.trans.__("%1 and %2 more", name, others.length) : name;
    const lines = open.map((one) => this.trans.__("run %1 since %2", one.name, local(one.started)));
    return [
      { text, title: lines.join("\n"), command: "mlops:open-run", args: { run: first.run_id, name: first.name } },
    ];
  }

  private standing(kept: Kept | null): Part[] {
    if (kept?.standing !== "changed") {
      return [];
    }
    const since = this.trans.__("Changed since its snapshot %1 of %2", kept.found?.ref, whole(kept.found?.taken));
    const command = "mlops:snapshot-notebook";
    const click = this.app.commands.hasCommand(command) ? `\n${this.trans.__("Click: take a snapshot")}` : "";
    return [{ text: this.trans.__("changed since snapshot"), title: since + click, command, args: {} }];
  }

  private endpoints(found: Overview | null): Part[] {
    const { endpoints } = found ?? { endpoints: [] };
    if (endpoints.length === 0) {
      return [];
    }
    const ready = endpoints.filter((one) => one.status === "ready").length;
    const text = this.trans._n("%2 of %1 endpoint ready", "%2 of %1 endpoints ready", endpoints.length, ready);
    const ill = endpoints.some((one) => one.status === "failed" || one.status === "stopped");
    const lines = endpoints.map((one) => `${one.name}: ${one.status}${one.error ? ` (${one.error})` : ""}`);
    return [{ text, title: lines.join("\n"), ill, command: "mlops:call-deployments", args: { ask: false } }];
  }
}

function local(instant: string): string {
  return new Date(instant).toLocaleTimeString();
}

function whole(instant: string | null | undefined): string {
  return instant ? new Date(instant).toLocaleString() : "";
}

export const status: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "Shows the open run, an unkept notebook and the endpoints' health in the status bar.",
  autoStart: true,
  optional: [IOverview, IStatusBar, INotebookTracker, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    overview: IOverview | null,
    bar: IStatusBar | null,
    tracker: INotebookTracker | null,
    translator: ITranslator | null,
  ) => {
    if (bar === null) {
      // Notebook 7 has none.
      return;
    }
    const trans = (translator ?? nullTranslator).load("mlops_jupyter");
    const item = new StatusItem(app, trans);
    bar.registerStatusItem(ID, {
      item,
      align: "left",
      rank: 50,
      isActive: () => !item.isEmpty,
      activeStateChanged: item.changed,
    });
    const kept = tracker === null ? null : new Kept(app, tracker, trans);
    const show = (): void => {
      const panel = tracker?.currentWidget;
      item.show_(overview?.found ?? null, panel ? pathOf(panel, app.serviceManager.contents) : null, kept);
    };
    overview?.changed.connect(show);
    kept?.changed.connect(show);
  },
};
