// A verb at work, and what it gave: a tab of the main area.
import { MainAreaWidget } from "@jupyterlab/apputils";
import { type IRenderMimeRegistry, MimeModel } from "@jupyterlab/rendermime";
import type { TranslationBundle } from "@jupyterlab/translation";
import { Widget } from "@lumino/widgets";
import { tell } from "./attention";
import { type Api, type Bundle, type Ended, type Event, Refused, type Request } from "./api";
import type { Effect } from "./generated";
import { wrong } from "./words";

// What a notification holds.
const LONGEST = 300;

/**
 * What a result needs to know of its call: its name, the line that would do the same, and how to change it. One that is
 * at work already, or has ended, is a job instead of a request.
 */
export interface Call {
  verb: string;
  effect: Effect;
  line: string;
  begun: Request | string;
  /** Ask the user whether to go on; null where nobody was asked yet. */
  confirm: (question: string) => Promise<boolean>;
  again: (() => void) | null;
  /** What opens the notebook that it has executed, if what it gave tells of one. */
  executed: (data: Bundle) => (() => Promise<void>) | null;
  /** Bring it to the front. */
  show: () => void;
  /** It goes on, and nobody sees it any more: say so until what is returned is called. */
  left: (job: string) => () => void;
}

export class Result extends Widget {
  /** The job's id, once it has begun. */
  job: string | null = null;
  private readonly aborting = new AbortController();
  private readonly said = element("div", "mlops-Result-said");
  private readonly bar = document.createElement("progress");
  private readonly cancel = element("button", "jp-mod-styled jp-mod-reject") as HTMLButtonElement;
  private readonly open = element("button", "jp-mod-styled jp-mod-accept") as HTMLButtonElement;
  private readonly change = element("button", "jp-mod-styled jp-mod-accept") as HTMLButtonElement;
  private readonly shown = element("div", "mlops-Result-shown");
  private readonly live = element("div", "mlops-Result-live");
  private working = false;
  private stopping = false;
  // What comes is shown in the order in which it came.
  private drawn: Promise<void> = Promise.resolve();
  private progress = "";
  private unsay = (): void => undefined;

  constructor(
    private readonly api: Api,
    private readonly rendermime: IRenderMimeRegistry,
    private readonly call: Call,
    private readonly trans: TranslationBundle,
  ) {
    super();
    this.addClass("mlops-Result");
    this.node.tabIndex = 0;
    const head = element("div", "mlops-Result-head");
    const line = element("code", "mlops-Result-line");
    line.textContent = `mlops ${call.line}`;
    this.said.setAttribute("role", "status");
    this.bar.max = 1;
    this.bar.setAttribute("aria-label", call.verb);
    this.cancel.textContent = trans.__("Cancel");
    this.cancel.onclick = () => void this.stop();
    this.open.textContent = trans.__("Open the executed notebook");
    this.open.hidden = true;
    this.change.textContent = trans.__("Change…");
    this.change.onclick = () => call.again?.();
    this.change.hidden = true;
    head.append(line, this.bar, this.said, this.cancel, this.open, this.change);
    this.node.append(head, this.shown, this.live);
  }

  /** Run the verb to its end. */
  async run(): Promise<void> {
    const { begun, verb } = this.call;
    this.node.setAttribute("aria-busy", "true");
    this.working = true;
    try {
      await this.ended(typeof begun === "string" ? await this.follow(verb, begun) : await this.ask(begun));
    } catch (error) {
      if (!this.aborting.signal.aborted) {
        const hint = error instanceof Refused ? error.hint : null;
        this.failed(error instanceof Error ? error.message : String(error), hint);
      }
    }
    this.working = false;
    this.unsay();
    this.node.setAttribute("aria-busy", "false");
    this.bar.hidden = this.cancel.hidden = true;
    this.change.hidden = this.call.again === null;
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    super.dispose();
    if (this.call.effect === "reads") {
      // Nobody would see its end.
      this.aborting.abort();
      if (this.working && this.job !== null) {
        this.api.cancel(this.job).catch((error: unknown) => {
          console.warn("mlops-jupyter: a verb goes on that nobody looks at", error);
        });
      }
    } else {
      this.leave();
    }
  }

  /** Say that it goes on although it is not seen any more, if that is so. */
  leave(): void {
    if (this.working && this.job !== null) {
      this.unsay();
      this.unsay = this.call.left(this.job);
    }
  }

  /** Interrupt it; it ends in its own time, and with what it has to show. */
  private async stop(): Promise<void> {
    this.stopping = this.cancel.disabled = true;
    this.said.textContent = this.trans.__("Cancelling…");
    if (this.job === null) {
      return;
    }
    try {
      await this.api.cancel(this.job);
    } catch (error) {
      this.said.textContent = wrong(error);
      this.cancel.disabled = false;
    }
  }

