// Tells the kernel of its notebook as it is here, unsaved edits too, before a cell runs that may take a snapshot of it.
//
// The message goes the way that the cell goes, so that it is there when the cell runs. A kernel without our extension
// closes the comm at once; before it has answered, only cells that look like ours are worth another attempt.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import type { Cell } from "@jupyterlab/cells";
import { INotebookTracker, NotebookActions, type Notebook, type NotebookPanel } from "@jupyterlab/notebook";
import type { Contents, Kernel } from "@jupyterlab/services";
import { contentOf, pathOf } from "./open_notebook";

const TARGET = "mlops-jupyter:document";
const OURS = /mlops|mlflow/;
// A server takes no message of more than 10 MiB: it closes the connection, and the cell is lost that comes next.
const MOST_BYTES = 8_000_000;

/** What one kernel has been told. */
class Told {
  private comm: Kernel.IComm | null = null;
  private last = "";

  constructor(private readonly kernel: Kernel.IKernelConnection) {}

  tell(path: string, content: string, ours: boolean): void {
    if (this.comm !== null && !this.comm.isDisposed) {
      if (this.last !== path + content) {
        this.last = path + content;
        this.comm.send({ path, content });
      } else if (ours) {
        // As it was: another page with the same notebook may have told of its own since.
        this.comm.send({});
      }
    } else if (ours && this.kernel.handleComms) {
      this.attempt(path, content);
    }
  }

  /** Let what was told be forgotten: it is out of date, and what is so cannot be told. */
  forget(): void {
    if (this.comm !== null && !this.comm.isDisposed) {
      this.comm.close();
    }
    this.comm = null;
  }

  private attempt(path: string, content: string): void {
    const comm = this.kernel.createComm(TARGET);
    if ("commsOverSubshells" in comm) {
      // On a subshell it could overtake the cell, or be overtaken.
      (comm as { commsOverSubshells: string }).commsOverSubshells = "disabled";
    }
    comm.onMsg = () => {
      // The kernel listens. Of several attempts that were under way the first will do.
      if (this.comm === null || this.comm.isDisposed) {
        this.comm = comm;
        this.last = path + content;
      }
    };
    comm.open({ path, content });
  }
}

export const documents: JupyterFrontEndPlugin<void> = {
  id: "mlops-jupyter:documents",
  description: "Tells kernels of their notebooks' unsaved edits, for snapshots.",
  autoStart: true,
  requires: [INotebookTracker],
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker) => {
    const contents = app.serviceManager.contents;
    const told = new WeakMap<Kernel.IKernelConnection, Told>();
    NotebookActions.executionScheduled.connect((_: unknown, { notebook, cell }: { notebook: Notebook; cell: Cell }) => {
      const panel = tracker.find((one) => one.content === notebook);
      if (panel !== undefined) {
        tell(panel, cell, contents, told);
      }
    });
  },
};

function tell(
  panel: NotebookPanel,
  cell: Cell,
  contents: Contents.IManager,
  told: WeakMap<Kernel.IKernelConnection, Told>,
): void {
  const kernel = panel.sessionContext.session?.kernel;
  const python = /python/i.test(kernel?.name ?? "") || /python/i.test(panel.model?.defaultKernelLanguage ?? "");
  const path = panel.isDisposed ? null : pathOf(panel, contents);
  if (!kernel || !python || path === null) {
    return;
  }
  const known = told.get(kernel) ?? new Told(kernel);
  told.set(kernel, known);
  // A cell of ours may look at the outputs, too.
  const ours = OURS.test(cell.model.sharedModel.getSource());
  const content = (ours ? sendable(panel, true) : null) ?? sendable(panel, false);
  if (content === null) {
    known.forget();
  } else {
    known.tell(path, content, ours);
  }
}

/** The notebook's content, unless it makes a message that is too large: there it is a text in JSON, longer than it is. */
function sendable(panel: NotebookPanel, outputs: boolean): string | null {
  const content = contentOf(panel, outputs);
  const fits =
    content !== null &&
    content.length < MOST_BYTES &&
    new TextEncoder().encode(JSON.stringify(content)).length < MOST_BYTES;
  return fits ? content : null;
}
