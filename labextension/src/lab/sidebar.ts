// The sidebar: empty until it is shown for the first time.
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, showErrorMessage } from "@jupyterlab/apputils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { LabIcon, SidePanel } from "@jupyterlab/ui-components";
import type { Message } from "@lumino/messaging";
import { AccordionPanel } from "@lumino/widgets";
import type { Place } from "./calling";
import { wrong } from "./words";

const ID = "mlops-jupyter:sidebar";
const CURVE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="' +
  'M3 3h2v16h16v2H3zm4.3 11.3 4.2-5 3.4 3L20.2 6l1.6 1.2-6.7 8-3.4-3-3 3.5z"/></svg>';

// Of the height, in the sections' order: of runs there are most.
const SHARES = [5, 2, 3, 3];

class Sidebar extends SidePanel {
  private filled = false;
  private wanted = false;

  constructor(private readonly place: Place) {
    super();
    this.id = "mlops-sidebar";
    this.addClass("mlops-Sidebar");
    this.title.icon = new LabIcon({ name: "mlops:sidebar", svgstr: CURVE });
    this.title.caption = place.trans.__("MLOps: runs, models, deployments, versions");
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-label", place.trans.__("MLOps"));
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    if (!this.filled) {
      this.filled = true;
      this.fill().catch((error: unknown) => {
        // The next time that it is shown it is tried again.
        this.filled = false;
        void showErrorMessage(this.place.trans.__("The MLOps sidebar could not be loaded"), wrong(error));
      });
    }
  }

  /** Who asks for it by keyboard goes on in it. */
  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.wanted = true;
    this.focus();
  }

  private focus(): void {
    const first = this.wanted ? this.node.querySelector<HTMLElement>("input") : null;
    if (first !== null) {
      this.wanted = false;
      first.focus();
    }
  }

  private async fill(): Promise<void> {
    const { sections } = await import("./panels");
    sections(this.place).forEach((one) => this.addWidget(one));
    if (this.content instanceof AccordionPanel) {
      this.content.setRelativeSizes(SHARES);
    }
    this.focus();
  }
}

export const sidebar: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "Shows runs, models, deployments and the notebook's versions at the side.",
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [INotebookTracker, ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    tracker: INotebookTracker | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("mlops_jupyter");
    const panel = new Sidebar({ app, rendermime, tracker, trans });
    app.shell.add(panel, "left", { rank: 650, type: "MLOps" });
    restorer?.add(panel, panel.id);
    app.commands.addCommand("mlops:show-sidebar", {
      label: trans.__("Show the MLOps sidebar"),
      execute: () => app.shell.activateById(panel.id),
    });
    palette?.addItem({ command: "mlops:show-sidebar", category: "MLOps" });
  },
};
