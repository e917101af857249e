// Whether the notebook that is open has changed since its snapshots: by the sources of its cells.
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { type INotebookTracker, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import type { TranslationBundle } from "@jupyterlab/translation";
import { Debouncer } from "@lumino/polling";
import { Signal } from "@lumino/signaling";
import { Api, isServed } from "./api";
import { checksumOf } from "./checksum";
import type { KeptSources } from "./generated";
import { pathOf } from "./open_notebook";
import { isTracked } from "./runs_of_cells";

const TYPING_MS = 500;
// A tracked cell's snapshot is taken beside its body.
const TAKEN_MS = 1000;

/** How the notebook in front stands; `none` where it was never kept, or nobody can say. */
export type Standing = "none" | "kept" | "changed";

export class Kept {
  /** What is known of the notebook in front. */
  found: KeptSources | null = null;
  standing: Standing = "none";
  readonly changed = new Signal<this, void>(this);
  private readonly api: Api;
  private readonly typing = new Debouncer(() => {
    this.compare();
  }, TYPING_MS);
  private panel: NotebookPanel | null = null;

  constructor(
    private readonly app: JupyterFrontEnd,
    tracker: INotebookTracker,
    trans: TranslationBundle,
  ) {
    this.api = new Api(app.serviceManager.serverSettings, trans);
    tracker.currentChanged.connect((_, panel) => void this.follow(panel));
    app.commands.commandExecuted.connect((_, { id, result }) => {
      if (id === "mlops:snapshot-notebook") {
        void result.then(() => this.ask());
      }
    });
    NotebookActions.executed.connect((_, { notebook, cell }) => {
      if (this.panel?.content === notebook && cell.model.type === "code" && isTracked(cell.model)) {
        setTimeout(() => void this.ask(), TAKEN_MS);
      }
    });
    void this.follow(tracker.currentWidget);
  }

  private async follow(panel: NotebookPanel | null): Promise<void> {
    if (this.panel !== null && !this.panel.isDisposed) {
      this.panel.context.saveState.disconnect(this.saved, this);
      this.panel.content.modelContentChanged.disconnect(this.edited, this);
    }
    this.panel = panel;
    this.set(null);
    if (panel !== null) {
      panel.context.saveState.connect(this.saved, this);
      panel.content.modelContentChanged.connect(this.edited, this);
      await panel.context.ready;
      await this.ask();
    }
  }

  private saved(_: unknown, state: string): void {
    if (state === "completed") {
      void this.ask();
    }
  }

  private edited(): void {
    void this.typing.invoke();
  }

  private async ask(): Promise<void> {
    const { panel } = this;
    if (panel === null || panel.isDisposed || !isServed(this.app.serviceManager.serverSettings)) {
      return;
    }
    let found: KeptSources | null = null;
    try {
      const path = pathOf(panel, this.app.serviceManager.contents);
      found = path === null ? null : await this.api.kept(path);
    } catch (error) {
      console.warn("mlops-jupyter: whether the notebook is kept is not known", error);
    }
    if (panel === this.panel) {
      this.set(found);
    }
  }

  private set(found: KeptSources | null): void {
    this.found = found;
    this.compare();
  }

  private compare(): void {
    const cells = this.panel?.isDisposed ? undefined : this.panel?.content.model?.cells;
    if (!cells || !this.found || this.found.checksums.length === 0) {
      this.standing = "none";
    } else {
      this.standing = this.found.checksums.includes(checksumOf(cells)) ? "kept" : "changed";
    }
    this.changed.emit();
  }
}
