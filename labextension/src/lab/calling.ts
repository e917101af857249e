// What a command does: a form, then the verb at work in a tab; or for a verb that needs a kernel, a visible cell.
import type { JupyterFrontEnd } from "@jupyterlab/application";
import type { Cell } from "@jupyterlab/cells";
import { Dialog, Notification, showDialog, showErrorMessage } from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import { type INotebookTracker, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { Kernel } from "@jupyterlab/services";
import type { TranslationBundle } from "@jupyterlab/translation";
import { record } from "./acting";
import { Api, type Arguments, type Job, type Request, type Scalar, type Verb } from "./api";
import { Form } from "./form";
import { contentOf, notebookOf, panelOf, pathOf } from "./open_notebook";
import { parametersOf } from "./parameters";
import { bodyOf, isTracked } from "./runs_of_cells";
import { lineOf, magicOf, namesLive, wrong } from "./words";
import { confirm, showWork, type Work } from "./work";

const LOAD = "%load_ext mlops_jupyter";
const LOADS = /^%(load|reload)_ext\s+mlops_jupyter\b/m;
// What JupyterLab throws when its user, asked about another's change to the file, does not want to save.
const CANCELLED = "ModalCancelError";
const FAILED_MS = 20_000;
// A notebook's outputs may be many times as large as all else of it: only these verbs get them.
const LOOK_AT_OUTPUTS = new Set(["diff", "restore"]);

/** What commands share: JupyterLab's services, as far as there are any. */
export interface Place {
  app: JupyterFrontEnd;
  rendermime: IRenderMimeRegistry;
  tracker: INotebookTracker | null;
  trans: TranslationBundle;
}

/**
 * Call a verb, in the project of a notebook: of the one in front, unless another is said. With `given` and without `ask`
 * no form is shown. `begun` is called once it is at work in a tab.
 */
export async function call(
  place: Place,
  name: string,
  given: Arguments = {},
  ask = true,
  notebook: string | null = notebookOf(place),
  begun: () => void = () => undefined,
): Promise<void> {
  const api = new Api(place.app.serviceManager.serverSettings, place.trans);
  await told(place, name, async () => {
    const verb = await api.verb(name);
    let filled: Arguments | null = given;
    if (ask && verb.parameters.length > 0) {
      const words = api.words(verb.name, notebook);
      const form = new Form(verb, prepared(verb, given, notebook), place.trans, false, words);
      filled = await dialog(place, `mlops ${verb.name}`, form);
    }
    if (filled === null) {
      return;
    }
    if (verb.place === "kernel") {
      await inCell(place, verb, filled);
    } else if (namesLive(verb, filled)) {
      await inCellOfItsOwn(place, verb, filled);
    } else if (verb.effect !== "destroys" || (await confirm(place, `mlops ${lineOf(verb, filled)}`))) {
      start(place, api, verb, filled, notebook, verb.effect === "destroys");
      begun();
    }
  });
}

/** Take a snapshot of the notebook as it is on the screen. */
export async function snapshot(place: Place): Promise<void> {
  const panel = place.tracker?.currentWidget;
  if (!panel) {
    return;
  }
  const api = new Api(place.app.serviceManager.serverSettings, place.trans);
  const { trans } = place;
  const take = async () => record(api, "snapshot", "snapshot", requestOf(place, panel, {}));
  const taking = take();
  // The notification says it, also when it goes wrong. It would run the lines of a text together.
  const said = taking.then(({ ref, notes }) =>
    [trans.__("%1 is kept: snapshot %2", panel.title.label, ref), ...notes].join(" · "),
  );
  Notification.promise(said, {
    pending: { message: trans.__("Taking a snapshot of %1…", panel.title.label) },
    success: { message: (text) => String(text), options: { autoClose: 8000 } },
    // Without a time a quick answer would be found behind the bell alone.
    error: { message: (error) => wrong(error), options: { autoClose: FAILED_MS } },
  });
  await taking.catch(() => undefined);
}

/** Have the chosen cell tracked from now on, and run it. */
export async function trackCell(place: Place): Promise<void> {
  await told(place, "track", async () => {
    const cell = place.tracker?.activeCell;
    const already = cell && isTracked(cell.model) ? cell.model.sharedModel.getSource() : null;
    // Of the server nothing is wanted: the magic does it all.
    await inCell(place, { name: "track", parameters: [] }, {}, already);
  });
}

/** Show a run, by its id. */
export async function openRun(place: Place, run: string): Promise<void> {
  const given: Arguments = { query: `attributes.run_id = '${run}'`, all_experiments: true };
  await call(place, "runs", given, false);
}

/** Run the notebook headless, with a form of its parameters. */
export async function headless(place: Place): Promise<void> {
  const panel = place.tracker?.currentWidget;
  if (!panel?.model) {
    return;
  }
  const { trans } = place;
  const api = new Api(place.app.serviceManager.serverSettings, place.trans);
  await told(place, "run", async () => {
    const declared = panel.model && (await parametersOf(panel.model, api));
    const parameters = declared ?? [];
    const about = parameters.length
      ? trans.__("Run %1 in a kernel of its own, with these parameters.", panel.title.label)
      : declared === null
        ? trans.__("Run %1 in a kernel of its own. It has no cell tagged “parameters”.", panel.title.label)
        : trans.__("Run %1 in a kernel of its own. Its cell tagged “parameters” declares none.", panel.title.label);
    const filled = await dialog(place, trans.__("Run headless"), new Form({ about, parameters }, {}, trans, true));
    if (filled === null) {
      return;
    }
    if (panel.model?.dirty) {
      // A headless run is of the file; it is saved as the user would save it.
      await panel.context.save();
    }
    const values = Object.fromEntries(Object.entries(filled).map(([key, value]) => [key, String(value as Scalar)]));
    const given: Arguments = { notebooks: [fileOf(place, panel)] };
    if (Object.keys(values).length > 0) {
      given.parameters = values;
    }
    start(place, api, await api.verb("run"), given, serverPathOf(place, panel), false);
  });
}

function start(place: Place, api: Api, verb: Verb, given: Arguments, notebook: string | null, yes: boolean): void {
  const panel = panelOf(place, notebook);
  const where = notebook === null ? {} : { notebook };
  const request =
    panel === null ? { arguments: given, ...where, yes } : { ...requestOf(place, panel, given, verb.name), yes };
  showWork(place, api, workOf(place, verb, given, notebook, request), true);
}

function workOf(place: Place, verb: Verb, given: Arguments, notebook: string | null, begun: Request | string): Work {
  const again = (instead: () => void): void => void call(place, verb.name, given, true, notebook, instead);
  return { verb, given, begun, notebook, again: verb.parameters.length > 0 ? again : null };
}

/** Show what another page has begun behind what is in front, and say of what is at work that it goes on. */
export async function reattach(place: Place, jobs: readonly Job[]): Promise<void> {
  const api = new Api(place.app.serviceManager.serverSettings, place.trans);
  for (const { job, verb, arguments: given, notebook, state } of jobs) {
    const result = showWork(place, api, workOf(place, await api.verb(verb), given, notebook, job), false);
    if (state === "running") {
      result.leave();
    }
  }
}

/** Put a verb that works on a cell above the active one, and run that; with `source`, the cell as it is then. */
async function inCell(
  place: Place,
  verb: Pick<Verb, "name" | "parameters">,
  given: Arguments,
  source: string | null = null,
): Promise<void> {
  const panel = place.tracker?.currentWidget;
  const cell = panel?.content.activeCell;
  if (!panel || cell?.model.type !== "code") {
    throw new Error(place.trans.__("%1 works on a cell: choose the code cell that is meant.", verb.name));
  }
  const kernel = await kernelOf(place, panel);
  const shared = cell.model.sharedModel;
  const body = bodyOf(shared.getSource());
  if (LOADS.test(body)) {
    throw new Error(
      place.trans.__("This cell loads mlops_jupyter, without which no cell can be tracked: choose another cell."),
    );
  }
  shared.setSource(source ?? `%%mlops ${magicOf(verb, given)}\n${body}`);
  const cells = [...loading(panel, kernel, panel.content.widgets.indexOf(cell)), cell];
  await NotebookActions.runCells(panel.content, cells, panel.sessionContext);
}

/** Load the magics; where no cell does, a new one at a place is to be run first: so the notebook runs by itself. */
function loading(panel: NotebookPanel, kernel: Kernel.IKernelConnection, place: number): Cell[] {
  const texts = [...(panel.model?.cells ?? [])].map((one) => one.sharedModel.getSource());
  if (texts.some((one) => LOADS.test(one))) {
    // That cell may have run in an earlier kernel; to load it once more changes nothing.
    kernel.requestExecute({ code: LOAD, silent: true, store_history: false });
    return [];
  }
  panel.model?.sharedModel.insertCell(place, { cell_type: "code", source: LOAD, metadata: { trusted: true } });
  return panel.content.widgets.slice(place, place + 1);
}

/** Put a verb that needs an object of the kernel into a cell of its own below the active one, and run that. */
async function inCellOfItsOwn(place: Place, verb: Verb, given: Arguments): Promise<void> {
  const { trans } = place;
  const panel = place.tracker?.currentWidget;
  if (!panel?.model) {
    throw new Error(
      trans.__(
        "A live object is one of a notebook's kernel: open the notebook that has it, and call %1 there.",
        verb.name,
      ),
    );
  }
  const kernel = await kernelOf(place, panel);
  const source = `%mlops ${magicOf(verb, given)}`;
  const at = panel.content.activeCellIndex + 1;
  panel.model.sharedModel.insertCell(at, { cell_type: "code", source, metadata: { trusted: true } });
  const own = panel.content.widgets.slice(at, at + 1);
  const cells = [...loading(panel, kernel, at), ...own];
  panel.content.activeCellIndex = at + cells.length - 1;
  place.app.shell.activateById(panel.id);
  await NotebookActions.runCells(panel.content, cells, panel.sessionContext);
}

/** The notebook's kernel, which must understand the magics; a busy one runs the cell when it comes to it. */
async function kernelOf(place: Place, panel: NotebookPanel): Promise<Kernel.IKernelConnection> {
  const { trans } = place;
  await panel.sessionContext.ready;
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel || kernel.status === "dead" || kernel.status === "terminating") {
    throw new Error(trans.__("%1 has no kernel that runs: start one in the menu Kernel.", panel.title.label));
  }
  const language = (await kernel.spec)?.language ?? "";
  if (language.toLowerCase() !== "python") {
    throw new Error(
      trans.__("%1 has a kernel of %2, and the magics of mlops are for one of Python.", panel.title.label, language),
    );
  }
  return kernel;
}

