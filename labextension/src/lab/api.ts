// The server extension's routes, typed.
import { PageConfig, URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import type { TranslationBundle } from "@jupyterlab/translation";
import { Signal } from "@lumino/signaling";
import type {
  Deployment,
  Deployments,
  Effect,
  ErrorName,
  KeptSources,
  Kind,
  Overview as Seen,
  Parameter as Declared,
  Place,
} from "./generated";
import { type Ended, type Event, Refused } from "./events";
import { Following } from "./following";
import { query } from "./reading";

export { type Bundle, type Ended, type Event, Refused } from "./events";
export type { Deployment, Kind, ModelTable, RegisteredVersion as ModelVersion, ServedVersion } from "./generated";

/** The project around a notebook; `root` is its folder and `directory` the server's, both absolute. */
export type Overview = Seen & { readonly directory: string };

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
  /** The server knows words for it. */
  readonly completed: boolean;
}

/** What a parameter may be, and what is to be said of it. */
export interface Word {
  readonly word: string;
  readonly about: string;
}

/** Says what a parameter may be that begins so. */
export type Completing = (parameter: string, begun: string) => Promise<readonly Word[]>;

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

/**
 * What a verb is called with: the notebook's path as the front end calls it, and its content as it is here. Of the record
 * every form is answered, or as "data" what a view of our own is made from.
 */
export interface Request {
  arguments: Arguments;
  yes?: boolean;
  notebook?: string;
  content?: string;
  form?: "shown" | "data";
}

/** A verb at work, or one that has ended; `heard` says that somebody was told its end. */
export interface Job {
  readonly job: string;
  readonly verb: string;
  readonly arguments: Arguments;
  readonly notebook: string | null;
  readonly form: "shown" | "data";
  readonly effect: Effect;
  readonly state: "running" | "finished" | "failed" | "cancelled";
  readonly heard: boolean;
}

/** What an answer says that is no success. */
interface Said {
  readonly error: ErrorName;
  readonly message: string;
  readonly hint: string | null;
}

/** A run as a table shows it; numbers that JSON has no words for are "NaN", "Infinity" and "-Infinity". */
export interface RunRow {
  readonly run_id: string;
  readonly name: string;
  readonly status: string;
  readonly started: string | null;
  readonly duration_s: number | null;
  readonly parent: string | null;
  readonly notebook: string | null;
  readonly error: string | null;
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly snapshot: boolean;
  /** It keeps what a headless run has made of its notebook. */
  readonly executed: boolean;
}

/** Runs, and what the store calls those after them; null when there are none. */
export interface RunPage {
  readonly experiment: string;
  readonly tracking_uri: string;
  readonly notes: readonly string[];
  readonly next_page: string | null;
  readonly runs: readonly RunRow[];
}

/** A verb has ended that somebody has called, whatever came of it: what is shown may not be so any more. */
export const acted = new Signal<object, string>({});

/**
 * Whether there is a server half: it says so in the page that its server sends. A page that talks to another server than
 * the one that sent it cannot know, and asks.
 */
export function isServed({ baseUrl }: ServerConnection.ISettings): boolean {
  return PageConfig.getOption("mlopsJupyter") !== "" || baseUrl !== PageConfig.getBaseUrl();
}

// One for each server, whoever asks.
const followed = new WeakMap<ServerConnection.ISettings, Following>();

export class Api {
  /** The words of what is refused here are `trans`'s; those of the server are its own. */
  constructor(
    private readonly settings: ServerConnection.ISettings,
    readonly trans: TranslationBundle,
  ) {}

  /** The verb table: names and what they do. */
  async table(): Promise<VerbLine[]> {
    return (await this.json<{ verbs: VerbLine[] }>("verbs?parameters=0")).verbs;
  }

  /** One verb with its parameters. */
  verb(name: string): Promise<Verb> {
    return this.json<Verb>(`verbs/${encodeURIComponent(name)}`);
  }

  /** What the parameters of a verb may be in the project around a notebook. */
  words(verb: string, notebook: string | null): Completing {
    return async (parameter, begun) => {
      const asked = query({ parameter, begun, notebook });
      return (await this.json<{ words: Word[] }>(`verbs/${encodeURIComponent(verb)}/words${asked}`)).words;
    };
  }

