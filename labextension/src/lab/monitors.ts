// How deployments are, as the server tells it from one second to the next: all that a page looks at on one connection.
import type { Message } from "../monitor/wire";
import { Refused } from "./events";
import type { ErrorName } from "./generated";
import { query } from "./reading";
import { Stream } from "./stream";

// A deployment that cannot be looked at may be there later.
const AGAIN_MS = 15_000;

/** Who looks at a deployment, and how many seconds back; `told` hears what keeps it from that, and null when all is well. */
export interface Looker {
  readonly name: string;
  readonly notebook: string | null;
  readonly range: number;
  readonly take: (message: Message, buffers: DataView[]) => void;
  readonly told: (error: unknown) => void;
}

/** What the server says of a deployment that it does not tell of. */
interface NotThere {
  readonly kind: "refused";
  readonly n: number;
  readonly status: number;
  readonly error: ErrorName;
  readonly message: string;
  readonly hint: string | null;
}

export class Monitors {
  private readonly lookers = new Set<Looker>();
  private asked: readonly Looker[] = [];
  private readonly read = reader((watch, message, buffers) => {
    this.take(this.asked[watch], message, buffers);
  });
  private again: ReturnType<typeof setTimeout> | undefined;
  private readonly stream: Stream;

  constructor(ask: (path: string, init: RequestInit) => Promise<Response>) {
    const headers = { accept: "text/event-stream" };
    this.stream = new Stream(
      (signal) => {
        this.asked = [...this.lookers];
        return this.asked.length === 0 ? null : ask(`monitors${this.query()}`, { headers, signal });
      },
      (line) => {
        this.read(line);
      },
      (error) => {
        this.asked.forEach((one) => {
          one.told(error);
        });
      },
    );
  }

  /** Look at a deployment until what is returned is called. */
  look(looker: Looker): () => void {
    this.lookers.add(looker);
    this.stream.renew();
    return () => {
      if (this.lookers.delete(looker)) {
        this.stream.renew();
      }
    };
  }

  private query(): string {
    return query({
      name: this.asked.map(({ name }) => name),
      range: this.asked.map(({ range }) => String(range)),
      notebook: this.asked.map(({ notebook }) => notebook ?? ""),
    });
  }

  private take(looker: Looker, message: Message | NotThere, buffers: DataView[]): void {
    if (!this.lookers.has(looker)) {
      return;
    }
    if (message.kind !== "refused") {
      looker.take(message, buffers);
      return;
    }
    looker.told(new Refused(message.status, message.error, message.message, message.hint));
    clearTimeout(this.again);
    this.again = setTimeout(() => {
      this.stream.renew();
    }, AGAIN_MS);
  }
}

/** Reads the lines of server-sent events; `take` is told of each message, and of which deployment it is. */
export function reader(
  take: (watch: number, message: Message | NotThere, buffers: DataView[]) => void,
): (line: string) => void {
  let [n, watch] = [0, 0];
  return (line) => {
    if (line.startsWith("event: ")) {
      watch = Number(line.slice(7));
    } else if (line.startsWith("id: ")) {
      n = Number(line.slice(4));
    } else if (line.startsWith("data: ")) {
      const { buffer, ...message } = JSON.parse(line.slice(6)) as (Message | NotThere) & { buffer?: string };
      take(watch, { ...message, n }, buffer === undefined ? [] : [bytesOf(buffer)]);
    }
  };
}

function bytesOf(base64: string): DataView {
  return new DataView(Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0)).buffer);
}