/** What a form begins with: the notebook that is meant, where a verb takes one. */
function prepared(verb: Verb, given: Arguments, notebook: string | null): Arguments {
  const taken = verb.parameters.find((one) => one.name === "notebooks" && one.kind === "paths");
  if (notebook === null || !taken || taken.name in given) {
    return given;
  }
  return { ...given, [taken.name]: [PathExt.basename(notebook)] };
}

async function dialog(place: Place, title: string, body: Form): Promise<Arguments | null> {
  const buttons = [Dialog.cancelButton(), Dialog.okButton({ label: place.trans.__("Run") })];
  const answer = await showDialog({ title, body, buttons, focusNodeSelector: "input, textarea, select" });
  return answer.button.accept ? answer.value : null;
}

function requestOf(place: Place, panel: NotebookPanel, given: Arguments, verb = ""): Request {
  const content = contentOf(panel, LOOK_AT_OUTPUTS.has(verb));
  const path = serverPathOf(place, panel);
  return content === null ? { arguments: given, notebook: path } : { arguments: given, notebook: path, content };
}

/** The notebook's file name: a verb runs in its folder. */
function fileOf(place: Place, panel: NotebookPanel): string {
  return PathExt.basename(serverPathOf(place, panel));
}

/** The notebook's path. Throws when the server does not have it. */
function serverPathOf({ app, trans }: Place, panel: NotebookPanel): string {
  const { contents } = app.serviceManager;
  const path = pathOf(panel, contents);
  if (path === null) {
    const drive = contents.driveName(panel.context.path);
    throw new Error(trans.__("%1 is on the drive %2, of which the server has no files.", panel.title.label, drive));
  }
  return path;
}

/** Do it, and say what goes wrong. */
async function told(place: Place, name: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (error instanceof Error && error.name === CANCELLED) {
      return;
    }
    await showErrorMessage(`mlops ${name}`, wrong(error), [Dialog.okButton({ label: place.trans.__("OK") })]);
  }
}
