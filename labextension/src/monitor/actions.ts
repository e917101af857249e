// What can be done about a deployment: each is asked about first, and says what came of it.

import { element } from "../live_chart/controls";
import type { Trans } from "../live_chart/trans";
import type { DoneMessage, NowMessage } from "./wire";

/** The shares that are asked for: of a shadow that is given none nothing is said, so that it stays one. */
export function sharesOf(served: readonly { version: string; shadow: boolean }[], given: ReadonlyMap<string, number>) {
  const asked = served.filter(({ version, shadow }) => !shadow || given.get(version) !== 0);
  return Object.fromEntries(asked.map(({ version }) => [version, given.get(version) ?? 0]));
}

export class Actions {
  readonly root = element("section", { class: "mlops-panel mlops-actions" });
  private shares = element("div", { class: "mlops-shares" });
  private question = element("div", { class: "mlops-question", role: "alertdialog", "aria-live": "polite" });
  private outcome = element("div", { class: "mlops-outcome", role: "status" });
  private buttons: HTMLButtonElement[] = [];
  private served = "";
  private offered: NowMessage["served"] = [];
  private inputs = new Map<string, HTMLInputElement>();
  private asking: HTMLElement | null = null;

  constructor(
    private trans: Trans,
    private send: (content: unknown) => void,
  ) {
    this.root.setAttribute("aria-label", trans.__("Traffic"));
    const apply = this.button(trans.__("shift traffic"), () => this.shift());
    const back = this.button(trans.__("roll back"), () =>
      this.ask(trans.__("Let it serve what it served before the last change?"), { ask: "rollback" }, back),
    );
    this.root.append(
      element("header", {}, element("b", {}, trans.__("Traffic"))),
      this.shares,
      element("div", { class: "mlops-buttons" }, apply, back),
      this.question,
      this.outcome,
    );
    this.question.hidden = true;
  }

  show(now: NowMessage): void {
    this.root.hidden = now.served.length === 0;
    const served = JSON.stringify([now.served, now.variants]);
    if (served === this.served) return;
    this.served = served;
    this.offered = now.served;
    this.inputs.clear();
    this.shares.replaceChildren(
      ...now.served.map((one) => {
        const variant = one.shadow ? this.trans.__("shadow") : (now.variants[one.version] ?? "");
        const label = this.trans.__("version %1 %2", one.version, variant);
        const input = element("input", {
          type: "number",
          min: "0",
          max: "100",
          step: "any",
          value: String(one.percent),
          "aria-label": this.trans.__("share of version %1 in percent", one.version),
        });
        this.inputs.set(one.version, input);
        return element("label", {}, element("span", {}, label), input, "%");
      }),
    );
  }

  told(done: DoneMessage): void {
    // What is asked beside has its words here, too, and ends nothing that is being done.
    if (done.what !== "distribution") this.busy(false);
    this.outcome.textContent = done.words;
    this.outcome.classList.toggle("mlops-alarm", done.failed);
  }

  /** Asks before an alert is acknowledged. */
  acknowledge(id: string, name: string, from: HTMLElement): void {
    this.ask(this.trans.__("Acknowledge %1 for an hour?", name), { ask: "acknowledge", alert: id }, from);
  }

  private shift(): void {
    const given = new Map([...this.inputs].map(([version, input]) => [version, Number(input.value)]));
    const shares = sharesOf(this.offered, given);
    const sum = Object.values(shares).reduce((total, one) => total + one, 0);
    if (Math.abs(sum - 100) > 1e-6) {
      this.outcome.textContent = this.trans.__("the shares sum to %1, not to 100", Number(sum.toFixed(6)));
      this.outcome.classList.add("mlops-alarm");
      [...this.inputs.values()][0]?.focus();
      return;
    }
    const words = Object.entries(shares).map(([version, percent]) =>
      this.trans.__("version %1 %2 %", version, percent),
    );
    const gone = Object.entries(shares).filter(([, percent]) => percent === 0);
    const versions = gone.map(([version]) => version).join(", ");
    const warning = gone.length
      ? ` ${this.trans._n("Version %2 will be let go.", "Versions %2 will be let go.", gone.length, versions)}`
      : "";
    this.ask(
      this.trans.__("Share the traffic out as %1?", words.join(", ")) + warning,
      { ask: "share", shares },
      this.buttons[0],
    );
  }

  private ask(words: string, content: unknown, from: HTMLElement): void {
    this.asking = from;
    const yes = element("button", { type: "button", class: "mlops-yes" }, this.trans.__("yes"));
    const no = element("button", { type: "button" }, this.trans.__("no"));
    yes.addEventListener("click", () => {
      this.answered();
      this.busy(true);
      this.outcome.classList.remove("mlops-alarm");
      this.outcome.textContent = "…";
      this.send(content);
    });
    no.addEventListener("click", () => this.answered());
    this.question.replaceChildren(element("span", {}, words), yes, no);
    this.question.setAttribute("aria-label", words);
    this.question.hidden = false;
    this.question.onkeydown = (event) => {
      if (event.key === "Escape") this.answered();
    };
    // What is safe is what Enter does.
    no.focus();
  }

  private answered(): void {
    this.question.hidden = true;
    this.question.replaceChildren();
    this.asking?.focus();
  }

  private busy(busy: boolean): void {
    for (const button of this.buttons) button.disabled = busy;
    this.root.toggleAttribute("aria-busy", busy);
  }

  private button(words: string, act: () => void): HTMLButtonElement {
    const button = element("button", { type: "button" }, words);
    button.addEventListener("click", act);
    this.buttons.push(button);
    return button;
  }
}
