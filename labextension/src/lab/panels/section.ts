// A section of the sidebar.
import { Poll } from "@lumino/polling";
import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { Api, Refused } from "../api";
import type { Place } from "../calling";

const LONGEST_S = 5 * 60;

/**
 * Asks while it is seen: at once when it is shown, then every `seconds`, more and more rarely when nobody answers, and
 * never while it or the page is hidden. What it shows is in `body`; what goes wrong stands above that, which stays.
 */
export abstract class Section extends Widget {
  protected readonly api: Api;
  protected readonly body = document.createElement("div");
  private readonly wrong = document.createElement("div");
  private readonly poll: Poll<void>;

  constructor(
    protected readonly place: Place,
    name: string,
    label: string,
    seconds: number,
  ) {
    super();
    this.api = new Api(place.app.serviceManager.serverSettings);
    this.id = `mlops-${name}`;
    this.title.label = label;
    this.addClass("mlops-Section");
    this.addClass(`mlops-${label}`);
    this.wrong.className = "mlops-Section-wrong";
    this.wrong.setAttribute("role", "alert");
    this.wrong.hidden = true;
    this.body.className = "mlops-Section-body";
    this.node.append(this.wrong, this.body);
    this.poll = new Poll<void>({
      auto: false,
      name: `mlops-jupyter:${name}`,
      standby: () => document.hidden || !this.isVisible,
      frequency: { interval: seconds * 1000, backoff: true, max: LONGEST_S * 1000 },
      factory: () => this.asked(),
    });
  }

  /** Ask the server, and show what it says. */
  protected abstract ask(): Promise<void>;

  /** Ask now; resolved when the answer is shown. */
  refresh(): Promise<void> {
    return this.poll.refresh();
  }

  override dispose(): void {
    this.poll.dispose();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this.poll.refresh();
  }

  private async asked(): Promise<void> {
    try {
      await this.ask();
      this.wrong.hidden = true;
    } catch (error) {
      const hint = error instanceof Refused && error.hint ? ` → ${error.hint}` : "";
      this.wrong.textContent = (error instanceof Error ? error.message : String(error)) + hint;
      this.wrong.hidden = false;
      throw error;
    }
  }
}
