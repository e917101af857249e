// What is deployed on this machine from the project of the current notebook.
import type { Deployment } from "../api";
import type { Place } from "../calling";
import { type Around, DeploymentCard } from "./deployment";
import { logsTab } from "./logs";
import { button, empty } from "./parts";
import { Section } from "./section";

const SECONDS = 5;

export class Deployments extends Section {
  private readonly cards = new Map<string, DeploymentCard>();
  private readonly around: Around;

  constructor(place: Place) {
    super(place, "deployments", place.trans.__("Deployments"), SECONDS);
    this.around = {
      place,
      api: this.api,
      notebook: () => this.about,
      changed: () => void this.refresh(),
      logs: (name) => logsTab(place, this.api, name, this.about),
    };
    place.tracker?.currentChanged.connect(this.moved, this);
  }

  override dispose(): void {
    this.place.tracker?.currentChanged.disconnect(this.moved, this);
    super.dispose();
  }

  protected async ask(notebook: string | null): Promise<void> {
    const found = await this.api.deployments(notebook);
    this.about = notebook;
    this.draw(found);
  }

  private moved(): void {
    if (this.seen) {
      void this.refresh();
    }
  }

  private draw(found: readonly Deployment[]): void {
    const names = new Set(found.map((one) => one.name));
    for (const [name, card] of this.cards) {
      if (!names.has(name)) {
        card.root.remove();
        this.cards.delete(name);
      }
    }
    if (found.length === 0) {
      this.body.replaceChildren(this.nothing());
      return;
    }
    this.body.querySelector(":scope > .mlops-Empty")?.remove();
    found.forEach((one, place) => {
      const known = this.cards.get(one.name);
      known?.show(one);
      const card = known ?? new DeploymentCard(this.around, one);
      this.cards.set(one.name, card);
      if (this.body.children[place] !== card.root) {
        this.body.insertBefore(card.root, this.body.children[place] ?? null);
      }
    });
  }

  private nothing(): HTMLElement {
    const { trans } = this.place;
    const deploy = button(trans.__("Deploy a model…"), trans.__("Fill in a form"), () => {
      void import("../calling").then(({ call }) => call(this.place, "deploy", {}, true, this.about));
    });
    return empty(trans.__("Nothing is deployed here."), "mlops deploy MODEL --name NAME", deploy);
  }
}
