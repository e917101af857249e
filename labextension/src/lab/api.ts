// The server extension's routes, typed.
import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import type { Effect, ErrorName, KeptSources, Kind, Overview, Place, Records } from "./generated";

export type { Kind, Overview } from "./generated";

export type Scalar = string | number | boolean;
export type Value = Scalar | string[] | Record<string, Scalar>;
export type Arguments = Record<string, Value>;

/** One parameter of a verb. `flag` is null for an argument without a name on a command line. */
export interface Parameter {
  readonly name: string;
  readonly flag: string | null;
  readonly kind: Kind;
  readonly help: string;
  readonly required: boolean;
  readonly default: Scalar | null;
  readonly choices: readonly Scalar[] | null;
}

/** One line of the verb table. */
export interface VerbLine {
  readonly name: string;
  readonly line: string;
  readonly effect: Effect;
  readonly place: Place;
}

/** A verb as the grammar describes it; `asks` says that it may want a yes. */
export interface Verb extends VerbLine {
  readonly about: string;
  readonly asks: boolean;
  readonly parameters: readonly Parameter[];
}

/** What a verb is called with: the notebook's path as the front end calls it, and its content as it is here. */
export interface Request {
  arguments: Arguments;
  yes?: boolean;
  notebook?: string;
  content?: string;
}

/** Every form of a record, by mime type. */
export type Bundle = Partial<Records> & { readonly "text/html"?: string; readonly "text/plain"?: string };

export interface Ended {
  event: "result" | "error" | "cancelled";
  failed?: boolean;
  data?: Bundle;
  error?: ErrorName;
  message?: string;
  hint?: string | null;
  status?: number;
}

export type Event =
  | Ended
  | { event: "started"; job: string }
  | { event: "progress"; message: string; share: number }
  | { event: "shown" | "part" | "live"; data: Bundle };

/** What an answer says that is no success. */
interface Said {
  readonly error: ErrorName;
  readonly message: string;
  readonly hint: string | null;
}

/** An answer of the server that is no success; `hint` is the next command. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly kind: ErrorName | "",
    message: string,
    readonly hint: string | null,
  ) {
    super(message);
  }
}

export class Api {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  /** The verb table: names and what they do. */
  async table(): Promise<VerbLine[]> {
    return (await this.json<{ verbs: VerbLine[] }>("verbs?parameters=0")).verbs;
  }

  /** One verb with its parameters. */
  verb(name: string): Promise<Verb> {
    return this.json<Verb>(`verbs/${encodeURIComponent(name)}`);
  }

  /** What goes on in the project around a notebook. */
  status(notebook: string | null): Promise<Overview> {
    return this.json<Overview>(`status${notebook === null ? "" : `?notebook=${encodeURIComponent(notebook)}`}`);
  }

  /** Which states of a notebook its snapshots hold. */
  kept(notebook: string): Promise<KeptSources> {
    return this.json<KeptSources>(`kept?notebook=${encodeURIComponent(notebook)}`);
  }

  /** Run a verb and hand each event over as it comes; to abort cancels the verb. */
  async run(name: string, request: Request, heard: (event: Event) => void, signal: AbortSignal): Promise<Ended> {
    const answer = await this.ask(`verbs/${encodeURIComponent(name)}`, {
      method: "POST",
      body: JSON.stringify(request),
      headers: { accept: "application/x-ndjson" },
      signal,
    });
    for await (const line of lines(answer)) {
      const event = JSON.parse(line) as Event;
      heard(event);
      if (event.event === "result" || event.event === "error" || event.event === "cancelled") {
        return event;
      }
    }
    throw new Refused(0, "Unavailable", "The server has closed the connection.", null);
  }

  private async json<T>(path: string): Promise<T> {
    return (await (await this.ask(path, {})).json()) as T;
  }

  private async ask(path: string, init: RequestInit): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, "mlops-jupyter", path);
    const answer = await ServerConnection.makeRequest(url, init, this.settings);
    if (answer.ok) {
      return answer;
    }
    const told = (await answer.json().catch(() => ({}))) as Partial<Said>;
    if (answer.status === 404 && told.error === undefined) {
      throw new Refused(404, "", "The server half of mlops-jupyter does not answer.", "jupyter server extension list");
    }
    throw new Refused(answer.status, told.error ?? "", told.message ?? answer.statusText, told.hint ?? null);
  }
}

/** The lines of an answer as they come, without the empty ones that keep the connection open. */
async function* lines(answer: Response): AsyncGenerator<string> {
  if (answer.body === null) {
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      break;
    }
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      if (part) {
        yield part;
      }
    }
  }
}
