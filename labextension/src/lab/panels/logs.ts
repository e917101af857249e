// A tab that follows what an endpoint's processes write.
import { MainAreaWidget } from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { recordType } from "../acting";
import { type Api, type Event, Refused } from "../api";
import type { Place } from "../calling";
import { shown } from "../main_area";
import { wrong } from "../words";
import { part } from "./parts";

/** So many lines are shown at first, and so many are kept. */
const FIRST = 500;
const KEPT = 5_000;
// A reader this close to the end wants to see what comes.
const NEAR_PX = 40;

class Logs extends Widget {
  private readonly said = part("div", "mlops-Logs-said");
  private readonly lines = part("pre", "mlops-Logs-lines");
  private aborting: AbortController | null = null;
  private job: string | null = null;
  private text: string[] = [];
  private drawn = 0;

  constructor(
    private readonly place: Place,
    private readonly api: Api,
    private readonly name: string,
    private readonly notebook: string | null,
  ) {
    super();
    this.addClass("mlops-Logs");
    this.said.setAttribute("role", "status");
    this.lines.tabIndex = 0;
    this.lines.setAttribute("role", "log");
    this.lines.setAttribute("aria-label", place.trans.__("Log of %1", name));
    this.node.append(this.said, this.lines);
  }

  override dispose(): void {
    this.rest();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this.follow();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      void this.follow();
    }
  }

  /** Nobody looks: the lines are read anew when somebody does. */
  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.rest();
  }

  private rest(): void {
    this.aborting?.abort();
    this.aborting = null;
    if (this.job !== null) {
      this.api.cancel(this.job).catch((error: unknown) => {
        console.warn("mlops-jupyter: a log is followed that nobody looks at", error);
      });
      this.job = null;
    }
  }

  private async follow(): Promise<void> {
    if (this.aborting !== null) {
      return;
    }
    const aborting = new AbortController();
    this.aborting = aborting;
    this.text = [];
    this.draw();
    this.said.textContent = this.command();
    const request = {
      arguments: { name: this.name, lines: FIRST, follow: true },
      ...(this.notebook === null ? {} : { notebook: this.notebook }),
    };
    try {
      const heard = (event: Event): void => {
        // What was on its way when the tab was hidden belongs to no reader.
        if (this.aborting === aborting) {
          this.heard(event);
        }
      };
      const end = await this.api.run("logs", request, heard, aborting.signal);
      if (end.event !== "result" || end.failed) {
        throw new Refused(end.status ?? 0, end.error ?? "", end.message ?? end.event, end.hint ?? null);
      }
      this.said.textContent = this.place.trans.__("%1 has ended; these are its last lines.", this.name);
    } catch (error) {
      if (!aborting.signal.aborted) {
        this.said.textContent = wrong(error);
      }
    }
    if (this.aborting === aborting) {
      this.aborting = this.job = null;
    }
  }

  private command(): string {
    return this.place.trans.__("mlops logs %1 --follow", this.name);
  }

  private heard(event: Event): void {
    if (event.event === "started") {
      this.job = event.job;
    } else if (event.event === "away") {
      this.said.textContent = event.message ?? this.command();
    } else if (event.event === "part") {
      this.text.push(...(event.data[recordType("loglines")]?.lines ?? []));
      this.text.splice(0, Math.max(0, this.text.length - KEPT));
      this.draw();
    }
  }

  /** Draw at the next frame, once, however much came. */
  private draw(): void {
    if (this.drawn === 0) {
      this.drawn = requestAnimationFrame(() => {
        this.drawn = 0;
        const { lines } = this;
        const follows = lines.scrollHeight - lines.scrollTop - lines.clientHeight < NEAR_PX;
        lines.textContent = this.text.join("\n");
        if (follows) {
          lines.scrollTop = lines.scrollHeight;
        }
      });
    }
  }
}

/** Show the log of a deployment, in the tab that shows it already if there is one. */
export function logsTab(place: Place, api: Api, name: string, notebook: string | null): void {
  // Another project may have a deployment of the same name.
  const id = `mlops-logs-${encodeURIComponent(`${PathExt.dirname(notebook ?? "")}/${name}`)}`;
  let tab = [...place.app.shell.widgets("main")].find((one) => one.id === id) as MainAreaWidget<Logs> | undefined;
  if (tab === undefined) {
    tab = new MainAreaWidget({ content: new Logs(place, api, name, notebook) });
    tab.toolbar.hide();
    tab.id = id;
    tab.title.label = place.trans.__("Log of %1", name);
    tab.title.caption = `mlops logs ${name} --follow`;
    tab.title.closable = true;
  }
  shown(place, tab);
}
