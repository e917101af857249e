// A notebook as it is on the screen: its path and its content, without outputs.
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { Contents } from "@jupyterlab/services";

/** The path below the server's directory, also for a notebook that is edited by several people at once. */
export function pathOf(panel: NotebookPanel, contents: Contents.IManager): string {
  return contents.localPath(panel.context.path);
}

/** The notebook's JSON as text; outputs and the state of widgets are left out, as they are of a snapshot. */
export function contentOf(panel: NotebookPanel): string | null {
  const model = panel.model;
  if (model === null || panel.isDisposed) {
    return null;
  }
  const { widgets, ...metadata } = model.sharedModel.getMetadata() as Record<string, unknown>;
  const cells = [];
  for (const cell of model.cells) {
    const shared = cell.sharedModel;
    const common = {
      id: shared.getId(),
      cell_type: shared.cell_type,
      metadata: shared.getMetadata(),
      source: shared.getSource(),
    };
    if (shared.cell_type === "code") {
      cells.push({ ...common, execution_count: null, outputs: [] });
    } else {
      const { attachments } = shared.toJSON() as { attachments?: unknown };
      cells.push(attachments === undefined ? common : { ...common, attachments });
    }
  }
  return JSON.stringify({ cells, metadata, nbformat: model.nbformat, nbformat_minor: model.nbformatMinor });
}
