// The versions of the current notebook, and what can be done with each.
import { PathExt, Time } from "@jupyterlab/coreutils";
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { Place } from "../calling";
import type { History, Version } from "../generated";
import { pathOf } from "../open_notebook";
import { wrong } from "../words";
import { button, empty, part } from "./parts";
import { choice, copied, replaced } from "./restoring";
import { Section } from "./section";

// What runs say of a version comes to the store a moment after they have ended.
const SNAPSHOT = "mlops:snapshot-notebook";
const SECONDS = 20;
const FIRST = 30;

type SaveState = "started" | "completed" | "failed";

export class Versions extends Section {
  private readonly list = part("ul", "mlops-Versions");
  private readonly outcome = part("div", "mlops-Card-outcome");
  private readonly more: HTMLButtonElement;
  private panel: NotebookPanel | null = null;
  private saving = false;
  private limit = FIRST;
  private shown = "";
  private busy = false;

  constructor(place: Place) {
    super(place, "versions", place.trans.__("Versions"), SECONDS);
    this.outcome.setAttribute("role", "status");
    this.list.setAttribute("aria-label", place.trans.__("Versions of the notebook"));
    this.more = button(place.trans.__("Older ones"), place.trans.__("Show twice as many versions"), () => {
      this.limit *= 2;
      void this.refresh();
    });
    this.looking();
    place.tracker?.currentChanged.connect(this.moved, this);
    this.follow(place.tracker?.currentWidget ?? null);
  }

  override dispose(): void {
    this.place.tracker?.currentChanged.disconnect(this.moved, this);
    this.follow(null);
    super.dispose();
  }

  protected async ask(notebook: string | null): Promise<void> {
    const { limit } = this;
    if (notebook === null) {
      this.about = null;
      this.shown = "";
      const { trans, tracker } = this.place;
      const said = tracker?.currentWidget
        ? trans.__("This notebook is on another drive: the server has no versions of it.")
        : trans.__("Open a notebook to see its versions.");
      this.body.replaceChildren(empty(said, ""));
      return;
    }
    const given = { notebook: PathExt.basename(notebook), limit };
    const found = await this.api.data<History>("history", given, notebook);
    // Another notebook may have become current meanwhile; it is asked about next.
    if (notebook === this.notebook) {
      this.about = notebook;
      this.draw(notebook, found.versions, found.notes);
    }
  }

  private moved(): void {
    this.follow(this.place.tracker?.currentWidget ?? null);
    this.limit = FIRST;
    this.outcome.textContent = "";
    if (this.about !== this.notebook) {
      // What can be done with a version is done to the notebook in front, which these are not of.
      this.looking();
    }
    if (this.seen) {
      void this.refresh();
    }
  }

  private looking(): void {
    this.shown = "";
    this.body.replaceChildren(part("div", "mlops-Empty mlops-Waiting", this.place.trans.__("Looking…")));
  }

  /** Listen to one notebook: a save and a new name are worth a look. */
  private follow(panel: NotebookPanel | null): void {
    this.panel?.context.saveState.disconnect(this.saved, this);
    this.panel?.context.pathChanged.disconnect(this.renamed, this);
    this.panel = panel;
    this.saving = false;
    panel?.context.saveState.connect(this.saved, this);
    panel?.context.pathChanged.connect(this.renamed, this);
  }

  private saved(_: unknown, state: SaveState): void {
    this.saving = state === "started";
    if (state === "completed" && this.seen) {
      void this.refresh();
    }
  }

  private renamed(): void {
    if (this.seen) {
      void this.refresh();
    }
  }

  private draw(notebook: string, all: readonly Version[], notes: readonly string[]): void {
    const { trans } = this.place;
    // The file as it is now is what one sees, or nearly.
    const versions = all.filter((one) => one.kind !== "file" && one.kind !== "live");
    const said = JSON.stringify([notebook, versions, notes]);
    if (said === this.shown) {
      this.list.querySelectorAll("time").forEach((one) => {
        one.textContent = ago(one.dateTime);
      });
      return;
    }
    this.shown = said;
    const name = part("div", "mlops-Versions-name", PathExt.basename(notebook));
    name.title = notebook;
    const take = button(
      trans.__("Snapshot"),
      trans.__("Keep the notebook as it is now, unsaved edits too"),
      () => void this.take(),
    );
    // The command is another plugin's, which may be disabled.
    take.hidden = !this.place.app.commands.hasCommand(SNAPSHOT);
    const head = part("div", "mlops-Versions-head");
    head.append(name, take);
    if (versions.length === 0) {
      this.body.replaceChildren(head, this.outcome, empty(trans.__("It has no versions yet."), "mlops snapshot"));
      return;
    }
    this.list.replaceChildren(...versions.map((one) => this.row(notebook, one)));
    // The note that older ones are left out is a button here.
    const others = notes.filter((one) => !one.includes("--limit"));
    this.more.hidden = others.length === notes.length;
    const about = others.map((note) => part("div", "mlops-Card-note", note));
    this.body.replaceChildren(head, this.outcome, ...about, this.list, this.more);
  }

