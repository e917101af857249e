// One deployment in the sidebar: how it is, and what can be done about it.
import { Clipboard } from "@jupyterlab/apputils";
import { performed } from "../acting";
import type { Api, Arguments, Deployment, ServedVersion } from "../api";
import type { Place } from "../calling";
import { OPEN_MONITOR } from "../monitor";
import { wrong } from "../words";
import { asked, type Question } from "./asking";
import { button, part } from "./parts";
import { Share } from "./share";

// A shape of its own each: colours alone are not for everybody.
const SIGNS = { ready: "●", starting: "◐", stopping: "◐", failed: "✕", stopped: "■", unknown: "?" };

/** What a card needs of its section. */
export interface Around {
  place: Place;
  api: Api;
  /** A notebook of the deployment's project. */
  notebook: () => string | null;
  changed: () => void;
  logs: (name: string) => void;
}

export class DeploymentCard {
  readonly root = part("article", "mlops-Card");
  private readonly sign = part("span", "mlops-Card-sign");
  private readonly status = part("span", "mlops-Card-status");
  private readonly versions = part("div", "mlops-Card-versions");
  private readonly about = part("div", "mlops-Card-about");
  private readonly line = part("code", "mlops-Line");
  private readonly outcome = part("div", "mlops-Card-outcome");
  private readonly share: Share;
  private readonly open = part("a", "mlops-Button");
  private readonly copies: [HTMLButtonElement, HTMLButtonElement];
  private readonly deeds: HTMLButtonElement[];
  private found: Deployment;
  private shown = "";
  private busy = false;

  constructor(
    private readonly around: Around,
    found: Deployment,
  ) {
    const { trans } = around.place;
    this.found = found;
    this.root.setAttribute("aria-label", trans.__("Deployment %1", found.name));
    this.sign.setAttribute("aria-hidden", "true");
    this.outcome.setAttribute("role", "status");
    this.share = new Share(trans, (percent) => void this.shift(percent));
    const head = part("header", "mlops-Card-head");
    const name = part("b", "mlops-Card-name", found.name);
    name.title = found.name;
    head.append(this.sign, name, this.status);
    this.line.hidden = true;
    this.copies = [
      button(trans.__("Copy curl"), trans.__("Copy a line for a shell that asks %1", found.name), () =>
        this.copy("curl"),
      ),
      button(trans.__("Copy Python"), trans.__("Copy Python code that asks %1", found.name), () => this.copy("python")),
    ];
    const shares = button(trans.__("Shares…"), trans.__("Share the traffic of %1 out by numbers", found.name), () =>
      this.form(),
    );
    const back = button(
      trans.__("Roll back…"),
      trans.__("Let %1 serve what it served before", found.name),
      () => void this.rollBack(),
    );
    const away = button(
      trans.__("Undeploy…"),
      trans.__("End %1 and remove all that it has left", found.name),
      () => void this.undeploy(),
    );
    this.deeds = [shares, back, away];
    this.open.target = "_blank";
    this.open.rel = "noopener";
    this.open.textContent = trans.__("Try it");
    this.open.title = trans.__("Open the page on which %1 can be asked", found.name);
    const buttons = part("div", "mlops-Card-buttons");
    const monitor = button(trans.__("Monitor"), trans.__("Open the live dashboard of %1", found.name), () =>
      this.monitor(),
    );
    // The dashboard is a plugin of its own, which may be disabled.
    monitor.hidden = !around.place.app.commands.hasCommand(OPEN_MONITOR);
    buttons.append(
      monitor,
      button(trans.__("Logs"), trans.__("Follow what %1 writes", found.name), () => around.logs(found.name)),
      this.open,
      ...this.copies,
      ...this.deeds,
    );
    this.root.append(head, this.versions, this.about, buttons, this.line, this.outcome);
    this.show(found);
  }

  show(found: Deployment): void {
    const said = JSON.stringify(found);
    if (said === this.shown) {
      return;
    }
    this.shown = said;
    this.found = found;
    this.root.dataset.status = found.status;
    this.sign.textContent = SIGNS[found.status] ?? "?";
    this.status.textContent = found.status;
    this.showVersions(found.versions);
    this.showAbout(found);
    this.open.hidden = found.jupyter_url === null || found.status !== "ready";
    this.open.href = found.jupyter_url === null ? "" : `${found.jupyter_url}docs`;
    this.copies[0].disabled = found.curl === null;
    this.copies[1].disabled = found.python === null;
  }

