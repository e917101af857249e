// A verb that a click calls where its result is a line of words, and not a page.
import { type Api, Refused, type Request } from "./api";

/** The mime type of a record as JSON. */
export function recordType(name: string): string {
  return `application/vnd.mlops-jupyter.${name.toLowerCase()}+json`;
}

/** Run a verb to its end and return its record; `progress` hears how far it is. */
export async function record<T>(
  api: Api,
  verb: string,
  name: string,
  request: Request,
  progress: (words: string) => void = () => undefined,
): Promise<T> {
  const data = await ended(api, verb, request, progress);
  return data[recordType(name)] as T;
}

/** Run a verb that changes a deployment, and say how it is then. */
export async function performed(
  api: Api,
  verb: string,
  request: Request,
  progress: (words: string) => void = () => undefined,
): Promise<string> {
  const data = await ended(api, verb, request, progress);
  const found = data[recordType("Deployment")];
  if (found === undefined) {
    return String(data["text/plain"] ?? "");
  }
  const shares = (found.versions as { version: string; percent: number; shadow: boolean }[]).map((one) =>
    one.shadow ? `version ${one.version} shadow` : `version ${one.version} ${Number(one.percent.toPrecision(4))} %`,
  );
  return [`${verb}: ${shares.join(", ")}`, ...(found.notes as string[])].join("; ");
}

async function ended(
  api: Api,
  verb: string,
  request: Request,
  progress: (words: string) => void,
): Promise<Record<string, any>> {
  const heard = (event: { event: string; message?: string }): void => {
    if (event.event === "progress") {
      progress(event.message ?? "");
    }
  };
  const end = await api.run(verb, request, heard, new AbortController().signal);
  if (end.event !== "result" || end.failed) {
    throw new Refused(end.status ?? 0, end.error ?? "", end.message ?? end.event, end.hint ?? null);
  }
  return end.data ?? {};
}