  private row(notebook: string, version: Version): HTMLElement {
    const { trans } = this.place;
    const row = part("li", "mlops-Kept");
    row.dataset.ref = version.ref;
    const title = part("b", "mlops-Kept-title", version.title || version.ref);
    title.title = version.title;
    const head = part("div", "mlops-Kept-head");
    head.append(part("span", `mlops-Kept-kind mlops-mod-${version.kind}`, version.kind), title);
    const about = part("div", "mlops-Kept-about");
    if (version.time !== null) {
      const when = part("time", "", ago(version.time));
      when.dateTime = version.time;
      when.title = new Date(version.time).toLocaleString();
      about.append(when);
    }
    about.append(...(version.author ? [part("span", "", version.author)] : []), part("code", "", version.ref));
    if (version.runs.length > 0) {
      const runs = part("span", "", trans._n("1 run", "%1 runs", version.runs.length));
      runs.title = version.runs.join("\n");
      about.append(runs);
    }
    about.append(...this.badge(version.honesty));
    const buttons = part("div", "mlops-Card-buttons");
    buttons.append(
      button(trans.__("Diff"), trans.__("Put %1 beside the notebook as it is here now", version.ref), () =>
        this.diff(notebook, version),
      ),
      button(trans.__("Restore…"), trans.__("Bring %1 back", version.ref), () => void this.restore(notebook, version)),
    );
    row.append(head, about, buttons);
    return row;
  }

  /** Whether the runs of a version depended on what it says. */
  private badge(honesty: string | null): HTMLElement[] {
    const { trans } = this.place;
    if (honesty === null || honesty === "unknown") {
      return [];
    }
    if (honesty === "clean") {
      const badge = part("span", "mlops-Badge mlops-mod-honest", trans.__("✓ honest"));
      badge.title = trans.__("What its tracked cells depended on is what the notebook says");
      return [badge];
    }
    const badge = part("span", "mlops-Badge mlops-mod-changed", trans.__("⚠ %1", honesty.replaceAll(",", ", ")));
    badge.title = trans.__("A tracked cell depended on what the notebook, run from the top, might not do again");
    return [badge];
  }

  private diff(notebook: string, version: Version): void {
    const given = { a: version.ref, notebook: PathExt.basename(notebook) };
    void import("../calling").then(({ call }) => call(this.place, "diff", given, false, notebook));
  }

  private take(): Promise<void> {
    return this.act("", async () => {
      await this.place.app.commands.execute(SNAPSHOT);
      return "";
    });
  }

  private async restore(notebook: string, version: Version): Promise<void> {
    const { place, api, panel } = this;
    const { trans } = place;
    if (panel === null || pathOf(panel, place.app.serviceManager.contents) !== notebook) {
      // It was renamed a moment ago.
      void this.refresh();
      return;
    }
    const chosen = await choice(place, notebook, version.title, version.ref);
    if (chosen === "copy") {
      await this.act(trans.__("Restoring %1…", version.ref), async () => {
        const path = await copied(api, notebook, version.ref);
        await place.app.commands.execute("docmanager:open", { path });
        return trans.__("%1 is in %2.", version.ref, PathExt.basename(path));
      });
    } else if (chosen === "replace") {
      await this.act(trans.__("Restoring %1…", version.ref), async () => {
        const kept = await replaced(place, api, panel, version.ref, () => this.settled());
        return trans.__("%1 is in its place; what was there is %2.", version.ref, kept);
      });
    }
  }

  /** Resolved when no save of the notebook is under way. */
  private settled(): Promise<void> {
    const context = this.panel?.context;
    if (context === undefined || !this.saving) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const heard = (_: unknown, state: SaveState): void => {
        if (state !== "started") {
          context.saveState.disconnect(heard);
          resolve();
        }
      };
      context.saveState.connect(heard);
    });
  }

  /** One thing at a time; what came of it is said, and looked at. */
  private async act(words: string, deed: () => Promise<string>): Promise<void> {
    if (this.busy) {
      return;
    }
    this.busy = true;
    this.outcome.classList.remove("mlops-mod-wrong");
    this.outcome.textContent = words;
    try {
      this.outcome.textContent = await deed();
    } catch (error) {
      this.outcome.textContent = wrong(error);
      this.outcome.classList.add("mlops-mod-wrong");
    }
    this.busy = false;
    void this.refresh();
  }
}

/** How long ago an instant is, as JupyterLab says it. */
function ago(instant: string): string {
  return Time.formatHuman(new Date(instant));
}