  /** What goes on in the project around a notebook. */
  status(notebook: string | null): Promise<Overview> {
    return this.json<Overview>(`status${query({ notebook })}`);
  }

  /** The endpoints of the project around a notebook. */
  async deployments(notebook: string | null): Promise<readonly Deployment[]> {
    return (await this.json<Deployments>(`deployments${query({ notebook })}`)).deployments;
  }

  /** What the text of a cell tagged "parameters" declares, for a run that is to set it. */
  async parameters(source: string, kernel: string, language: string): Promise<readonly Declared[]> {
    const init = { method: "POST", body: JSON.stringify({ source, kernel, language }) };
    return (await this.json<{ parameters: Declared[] }>("parameters", init)).parameters;
  }

  /** Which states of a notebook its snapshots hold. */
  kept(notebook: string): Promise<KeptSources> {
    return this.json<KeptSources>(`kept?notebook=${encodeURIComponent(notebook)}`);
  }

  /** The verbs of this user that are at work, and those that have ended not long ago. */
  async jobs(): Promise<readonly Job[]> {
    return (await this.json<{ jobs: Job[] }>("jobs")).jobs;
  }

  /**
   * Run a verb and hand each event over as it comes. To abort is to listen no more: what writes goes on, what only reads
   * ends soon.
   */
  async run(name: string, request: Request, heard: (event: Event) => void, signal: AbortSignal): Promise<Ended> {
    const init = { method: "POST", body: JSON.stringify({ ...request, wait: false }), signal };
    const { job } = await this.json<{ job: string }>(`verbs/${encodeURIComponent(name)}`, init);
    heard({ event: "started", job });
    return await this.follow(name, job, heard, signal);
  }

  /** Hand the events of a verb over that is at work already, or has ended, as they come, from the first on. */
  async follow(name: string, job: string, heard: (event: Event) => void, signal: AbortSignal): Promise<Ended> {
    const following = followed.get(this.settings) ?? new Following((path, init) => this.ask(path, init));
    followed.set(this.settings, following);
    try {
      return await following.follow(job, heard, signal);
    } finally {
      acted.emit(name);
    }
  }

  /** Interrupt a verb at work; what comes of it is among its events. */
  async cancel(job: string): Promise<void> {
    try {
      await this.ask(`jobs/${job}`, { method: "DELETE" });
    } catch (error) {
      // It has ended meanwhile.
      if (!(error instanceof Refused && error.status === 404)) {
        throw error;
      }
    }
  }

  /** The data of a verb's record, for a view that asks again and again: it is no sign of anybody's work. */
  async data<T>(name: string, given: Arguments, notebook: string | null, signal?: AbortSignal): Promise<T> {
    const request: Request = { arguments: given, form: "data", ...(notebook === null ? {} : { notebook }) };
    const init: RequestInit = { method: "POST", body: JSON.stringify(request), ...(signal ? { signal } : {}) };
    const answer = await this.ask(`verbs/${encodeURIComponent(name)}?no_track_activity=1`, init);
    const { data } = (await answer.json()) as { data: Record<string, T> };
    return Object.values(data)[0];
  }

  /** What a route answers, as JSON. */
  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    return (await (await this.ask(path, init)).json()) as T;
  }

  /** What a route answers; a refusal is thrown as `Refused`. */
  async ask(path: string, init: RequestInit): Promise<Response> {
    if (!isServed(this.settings)) {
      // The answer is known, and the browser would report each one as an error.
      const enable = "jupyter server extension enable mlops_jupyter";
      throw new Refused(404, "", this.trans.__("The server half of mlops-jupyter is not enabled."), enable);
    }
    const url = URLExt.join(this.settings.baseUrl, "mlops-jupyter", path);
    const answer = await ServerConnection.makeRequest(url, init, this.settings);
    if (answer.ok) {
      return answer;
    }
    const told = (await answer.json().catch(() => ({}))) as Partial<Said>;
    if (answer.status === 404 && told.error === undefined) {
      const said = this.trans.__("The server half of mlops-jupyter does not answer.");
      throw new Refused(404, "", said, "jupyter server extension list");
    }
    throw new Refused(answer.status, told.error ?? "", told.message ?? answer.statusText, told.hint ?? null);
  }
}
