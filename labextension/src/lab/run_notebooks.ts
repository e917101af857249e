// Opening the notebook of a run: as it was when the run began, or as a headless run has executed it.
import { showErrorMessage } from "@jupyterlab/apputils";
import { recordType } from "./acting";
import type { Api, Arguments, Bundle } from "./api";
import type { Place } from "./calling";
import { serverPath } from "./files";
import type { Records } from "./generated";
import { wrong } from "./words";

// The file browser has no such files, and neither has the server for a page.
const HIDDEN = /(^|\/)\./;

/** Open a copy, which the verb makes; return its path as the verb tells it. */
export async function openRestored(place: Place, api: Api, given: Arguments, about: string | null): Promise<string> {
  const found = await api.status(about);
  const restored = await api.data<{ path: string }>("restore", given, about);
  const path = serverPath(found, restored.path);
  if (path !== null) {
    await place.app.commands.execute("docmanager:open", { path });
  }
  return restored.path;
}

/**
 * What opens the notebook that a verb has told to have executed: the file itself where the server shows it, else a copy
 * beside the notebook. Null where the verb has told of none.
 */
export function executedIn(place: Place, api: Api, data: Bundle, about: string | null): (() => Promise<void>) | null {
  const records: Partial<Records> = data;
  const execution = records[recordType("execution")];
  if (execution === undefined) {
    return null;
  }
  const { notebook, output, run } = execution;
  return async () => {
    try {
      const path = serverPath(await api.status(about), output);
      if (path !== null && !HIDDEN.test(path)) {
        await place.app.commands.execute("docmanager:open", { path });
      } else {
        await openRestored(place, api, { ref: run.run_id, notebook, executed: true }, about);
      }
    } catch (error) {
      await showErrorMessage("mlops restore", wrong(error));
    }
  };
}
