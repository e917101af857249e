// A section of the sidebar.
import { refreshIcon, Toolbar, ToolbarButton } from "@jupyterlab/ui-components";
import { PromiseDelegate } from "@lumino/coreutils";
import type { Message } from "@lumino/messaging";
import { Poll } from "@lumino/polling";
import { Widget } from "@lumino/widgets";
import { Api } from "../api";
import { Asker } from "../asker";
import type { Place } from "../calling";
import { notebookOf } from "../open_notebook";
import { wrong } from "../words";

const LONGEST_S = 5 * 60;
const LONGEST_TURN_MS = 1500;

/**
 * Asks while it is seen: at once when it is shown, then every `seconds`, more and more rarely when nobody answers, and
 * never while it or the page is hidden. What it shows is in `body`; what goes wrong stands above that, which stays.
 */
export abstract class Section extends Widget {
  /** Buttons beside the section's title. */
  readonly toolbar = new Toolbar();
  protected readonly api: Api;
  protected readonly body = document.createElement("div");
  /** Resolved when there is something to see, or it is said why there is not. */
  protected readonly answered = new PromiseDelegate<void>();
  /** The notebook that was in front when what is shown was asked for: what is done is done in its project. */
  protected about: string | null = null;
  private readonly wrong = document.createElement("div");
  private readonly poll: Poll<void>;
  private readonly asker: Asker;
  private first: Promise<void> | null = null;

  constructor(
    protected readonly place: Place,
    name: string,
    label: string,
    seconds: number,
  ) {
    super();
    this.api = new Api(place.app.serviceManager.serverSettings, place.trans);
    this.id = `mlops-${name}`;
    this.title.label = label;
    this.addClass("mlops-Section");
    this.wrong.className = "mlops-Section-wrong";
    this.wrong.setAttribute("role", "alert");
    this.wrong.hidden = true;
    this.body.className = "mlops-Section-body";
    this.node.append(this.wrong, this.body);
    this.toolbar.addItem(
      "refresh",
      new ToolbarButton({
        icon: refreshIcon,
        tooltip: place.trans.__("Refresh %1", label),
        onClick: () => void this.refresh(),
      }),
    );
    this.asker = new Asker(
      () => this.notebook,
      () => !this.isDisposed && this.seen,
      (notebook) => this.ask(notebook),
    );
    this.poll = new Poll<void>({
      auto: false,
      name: `mlops-jupyter:${name}`,
      standby: () => !this.seen,
      frequency: { interval: seconds * 1000, backoff: true, max: LONGEST_S * 1000 },
      factory: () => this.asked(),
    });
  }

  /** Ask the server about a notebook's project, note that in `about`, and show what it says. */
  protected abstract ask(notebook: string | null): Promise<void>;

  /** Whether anybody can see it. */
  protected get seen(): boolean {
    return this.isVisible && !document.hidden;
  }

  /** The notebook that the user works on: its project is the one that is asked about. */
  protected get notebook(): string | null {
    return notebookOf(this.place);
  }

  /** Ask now, or once more after what is asked now; nothing happens while nobody sees it. */
  async refresh(): Promise<void> {
    if (!this.asker.again()) {
      await this.poll.refresh();
    }
  }

  /** Ask for the first time when another section has its answer: if all asked at once, all answers would come late. */
  after(other: Section): void {
    this.first = other.answered.promise;
  }

  override dispose(): void {
    this.poll.dispose();
    document.removeEventListener("visibilitychange", this.returned);
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    document.addEventListener("visibilitychange", this.returned);
    // What is attached to a panel that is seen already, is not told that it is shown.
    if (this.isVisible) {
      void this.refresh();
    }
  }

  protected override onAfterDetach(message: Message): void {
    document.removeEventListener("visibilitychange", this.returned);
    super.onAfterDetach(message);
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this.refresh();
  }

  private readonly returned = (): void => {
    if (this.seen) {
      void this.refresh();
    }
  };

  private async asked(): Promise<void> {
    if (this.first !== null) {
      const late = new Promise<void>((go) => window.setTimeout(go, LONGEST_TURN_MS));
      await Promise.race([this.first, late]);
      this.first = null;
    }
    try {
      await this.asker.run();
      this.wrong.hidden = true;
    } catch (error) {
      this.wrong.textContent = wrong(error);
      this.wrong.hidden = false;
      // Nobody is to wait for what does not come.
      this.node.querySelectorAll(".mlops-Waiting").forEach((one) => one.remove());
      throw error;
    } finally {
      this.answered.resolve();
    }
  }
}
