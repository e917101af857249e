// Bringing a version of an open notebook back: as a copy beside it, or in its place through the document itself.
import { Dialog, showDialog } from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import type { INotebookModel, NotebookPanel } from "@jupyterlab/notebook";
import type { Contents } from "@jupyterlab/services";
import { Widget } from "@lumino/widgets";
import { record } from "../acting";
import type { Api } from "../api";
import type { Place } from "../calling";
import { contentOf, pathOf } from "../open_notebook";
import { quoted } from "../words";
import { part } from "./parts";

type Content = Parameters<INotebookModel["fromJSON"]>[0];

export type Choice = "copy" | "replace" | null;

/** Ask what is meant; a copy changes nothing. */
export async function choice(place: Place, notebook: string, title: string, ref: string): Promise<Choice> {
  const { trans } = place;
  const body = new Widget();
  const words = trans.__(
    "A copy beside %1 changes nothing. In its place: its cells as they are here now are kept as a snapshot first, their outputs are not.",
    PathExt.basename(notebook),
  );
  const line = `mlops restore ${ref} ${quoted(PathExt.basename(notebook))}`;
  body.addClass("mlops-Question");
  body.node.append(part("p", "", title), part("p", "", words), part("code", "mlops-Line", line));
  const buttons = [
    Dialog.cancelButton({ label: trans.__("Cancel") }),
    Dialog.createButton({ label: trans.__("Put it in its place"), displayType: "warn", actions: ["replace"] }),
    Dialog.okButton({ label: trans.__("Open a copy") }),
  ];
  const answer = await showDialog({ title: trans.__("Restore %1?", ref), body, buttons, defaultButton: 2 });
  return answer.button.accept ? (answer.button.actions.includes("replace") ? "replace" : "copy") : null;
}

/** Write a version beside the notebook; return its path as the front end calls it. */
export async function copied(api: Api, notebook: string, ref: string): Promise<string> {
  const given = { ref, notebook: PathExt.basename(notebook) };
  const { path } = await record(api, "restore", "restored", { arguments: given, notebook });
  return PathExt.join(PathExt.dirname(notebook), PathExt.basename(path));
}

/**
 * Put a version in the place of an open notebook: a snapshot of it is taken, the document gets the version's content,
 * and is saved as the user would save it. `settled` waits for a save that is under way.
 *
 * Throws when the notebook cannot be written, works still, or is changed meanwhile: then it stays as it is.
 */
export async function replaced(
  place: Place,
  api: Api,
  panel: NotebookPanel,
  ref: string,
  settled: () => Promise<void>,
): Promise<string> {
  const { trans } = place;
  const { contents } = place.app.serviceManager;
  const notebook = pathOf(panel, contents);
  if (notebook === null) {
    throw new Error(trans.__("The notebook is on another drive, of which the server has no files."));
  }
  ready(place, panel);
  const before = contentOf(panel, false) ?? "";
  const request = { arguments: { message: trans.__("before %1 was restored", ref) }, notebook, content: before };
  const kept = await record(api, "snapshot", "snapshot", request);
  const content = await contentOfVersion(api, contents, notebook, ref);
  await settled();
  ready(place, panel);
  if (pathOf(panel, contents) !== notebook || contentOf(panel, false) !== before) {
    throw new Error(trans.__("The notebook has changed meanwhile, and was left as it is. Once more?"));
  }
  // From here to the beginning of the save nothing else runs: no save of what was before comes between.
  panel.model?.fromJSON(content);
  const saving = panel.context.save();
  // A page that is scrolled past the end of what is there now would show nothing.
  panel.content.activeCellIndex = 0;
  await panel.content.scrollToItem(0);
  await saving;
  return kept.ref;
}

/**
 * Return what is in a version of a notebook.
 *
 * The copy that is read is gone before anything is saved: a save makes the file browser list the folder, and Jupyter
 * Server calls a folder missing from which a file goes while it is listed.
 */
async function contentOfVersion(
  api: Api,
  contents: Contents.IManager,
  notebook: string,
  ref: string,
): Promise<Content> {
  const copy = await copied(api, notebook, ref);
  try {
    return (await contents.get(copy, { content: true, type: "notebook" })).content as Content;
  } finally {
    await contents.delete(copy);
  }
}

/** Throws where a notebook must not be written now. */
function ready({ trans }: Place, panel: NotebookPanel): void {
  if (panel.isDisposed || panel.model === null) {
    throw new Error(trans.__("The notebook was closed."));
  }
  if (panel.model.readOnly || panel.context.contentsModel?.writable === false) {
    throw new Error(trans.__("The notebook cannot be written here: open a copy."));
  }
  if (panel.sessionContext.session?.kernel?.status === "busy") {
    // What its cells say would go to cells that are no more.
    throw new Error(trans.__("Its kernel is busy: wait for it, or interrupt it."));
  }
}
