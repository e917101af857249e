// What can be done about a deployment: each is asked about first, and says what came of it.

import { element } from "../live_chart/controls";
import type { DoneMessage, NowMessage } from "./wire";

/** The shares that are asked for: of a shadow that is given none nothing is said, so that it stays one. */
export function sharesOf(served: readonly { version: string; shadow: boolean }[], given: ReadonlyMap<string, number>) {
  const asked = served.filter(({ version, shadow }) => !shadow || given.get(version) !== 0);
  return Object.fromEntries(asked.map(({ version }) => [version, given.get(version) ?? 0]));
}

export class Actions {
  readonly root = element("section", { class: "mlops-panel mlops-actions", "aria-label": "Traffic" });
  private shares = element("div", { class: "mlops-shares" });
  private question = element("div", { class: "mlops-question", role: "alertdialog", "aria-live": "polite" });
  private outcome = element("div", { class: "mlops-outcome", role: "status" });
  private buttons: HTMLButtonElement[] = [];
  private served = "";
  private offered: NowMessage["served"] = [];
  private inputs = new Map<string, HTMLInputElement>();
  private asking: HTMLElement | null = null;

  constructor(private send: (content: unknown) => void) {
    const apply = this.button("shift traffic", () => this.shift());
    const back = this.button("roll back", () =>
      this.ask("Let it serve what it served before the last change?", { ask: "rollback" }, back),
    );
    this.root.append(
      element("header", {}, element("b", {}, "Traffic")),
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
        const label = `version ${one.version} ${one.shadow ? "shadow" : (now.variants[one.version] ?? "")}`;
        const input = element("input", {
          type: "number",
          min: "0",
          max: "100",
          step: "any",
          value: String(one.percent),
          "aria-label": `share of version ${one.version} in percent`,
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
    this.ask(`Acknowledge ${name} for an hour?`, { ask: "acknowledge", alert: id }, from);
  }

  private shift(): void {
    const given = new Map([...this.inputs].map(([version, input]) => [version, Number(input.value)]));
    const shares = sharesOf(this.offered, given);
    const sum = Object.values(shares).reduce((total, one) => total + one, 0);
    if (Math.abs(sum - 100) > 1e-6) {
      this.outcome.textContent = `the shares sum to ${Number(sum.toFixed(6))}, not to 100`;
      this.outcome.classList.add("mlops-alarm");
      [...this.inputs.values()][0]?.focus();
      return;
    }
    const words = Object.entries(shares).map(([version, percent]) => `version ${version} ${percent} %`);
    const gone = Object.entries(shares).filter(([, percent]) => percent === 0);
    const warning = gone.length
      ? ` ${gone.map(([version]) => `Version ${version}`).join(" and ")} will be let go.`
      : "";
    this.ask(`Share the traffic out as ${words.join(", ")}?${warning}`, { ask: "share", shares }, this.buttons[0]);
  }

  private ask(words: string, content: unknown, from: HTMLElement): void {
    this.asking = from;
    const yes = element("button", { type: "button", class: "mlops-yes" }, "yes");
    const no = element("button", { type: "button" }, "no");
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