  private showVersions(versions: readonly ServedVersion[]): void {
    const answering = versions.filter((one) => !one.shadow);
    const rows = versions
      .filter((one) => one.shadow || answering.length !== 2)
      .map((one) => {
        const row = part("div", "mlops-Card-version");
        const model = one.model === null ? "" : `${one.model} `;
        const share = one.shadow
          ? this.around.place.trans.__("shadow")
          : `${Number(Number(one.percent).toPrecision(4))} %`;
        row.append(
          part("span", "", this.around.place.trans.__("%1version %2", model, one.version)),
          part("span", "", share),
        );
        return row;
      });
    const [one, other] = answering;
    if (answering.length === 2 && one && other) {
      this.share.show(one, other);
      // Moved to where it is already it would lose the focus.
      if (this.share.root.parentElement !== this.versions) {
        this.versions.prepend(this.share.root);
      }
      [...this.versions.children].slice(1).forEach((old) => old.remove());
      this.versions.append(...rows);
    } else {
      this.versions.replaceChildren(...rows);
    }
  }

  private showAbout(found: Deployment): void {
    const { trans } = this.around.place;
    const said: HTMLElement[] = [];
    if (found.error !== null) {
      const like = found.status === "ready" ? "mlops-Card-note" : "mlops-Card-error";
      said.push(part("div", like, found.status === "ready" ? trans.__("last error: %1", found.error) : found.error));
    }
    if (found.restarts > 0) {
      said.push(
        part("div", "mlops-Card-note", trans._n("started again once", "started again %1 times", found.restarts)),
      );
    }
    if (found.follows !== null) {
      said.push(part("div", "mlops-Card-note", trans.__("follows %1", found.follows)));
    }
    said.push(...found.notes.map((note) => part("div", "mlops-Card-note", note)));
    this.about.replaceChildren(...said);
  }

  private monitor(): void {
    const notebook = this.around.notebook();
    const args = { name: this.found.name, ...(notebook === null ? {} : { notebook }) };
    void this.around.place.app.commands.execute(OPEN_MONITOR, args);
  }

  private copy(what: "curl" | "python"): void {
    const text = this.found[what];
    if (text !== null) {
      Clipboard.copyToSystem(text);
      this.outcome.textContent = this.around.place.trans.__("Copied.");
    }
  }

  private form(): void {
    const shares = this.found.versions.filter((one) => !one.shadow).map((one) => `${one.version}=${one.percent}`);
    const [{ place }, given, notebook] = [this.around, { name: this.found.name, shares }, this.around.notebook()];
    void import("../calling").then(({ call }) => call(place, "traffic", given, true, notebook));
  }

  private async shift(percent: number): Promise<void> {
    const { trans } = this.around.place;
    const [one, other] = this.found.versions.filter((each) => !each.shadow);
    if (!one || !other) {
      return;
    }
    const shares = [`${one.version}=${percent}`, `${other.version}=${100 - percent}`];
    const line = `mlops traffic ${this.found.name} ${shares.join(" ")}`;
    const gone = percent === 0 ? one : percent === 100 ? other : null;
    const question: Question | null = gone && {
      title: trans.__("Let version %1 go?", gone.version),
      words: trans.__("It gets nothing of the traffic any more, and is not kept ready. To roll back brings it back."),
      line,
      button: trans.__("Let it go"),
      warns: true,
    };
    await this.perform("traffic", { name: this.found.name, shares }, line, question);
    this.share.back();
  }

  private rollBack(): Promise<void> {
    const { trans } = this.around.place;
    const line = `mlops rollback ${this.found.name}`;
    return this.perform("rollback", { name: this.found.name }, line, {
      title: trans.__("Roll %1 back?", this.found.name),
      words: trans.__("It serves what it served before the last change, and follows no alias then."),
      line,
      button: trans.__("Roll back"),
    });
  }

  private undeploy(): Promise<void> {
    const { trans } = this.around.place;
    const line = `mlops undeploy ${this.found.name}`;
    return this.perform("undeploy", { name: this.found.name }, line, {
      title: trans.__("Undeploy %1?", this.found.name),
      words: trans.__(
        "Its endpoint ends, and its history, logs and kept answers are removed. This cannot be taken back.",
      ),
      line,
      button: trans.__("Undeploy"),
      warns: true,
    });
  }

  /** Ask where there is a question, do it with the words of the call shown, and say what came of it. */
  private async perform(verb: string, given: Arguments, line: string, question: Question | null): Promise<void> {
    const { place, api } = this.around;
    if (this.busy || (question !== null && !(await asked(place.trans, question)))) {
      return;
    }
    this.work(true);
    this.line.textContent = line;
    this.line.hidden = false;
    this.outcome.textContent = "…";
    this.outcome.classList.remove("mlops-mod-wrong");
    const notebook = this.around.notebook();
    const request = { arguments: given, yes: verb === "undeploy", ...(notebook === null ? {} : { notebook }) };
    try {
      this.outcome.textContent = await performed(api, verb, request, (words) => {
        this.outcome.textContent = words;
      });
    } catch (error) {
      this.outcome.textContent = wrong(error);
      this.outcome.classList.add("mlops-mod-wrong");
    }
    this.work(false);
    this.around.changed();
  }

  private work(busy: boolean): void {
    this.busy = busy;
    this.root.setAttribute("aria-busy", String(busy));
    this.share.disabled = busy;
    this.deeds.forEach((one) => {
      one.disabled = busy;
    });
  }
}
