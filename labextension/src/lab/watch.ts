// A deployment as the server tells of it from one second to the next: what feeds a dashboard outside of a notebook.
import { Store } from "../monitor/store";
import type { DistributionMessage } from "../monitor/wire";
import type { Api } from "./api";
import type { Monitors } from "./monitors";
import { query } from "./reading";
import { wrong } from "./words";

/** What a dashboard asks for; see monitor/view.ts. */
interface Asked {
  ask: "begin" | "seen" | "range" | "open" | "share" | "rollback" | "acknowledge";
  view?: string;
  seen?: boolean;
  range?: number;
  version?: string;
  feature?: string | null;
  output?: boolean;
  shares?: Record<string, number>;
  alert?: string;
}

interface Opened {
  version: string;
  feature: string;
  output: boolean;
}

/** What comes of what is clicked: the words that the user should read. */
export interface Deeds {
  share(shares: Record<string, number>): Promise<string>;
  rollBack(): Promise<string>;
}

/** Listens while a view is seen; `told` hears what keeps it from that, and null when all is well. */
export class Watch {
  readonly store: Store;
  private readonly seen = new Set<string>();
  private leave: (() => void) | null = null;
  private opened: Opened | null = null;
  private doing = false;

  constructor(
    private readonly api: Api,
    private readonly monitors: Monitors,
    private readonly name: string,
    private readonly notebook: string | null,
    private range: number,
    private readonly deeds: Deeds,
    private readonly told: (error: unknown) => void,
  ) {
    this.store = new Store(range, (content) => this.asked(content as Asked));
    this.store.onChange((change) => {
      if (change === "now") {
        void this.distribute();
      }
    });
  }

  /** Listen no more. */
  end(): void {
    this.seen.clear();
    this.connect();
  }

  private asked(asked: Asked): void {
    switch (asked.ask) {
      case "begin": {
        this.connect();
        return;
      }
      case "seen": {
        const before = this.seen.size;
        this.seen[asked.seen ? "add" : "delete"](asked.view ?? "");
        if (before > 0 !== this.seen.size > 0) {
          this.connect();
        }
        return;
      }
      case "range":
        this.range = asked.range ?? this.range;
        {
          this.connect();
          return;
        }
      case "open":
        this.opened = asked.feature
          ? { version: asked.version ?? "", feature: asked.feature, output: asked.output === true }
          : null;
        return void this.distribute();
      case "share":
        return void this.act("share", () => this.deeds.share(asked.shares ?? {}));
      case "rollback":
        return void this.act("rollback", () => this.deeds.rollBack());
      case "acknowledge":
        return void this.act("acknowledge", () => this.acknowledge(asked.alert ?? ""));
    }
  }

  private connect(): void {
    this.leave?.();
    this.leave = null;
    if (this.seen.size > 0) {
      const { name, notebook, range, told } = this;
      this.leave = this.monitors.look({
        ...{ name, notebook, range, told },
        take: (message, buffers) => {
          this.store.take(message, buffers);
        },
      });
    }
  }

  /** Ask for the distributions that are opened: they have changed when anything else about the deployment has. */
  private async distribute(): Promise<void> {
    const opened = this.opened;
    if (opened === null || this.leave === null) {
      return;
    }
    const { version, feature, output } = opened;
    try {
      const path = this.path("/distribution", { version, feature, output: output ? 1 : 0 });
      const found = await this.api.json<Omit<DistributionMessage, "kind" | "n">>(path);
      if (this.opened === opened) {
        this.store.put({ kind: "distribution", n: 0, ...found });
      }
    } catch (error) {
      // The rest of the dashboard is none the worse for it.
      this.done("distribution", wrong(error), true);
    }
  }

  private async acknowledge(alert: string): Promise<string> {
    const init = { method: "POST", body: JSON.stringify({ alert }) };
    return (await this.api.json<{ words: string }>(this.path("/acknowledge", {}), init)).words;
  }

  /** Do something about the deployment, one thing at a time, and tell what came of it. */
  private async act(what: string, deed: () => Promise<string>): Promise<void> {
    if (this.doing) {
      this.done(what, this.api.trans.__("something else is being done still"), true);
      return;
    }
    this.doing = true;
    try {
      this.done(what, await deed(), false);
    } catch (error) {
      this.done(what, wrong(error), true);
    } finally {
      this.doing = false;
    }
  }

  private done(what: string, words: string, failed: boolean): void {
    this.store.put({ kind: "done", n: 0, what, failed, words });
  }

  private path(below: string, more: Record<string, string | number>): string {
    return `monitor/${encodeURIComponent(this.name)}${below}${query({ notebook: this.notebook, ...more })}`;
  }
}
