// The registered models: versions, aliases, promotion.
import { Dialog, Notification, showDialog, showErrorMessage } from "@jupyterlab/apputils";
import type { Arguments, ModelTable, ModelVersion, Value } from "../api";
import { call, type Place } from "../calling";
import type { Promotion } from "../generated";
import { Form } from "../form";
import { wrong } from "../words";
import { part, small } from "./parts";
import { Section } from "./section";
import { number, when } from "./run_words";

const SECONDS = 30;
const METRICS = 2;

export class ModelsSection extends Section {
  private readonly list = document.createElement("div");
  // Models of which all versions are shown.
  private readonly opened = new Map<string, readonly ModelVersion[]>();
  private shown = "";

  constructor(place: Place) {
    super(place, "models", place.trans.__("Models"), SECONDS);
    this.addClass("mlops-Models");
    this.list.append(part("div", "mlops-Empty mlops-Waiting", place.trans.__("Reading models…")));
    this.body.append(this.list);
    place.tracker?.currentChanged.connect(this.elsewhere, this);
  }

  override dispose(): void {
    this.place.tracker?.currentChanged.disconnect(this.elsewhere, this);
    super.dispose();
  }

  protected async ask(notebook: string | null): Promise<void> {
    const table = await this.api.data<ModelTable>("models", {}, notebook);
    const models = new Set(table.versions.map((one) => one.model));
    for (const name of [...this.opened.keys()]) {
      if (models.has(name)) {
        this.opened.set(name, await this.versionsOf(name, notebook));
      } else {
        this.opened.delete(name);
      }
    }
    this.about = notebook;
    const told = JSON.stringify([table, [...this.opened]]);
    if (told !== this.shown) {
      // What is the same stays as it is, with the focus that is in it.
      this.shown = told;
      this.draw(table);
    }
  }

  private async versionsOf(name: string, notebook: string | null): Promise<readonly ModelVersion[]> {
    return (await this.api.data<ModelTable>("models", { name }, notebook)).versions;
  }

  private draw(table: ModelTable): void {
    const { trans } = this.place;
    const models = new Map<string, ModelVersion[]>();
    for (const one of table.versions) {
      models.set(one.model, [...(models.get(one.model) ?? []), one]);
    }
    this.list.replaceChildren(...[...models].map(([name, leading]) => this.model(name, leading)));
    if (models.size === 0) {
      const none = part("div", "mlops-Section-none");
      const said = part("p", "", trans.__("There are no registered models yet. Register one from a cell that has it:"));
      const code = part("code", "", "%mlops register $model --name churn");
      none.append(said, code);
      this.list.append(none);
    }
    for (const note of table.notes) {
      const said = part("div", "mlops-Section-foot", note);
      this.list.append(said);
    }
  }

  private model(name: string, leading: readonly ModelVersion[]): HTMLElement {
    const { trans } = this.place;
    const all = this.opened.get(name);
    const box = part("section", "mlops-Model");
    const head = part("h3", "", name);
    box.setAttribute("aria-label", name);
    const versions = part("ul", "");
    versions.append(...(all ?? leading).map((one) => this.version(one)));
    const more = small(all ? trans.__("Fewer versions") : trans.__("All versions"), trans.__("Versions of %1", name));
    more.setAttribute("aria-expanded", String(all !== undefined));
    more.onclick = () => void this.toggled(name);
    head.append(more);
    box.append(head, versions);
    return box;
  }

  private async toggled(name: string): Promise<void> {
    await this.told("models", async () => {
      if (!this.opened.delete(name)) {
        this.opened.set(name, await this.versionsOf(name, this.about));
      }
    });
    await this.refresh();
  }

  private version(one: ModelVersion): HTMLElement {
    const { trans } = this.place;
    const item = part("li", "mlops-Version");
    const first = part("div", "mlops-Version-first");
    const title = part("b", "", trans.__("version %1", one.version));
    first.append(title);
    for (const alias of one.aliases) {
      const badge = part("span", "mlops-Alias", alias);
      badge.title = `models:/${one.model}@${alias}`;
      first.append(badge);
    }
    const facts = part("div", "mlops-Version-facts");
    const metrics = Object.entries(one.metrics).slice(0, METRICS);
    const words = [
      one.run,
      when(one.created, new Date()),
      ...metrics.map(([name, value]) => `${name} ${number(value)}`),
    ];
    facts.textContent = words.filter(Boolean).join(" · ");
    facts.title = [one.uri, one.description, ...one.notes].filter(Boolean).join("\n");
    const promote = small(trans.__("Promote…"), trans.__("Point an alias to version %1 of %2", one.version, one.model));
    promote.onclick = () => void this.promote(one);
    const deploy = small(trans.__("Deploy…"), trans.__("Deploy version %1 of %2", one.version, one.model));
    deploy.onclick = () => void call(this.place, "deploy", { model: one.uri, name: one.model }, true, this.about);
    const acts = part("span", "mlops-Version-acts");
    acts.append(promote, deploy);
    first.append(acts);
    item.append(first, facts);
    return item;
  }

  /** Point an alias to a version, after a question when it points to another. */
  private async promote(one: ModelVersion): Promise<void> {
    const { trans } = this.place;
    const { about } = this;
    await this.told("promote", async () => {
      const verb = await this.api.verb("promote");
      const given = { model: `${one.model}/${one.version}`, to: one.aliases[0] ?? "champion" };
      const form = new Form(verb, given, trans, false, this.api.words(verb.name, about));
      const buttons = [Dialog.cancelButton(), Dialog.okButton({ label: trans.__("Promote") })];
      const answer = await showDialog({ title: "mlops promote", body: form, buttons });
      const filled: Arguments = answer.value ?? {};
      if (!answer.button.accept || !(await this.moves(filled, about))) {
        return;
      }
      const done = await this.api.data<Promotion>("promote", filled, about);
      const before =
        done.before === null || done.before === done.version ? "" : trans.__(" (before: version %1)", done.before);
      const said = trans.__("%1@%2 is version %3 now%4", done.model, done.alias, done.version, before);
      Notification.success(said, { autoClose: 8000 });
    });
    await this.refresh();
  }

  /** Ask whether an alias is to move, when it points to another version now. */
  private async moves(given: Arguments, notebook: string | null): Promise<boolean> {
    const { trans } = this.place;
    const [model, alias] = [words(given.model), words(given.to)];
    const [, name = "", version] = /^(?:models:\/)?([^@]+?)(?:\/(\d+)|@.+)?$/.exec(model) ?? [];
    const now = (await this.versionsOf(name, notebook)).find((one) => one.aliases.includes(alias));
    if (now === undefined || now.version === version) {
      return true;
    }
    const body = trans.__(
      "%1@%2 points to version %3. What follows the alias will use the other one.",
      name,
      alias,
      now.version,
    );
    const buttons = [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__("Move it") })];
    return (await showDialog({ title: trans.__("Move the alias %1?", alias), body, buttons, defaultButton: 0 })).button
      .accept;
  }

  private elsewhere(): void {
    void this.refresh();
  }

  private async told(verb: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      await showErrorMessage(`mlops ${verb}`, wrong(error));
    }
  }
}

function words(value: Value | undefined): string {
  return typeof value === "string" ? value : "";
}
