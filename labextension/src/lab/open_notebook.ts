// A notebook as it is on the screen: its path and its content.
import type { ICellModel } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { Contents } from "@jupyterlab/services";
import type { Place } from "./calling";

// Of what several people edit at once, which is the server's own.
const TOGETHER = "RTC";

/**
 * The path below the server's directory, also for a notebook that is edited by several people at once; null for one on
 * another drive, of which the server knows nothing: a file of its own may have the same path.
 */
export function pathOf(panel: NotebookPanel, contents: Contents.IManager): string | null {
  const { path } = panel.context;
  return ["", TOGETHER].includes(contents.driveName(path)) ? contents.localPath(path) : null;
}

/**
 * The notebook's JSON as text, without the state of widgets. A snapshot leaves outputs out, and they may be large; a
 * diff looks at them, too.
 */
export function contentOf(panel: NotebookPanel, outputs: boolean): string | null {
  const model = panel.model;
  if (model === null || panel.isDisposed) {
    return null;
  }
  const { widgets, ...metadata } = model.sharedModel.getMetadata() as Record<string, unknown>;
  const cells = [...model.cells].map((cell) => (outputs ? cell.toJSON() : withoutOutputs(cell)));
  return JSON.stringify({ cells, metadata, nbformat: model.nbformat, nbformat_minor: model.nbformatMinor });
}

function withoutOutputs(cell: ICellModel): object {
  const shared = cell.sharedModel;
  if (shared.cell_type !== "code") {
    return cell.toJSON();
  }
  const [id, metadata, source] = [shared.getId(), shared.getMetadata(), shared.getSource()];
  return { cell_type: "code", id, metadata, source, execution_count: null, outputs: [] };
}

/** The panel that shows a notebook; of several the one in front. */
export function panelOf(
  { app, tracker }: Pick<Place, "app" | "tracker">,
  notebook: string | null,
): NotebookPanel | null {
  if (notebook === null) {
    return null;
  }
  const shows = (panel: NotebookPanel): boolean => pathOf(panel, app.serviceManager.contents) === notebook;
  const current = tracker?.currentWidget;
  return (current && shows(current) ? current : tracker?.find(shows)) ?? null;
}

/** The path of the notebook that is current, if there is one: its project is the one that is meant. */
export function notebookOf(place: Pick<Place, "app" | "tracker">): string | null {
  const panel = place.tracker?.currentWidget;
  return panel ? pathOf(panel, place.app.serviceManager.contents) : null;
}