  private follow(verb: string, job: string): Promise<Ended> {
    this.heard({ event: "started", job });
    return this.api.follow(verb, job, (event) => this.heard(event), this.aborting.signal);
  }

  private async ask(request: Request): Promise<Ended> {
    try {
      return await this.api.run(this.call.verb, request, (event) => this.heard(event), this.aborting.signal);
    } catch (error) {
      if (!(error instanceof Refused) || error.kind !== "ConfirmationRequired" || request.yes) {
        throw error;
      }
      return await this.confirmed(request, error.message, error);
    }
  }

  private async confirmed(request: Request, question: string, refused: Refused): Promise<Ended> {
    if (!(await this.call.confirm(question))) {
      throw refused;
    }
    return await this.ask({ ...request, yes: true });
  }

  private heard(event: Event): void {
    switch (event.event) {
      case "started":
        this.job = event.job;
        if (this.isDisposed) {
          this.leave();
        }
        return this.stopping ? void this.stop() : undefined;
      case "progress":
        this.bar.value = event.share;
        this.progress = event.message;
        this.said.textContent = event.message;
        return;
      case "away":
        this.said.textContent = event.message ?? this.progress;
        return;
      case "missed": {
        this.draw(() => {
          this.shown.append(element("p", "mlops-Result-hint", this.trans.__("What came before is no longer kept.")));
        });
        return;
      }
      case "live": {
        this.draw(async () => {
          this.live.replaceChildren(...(await this.rendered(event.data)));
        });
        return;
      }
      case "shown":
      case "part": {
        this.draw(async () => {
          this.shown.append(...(await this.rendered(event.data)));
        });
        return;
      }
    }
  }

  private draw(act: () => void | Promise<void>): void {
    this.drawn = this.drawn.then(act);
  }

  private async ended(end: Ended): Promise<void> {
    const { begun, line } = this.call;
    if (end.event === "error" && end.error === "ConfirmationRequired" && typeof begun !== "string" && !begun.yes) {
      const refused = new Refused(end.status ?? 0, end.error, end.message ?? "", end.hint ?? null);
      await this.ended(await this.confirmed(begun, refused.message, refused));
      return;
    }
    await this.drawn;
    this.live.replaceChildren();
    this.said.textContent = end.event === "cancelled" ? this.trans.__("Cancelled.") : "";
    this.shown.append(...(await this.rendered(end.data ?? {})));
    this.offer(this.call.executed(end.data ?? {}));
    if (end.event === "error" || end.failed) {
      this.failed(end.message ?? "", end.hint ?? null);
    } else if (end.event === "cancelled") {
      this.tell(false, this.trans.__("mlops %1 was cancelled.", line));
    } else {
      this.tell(false, this.trans.__("mlops %1 has ended.", line));
    }
  }

  private offer(open: (() => Promise<void>) | null): void {
    this.open.hidden = open === null;
    this.open.onclick = async () => {
      this.open.disabled = true;
      await open?.();
      this.open.disabled = false;
    };
  }

  private failed(message: string, hint: string | null): void {
    const box = element("div", "mlops-Result-error");
    box.setAttribute("role", "alert");
    const first = element("div", "");
    first.textContent = message;
    box.append(first);
    if (hint) {
      const next = element("div", "mlops-Result-hint");
      next.textContent = `→ ${hint}`;
      box.append(next);
    }
    this.said.textContent = "";
    this.node.append(box);
    this.tell(true, `mlops ${this.call.line}: ${message}`);
  }

  private tell(failed: boolean, said: string): void {
    tell({ failed, said: said.slice(0, LONGEST), widget: this, show: this.call.show }, this.trans);
  }

  /** A record as a notebook would show it: its HTML is made by the server, which escapes what is the user's. */
  private async rendered(data: Bundle): Promise<HTMLElement[]> {
    const kind = "text/html" in data ? "text/html" : "text/plain";
    const text = data[kind];
    if (text === undefined || this.isDisposed) {
      return [];
    }
    const renderer = this.rendermime.createRenderer(kind);
    await renderer.renderModel(new MimeModel({ data: { [kind]: text }, trusted: true }));
    renderer.addClass("mlops-Result-record");
    return [renderer.node];
  }
}

/** Put a result into a tab. */
export function inTab(result: Result, id: string, label: string, caption: string): MainAreaWidget<Result> {
  const tab = new MainAreaWidget({ content: result });
  tab.id = id;
  tab.title.label = label;
  tab.title.caption = caption;
  tab.title.closable = true;
  return tab;
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
