// What the verbs of this page tell that are at work: all of them over one connection.
import { type Ended, type Event, isEnd, Refused } from "./events";
import { query } from "./reading";
import { Stream } from "./stream";
import { wrong } from "./words";

/** An event as the server tells it of several jobs. */
type Numbered = Event & { readonly job: string; readonly n: number };

interface Follower {
  readonly job: string;
  readonly heard: (event: Event) => void;
  readonly resolve: (end: Ended) => void;
  readonly reject: (reason: unknown) => void;
  /** The event that is known last. */
  n: number;
}

export class Following {
  private readonly followers = new Set<Follower>();
  private away = false;
  private readonly stream: Stream;

  constructor(ask: (path: string, init: RequestInit) => Promise<Response>) {
    this.stream = new Stream(
      (signal) => (this.followers.size === 0 ? null : ask(`jobs/events${query({ job: this.asked() })}`, { signal })),
      (line) => {
        this.take(JSON.parse(line) as Numbered);
      },
      (error) => {
        this.told(error);
      },
    );
  }

  /** Hand a job's events over as they come, from the first on, and return its end. To abort lets it go on. */
  follow(job: string, heard: (event: Event) => void, signal: AbortSignal): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const follower = { job, heard, resolve, reject, n: 0 };
      const leave = (): void => {
        if (this.followers.delete(follower)) {
          this.stream.renew();
        }
        reject(new DOMException("nobody listens any more", "AbortError"));
      };
      if (signal.aborted) {
        leave();
        return;
      }
      signal.addEventListener("abort", leave);
      this.followers.add(follower);
      this.stream.renew();
    });
  }

  private asked(): string[] {
    const known = new Map<string, number>();
    for (const { job, n } of this.followers) {
      known.set(job, Math.min(n, known.get(job) ?? n));
    }
    return [...known].map(([job, n]) => `${job}:${n}`);
  }

  private take(event: Numbered): void {
    for (const one of [...this.followers]) {
      if (one.job === event.job && one.n < event.n) {
        one.n = event.n;
        one.heard(event);
        if (isEnd(event)) {
          this.followers.delete(one);
          one.resolve(event);
        }
      }
    }
  }

  private told(error: unknown): void {
    if (error instanceof Refused && error.status >= 400 && error.status < 500) {
      // To ask once more would not help.
      const refused = [...this.followers];
      this.followers.clear();
      refused.forEach((one) => {
        one.reject(error);
      });
      return;
    }
    if (error !== null || this.away) {
      const message = error === null ? null : wrong(error);
      [...this.followers].forEach((one) => {
        one.heard({ event: "away", message });
      });
    }
    this.away = error !== null;
  }
}
