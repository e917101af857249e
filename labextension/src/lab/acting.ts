// A verb that a click calls where its result is a line of words, and not a page.
import { type Api, type Bundle, type Event, Refused, type Request } from "./api";
import type { Records } from "./generated";

/** The mime type of a record as JSON, by the record's name in small letters. */
type RecordType<Name extends string> = `application/vnd.mlops-jupyter.${Name}+json`;
type Name = keyof Records extends RecordType<infer Found> ? Found : never;

export function recordType<Of extends Name>(name: Of): RecordType<Of> {
  return `application/vnd.mlops-jupyter.${name}+json`;
}

/** Run a verb to its end and return its record; `progress` hears how far it is. */
export async function record<Of extends Name>(
  api: Api,
  verb: string,
  name: Of,
  request: Request,
  progress: (words: string) => void = () => undefined,
): Promise<Records[RecordType<Of>]> {
  const records: Partial<Records> = await ended(api, verb, request, progress);
  const found = records[recordType(name)];
  if (found === undefined) {
    throw new Error(api.trans.__("%1 has told nothing", verb));
  }
  return found;
}

/** Run a verb that changes a deployment, and say how it is then. */
export async function performed(
  api: Api,
  verb: string,
  request: Request,
  progress: (words: string) => void = () => undefined,
): Promise<string> {
  const data = await ended(api, verb, request, progress);
  const found = data[recordType("deployment")];
  if (found === undefined) {
    return data["text/plain"] ?? "";
  }
  const shares = found.versions.map((one) =>
    one.shadow
      ? api.trans.__("version %1 shadow", one.version)
      : api.trans.__("version %1 %2 %", one.version, Number(Number(one.percent).toPrecision(4))),
  );
  return [`${verb}: ${shares.join(", ")}`, ...found.notes].join("; ");
}

async function ended(api: Api, verb: string, request: Request, progress: (words: string) => void): Promise<Bundle> {
  const heard = (event: Event): void => {
    if (event.event === "progress") {
      progress(event.message);
    } else if (event.event === "away") {
      progress(event.message ?? "");
    }
  };
  const end = await api.run(verb, request, heard, new AbortController().signal);
  if (end.event !== "result" || end.failed) {
    throw new Refused(end.status ?? 0, end.error ?? "", end.message ?? end.event, end.hint ?? null);
  }
  return end.data ?? {};
}
