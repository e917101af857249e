// A verb at work in a tab; or where there is room for the notebook alone, as in Notebook 7, in a dialog.
import { Dialog, Notification, showDialog } from "@jupyterlab/apputils";
import { UUID } from "@lumino/coreutils";
import type { Api, Arguments, Request, Verb } from "./api";
import type { Place } from "./calling";
import { inTab, Result } from "./result";
import { executedIn } from "./run_notebooks";
import { lineOf, wrong } from "./words";

const CLOSES_MS = 15_000;

/**
 * A verb that is to be called with a request, or the job that it has become; and how to call it once more, which closes
 * what is shown now when the other is shown instead.
 */
export interface Work {
  verb: Verb;
  given: Arguments;
  begun: Request | string;
  /** The notebook in whose project it is called, if in one's. */
  notebook: string | null;
  again: ((instead: () => void) => void) | null;
}

/** Show a verb at work, or what came of it, in front or behind what is there. */
export function showWork(place: Place, api: Api, work: Work, inFront: boolean): Result {
  const { shell } = place.app;
  const { name, effect } = work.verb;
  const line = lineOf(work.verb, work.given);
  let close = (): void => undefined;
  const again = (): void => {
    close();
    work.again?.(() => {
      tab.dispose();
    });
  };
  const show = (): void => {
    if (result.isDisposed) {
      if (result.job !== null) {
        showWork(place, api, { ...work, begun: result.job }, true);
      }
    } else if (tab.isAttached) {
      shell.activateById(tab.id);
    } else {
      const buttons = [Dialog.okButton({ label: place.trans.__("Close") })];
      const shown = new Dialog({ title: `mlops ${name}`, body: result, buttons });
      close = () => {
        shown.resolve(0);
      };
      void shown.launch().then(() => {
        result.dispose();
      });
    }
  };
  const result = new Result(
    api,
    place.rendermime,
    {
      ...{ verb: name, effect, line, begun: work.begun, show },
      confirm: (question) => confirm(place, question),
      again: work.again === null ? null : again,
      executed: (data) => executedIn(place, api, data, work.notebook),
      left: (job) => goesOn(place, api, line, job, show),
    },
    place.trans,
  );
  const tab = inTab(result, `mlops-result-${UUID.uuid4()}`, `mlops ${name}`, `mlops ${line}`);
  shell.add(tab, "main", { activate: inFront });
  if (inFront) {
    show();
  }
  void result.run();
  return result;
}

/** Say that a verb goes on that is not in front; return what takes the words back. */
function goesOn(place: Place, api: Api, line: string, job: string, show: () => void): () => void {
  const { trans } = place;
  const cancel = (): void => {
    api.cancel(job).catch((error: unknown) => Notification.error(wrong(error)));
  };
  const actions = [
    { label: trans.__("Show"), callback: show },
    { label: trans.__("Cancel"), callback: cancel },
  ];
  const said = Notification.info(trans.__("mlops %1 goes on.", line), { actions, autoClose: CLOSES_MS });
  return () => {
    Notification.dismiss(said);
  };
}

/** Ask before something that cannot be undone. */
export async function confirm(place: Place, question: string): Promise<boolean> {
  const answer = await showDialog({
    title: place.trans.__("This cannot be undone"),
    body: question,
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: place.trans.__("Go on") })],
    defaultButton: 0,
  });
  return answer.button.accept;
}
