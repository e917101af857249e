// A verb at work, and what it gave: a tab of the main area.
import { MainAreaWidget } from "@jupyterlab/apputils";
import { type IRenderMimeRegistry, MimeModel } from "@jupyterlab/rendermime";
import type { TranslationBundle } from "@jupyterlab/translation";
import { Widget } from "@lumino/widgets";
import { tell } from "./attention";
import { type Api, type Bundle, type Ended, type Event, Refused, type Request } from "./api";

// What a notification holds.
const LONGEST = 300;

/** What a result needs to know of its call: its name, the line that would do the same, and how to change it. */
export interface Call {
  verb: string;
  line: string;
  request: Request;
  /** Ask the user whether to go on; null where nobody was asked yet. */
  confirm: (question: string) => Promise<boolean>;
  again: (() => void) | null;
  /** Bring it to the front. */
  show: () => void;
}

export class Result extends Widget {
  private readonly aborting = new AbortController();
  private readonly said = element("div", "mlops-Result-said");
  private readonly bar = document.createElement("progress");
  private readonly cancel = element("button", "jp-mod-styled jp-mod-reject") as HTMLButtonElement;
  private readonly change = element("button", "jp-mod-styled jp-mod-accept") as HTMLButtonElement;
  private readonly shown = element("div", "mlops-Result-shown");
  private readonly live = element("div", "mlops-Result-live");

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
    this.cancel.onclick = () => this.aborting.abort();
    this.change.textContent = trans.__("Change…");
    this.change.onclick = () => call.again?.();
    this.change.hidden = true;
    head.append(line, this.bar, this.said, this.cancel, this.change);
    this.node.append(head, this.shown, this.live);
  }

  /** Run the verb to its end. */
  async run(): Promise<void> {
    this.node.setAttribute("aria-busy", "true");
    try {
      await this.ended(await this.ask(this.call.request));
    } catch (error) {
      if (!this.aborting.signal.aborted) {
        const hint = error instanceof Refused ? error.hint : null;
        this.failed(error instanceof Error ? error.message : String(error), hint);
      } else if (!this.isDisposed) {
        this.said.textContent = this.trans.__("Cancelled.");
      }
    }
    if (!this.isDisposed) {
      this.node.setAttribute("aria-busy", "false");
      this.bar.hidden = this.cancel.hidden = true;
      this.change.hidden = this.call.again === null;
    }
  }

  override dispose(): void {
    // Nobody would see its end.
    this.aborting.abort();
    super.dispose();
  }

  private async ask(request: Request): Promise<Ended> {
    const heard = (event: Event): void => void this.heard(event);
    try {
      return await this.api.run(this.call.verb, request, heard, this.aborting.signal);
    } catch (error) {
      if (!(error instanceof Refused) || error.kind !== "ConfirmationRequired" || request.yes) {
        throw error;
      }
      return await this.confirmed(error.message, error);
    }
  }

  private async confirmed(question: string, refused: Refused): Promise<Ended> {
    if (!(await this.call.confirm(question))) {
      throw refused;
    }
    return await this.ask({ ...this.call.request, yes: true });
  }

  private async heard(event: Event): Promise<void> {
    if (event.event === "progress") {
      this.bar.value = event.share;
      this.said.textContent = event.message;
    } else if (event.event === "live") {
      this.live.replaceChildren(...(await this.rendered(event.data)));
    } else if (event.event === "shown" || event.event === "part") {
      this.shown.append(...(await this.rendered(event.data)));
    }
  }

  private async ended(end: Ended): Promise<void> {
    if (end.event === "error" && end.error === "ConfirmationRequired" && !this.call.request.yes) {
      const refused = new Refused(end.status ?? 0, end.error, end.message ?? "", end.hint ?? null);
      await this.ended(await this.confirmed(refused.message, refused));
      return;
    }
    this.live.replaceChildren();
    this.said.textContent = end.event === "cancelled" ? this.trans.__("Cancelled.") : "";
    this.shown.append(...(await this.rendered(end.data ?? {})));
    if (end.event === "error" || end.failed) {
      this.failed(end.message ?? "", end.hint ?? null);
    } else {
      this.tell(false, this.trans.__("mlops %1 has ended.", this.call.line));
    }
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
    if (!this.isDisposed) {
      tell({ failed, said: said.slice(0, LONGEST), widget: this, show: this.call.show }, this.trans);
    }
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

function element(tag: string, className: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}
