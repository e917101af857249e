// What a verb at work tells, and how the server refuses.
import type { ErrorName, Records } from "./generated";

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

/** `missed`: of a long tale the server has not kept all. `away`: it does not answer; without a message it does again. */
export type Event =
  | Ended
  | { event: "started"; job: string }
  | { event: "missed" }
  | { event: "away"; message: string | null }
  | { event: "progress"; message: string; share: number }
  | { event: "shown" | "part" | "live"; data: Bundle };

export function isEnd(event: Event): event is Ended {
  return event.event === "result" || event.event === "error" || event.event === "cancelled";
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
