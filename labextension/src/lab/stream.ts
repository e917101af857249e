// One connection for all that a page listens to of one kind: a browser keeps six to a server, for all of its pages.
import { lines } from "./reading";

const LONGEST_MS = 30_000;
// The server says something every twenty seconds: a connection that is silent for longer is none, as after a sleep.
const SILENT_MS = 65_000;
// One that ends sooner is no success.
const LASTS_MS = 5_000;

/**
 * Opened anew when what is listened to has changed, and, more and more rarely, when it breaks. `open` asks the server,
 * and returns null when there is nothing to listen to; `told` hears what keeps it from that, and null when all is well.
 */
export class Stream {
  private aborting: AbortController | null = null;
  private due = false;

  constructor(
    private readonly open: (signal: AbortSignal) => Promise<Response> | null,
    private readonly take: (line: string) => void,
    private readonly told: (error: unknown) => void,
  ) {}

  /** What is listened to has changed; several changes at once are one. */
  renew(): void {
    if (!this.due) {
      this.due = true;
      queueMicrotask(() => {
        this.due = false;
        this.aborting?.abort();
        this.aborting = new AbortController();
        void this.listen(this.aborting.signal);
      });
    }
  }

  private async listen(signal: AbortSignal): Promise<void> {
    for (let tries = 0; !signal.aborted; tries++) {
      const attempt = new AbortController();
      const stop = (): void => {
        attempt.abort();
      };
      signal.addEventListener("abort", stop);
      const since = performance.now();
      let silence = setTimeout(stop, SILENT_MS);
      const alive = (): void => {
        clearTimeout(silence);
        silence = setTimeout(stop, SILENT_MS);
      };
      try {
        const asked = this.open(attempt.signal);
        if (asked === null) {
          return;
        }
        const answer = await asked;
        this.told(null);
        for await (const line of lines(answer, alive)) {
          if (signal.aborted) {
            return;
          }
          this.take(line);
        }
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        this.told(error);
      } finally {
        clearTimeout(silence);
        signal.removeEventListener("abort", stop);
      }
      if (performance.now() - since >= LASTS_MS) {
        tries = 0;
      }
      await pause(Math.min(LONGEST_MS, 1_000 * 2 ** tries), signal);
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
