// The dashboard of a deployment in a tab of the main area; it is what a notebook shows under a cell.
import { MainAreaWidget } from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import type { ServerConnection } from "@jupyterlab/services";
import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import "../../src/monitor/style.css";
import { View } from "../monitor/view";
import { performed } from "./acting";
import { Api } from "./api";
import type { Place } from "./calling";
import { Monitors } from "./monitors";
import { Watch } from "./watch";
import { wrong } from "./words";

// Of the last quarter of an hour there is something new each second.
const RANGE_S = 900;

// One for each server.
const all = new WeakMap<ServerConnection.ISettings, Monitors>();

export class Monitoring extends Widget {
  private readonly alert = document.createElement("div");
  private readonly watch: Watch;
  private view: View | null = null;

  constructor(
    private readonly place: Place,
    private readonly name: string,
    notebook: string | null,
  ) {
    super();
    this.addClass("mlops-Monitoring");
    this.node.tabIndex = 0;
    this.alert.className = "mlops-Section-wrong";
    this.alert.setAttribute("role", "alert");
    this.alert.hidden = true;
    this.node.append(this.alert);
    const { serverSettings } = place.app.serviceManager;
    const api = new Api(serverSettings, place.trans);
    const monitors = all.get(serverSettings) ?? new Monitors((path, init) => api.ask(path, init));
    all.set(serverSettings, monitors);
    const perform = (verb: string, given: Record<string, string | string[]>) =>
      performed(api, verb, { arguments: given, ...(notebook === null ? {} : { notebook }) });
    const deeds = {
      share: (shares: Record<string, number>) =>
        perform("traffic", { name, shares: Object.entries(shares).map(([version, share]) => `${version}=${share}`) }),
      rollBack: () => perform("rollback", { name }),
    };
    this.watch = new Watch(api, monitors, name, notebook, RANGE_S, deeds, (error) => this.told(error));
  }

  override dispose(): void {
    this.view?.destroy();
    this.watch.end();
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.view === null) {
      const { trans } = this.place;
      const silent = trans.__("⚠ the server says nothing any more: this is how it was");
      this.view = new View(this.watch.store, this.name, RANGE_S, silent, trans);
      this.node.append(this.view.root);
    }
  }

  private told(error: unknown): void {
    this.view?.setAway(error !== null);
    this.alert.hidden = error === null;
    this.alert.textContent = error === null ? "" : wrong(error);
  }
}

/** A tab with a deployment's dashboard. */
export function monitoringTab(place: Place, name: string, notebook: string | null): MainAreaWidget<Monitoring> {
  const tab = new MainAreaWidget({ content: new Monitoring(place, name, notebook) });
  tab.toolbar.hide();
  tab.id = `mlops-monitor-${encodeURIComponent(`${PathExt.dirname(notebook ?? "")}/${name}`)}`;
  tab.title.label = place.trans.__("Monitor %1", name);
  tab.title.caption = place.trans.__("What %1 does: throughput, latency, errors, drift, quality, alerts", name);
  tab.title.closable = true;
  return tab;
}
