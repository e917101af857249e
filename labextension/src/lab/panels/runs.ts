// The runs of the project's experiment.
import { Clipboard, showErrorMessage } from "@jupyterlab/apputils";
import type { Message } from "@lumino/messaging";
import type { Arguments, RunPage, RunRow } from "../api";
import { call, type Place } from "../calling";
import { openRestored } from "../run_notebooks";
import { wrong } from "../words";
import { part, small } from "./parts";
import { RunColumns } from "./run_columns";
import { isQuery, NEWEST_FIRST, RunRows, type Sorting } from "./run_rows";
import { RunTable } from "./run_table";
import { Section } from "./section";

const SECONDS = 10;
// The first are there at once, the others come in pages as large as a store gives them.
const FIRST = 100;
const PAGE = 2000;
const MOST = 20_000;
const FEWEST_COMPARED = 2;
const MOST_COMPARED = 20;
const WATCHED = 50;
const TRACK = "mlops:call-track";
const TRACKED = "%%mlops track";

/** Of what runs are asked for: the same in every page of them. */
interface Asked {
  notebook: string | null;
  query: string;
  signal: AbortSignal;
}

export class RunsSection extends Section {
  private readonly rows = new RunRows();
  private readonly table: RunTable;
  private readonly columns: RunColumns;
  private readonly search = document.createElement("input");
  private readonly actions = document.createElement("div");
  private readonly none = document.createElement("div");
  private readonly foot = document.createElement("div");
  private readonly more = document.createElement("button");
  private sorting: Sorting = NEWEST_FIRST;
  private last: RunPage | null = null;
  // What the store is asked for; and of which store, experiment and query the rows are.
  private query = "";
  private of = "";
  // Where the rows go on that were not read yet.
  private rest: string | null = null;
  private most = MOST;
  private reading: AbortController | null = null;
  private said = "";
  private done = "";
  // As many are shown.
  private found = 0;

  constructor(place: Place) {
    super(place, "runs", place.trans.__("Runs"), SECONDS);
    this.addClass("mlops-Runs");
    const { trans } = place;
    this.table = new RunTable(trans, {
      sorted: (sorting) => this.sort(sorting),
      opened: (run) => void this.open(run),
      chosen: () => {
        this.done = "";
        this.offer();
      },
    });
    this.columns = new RunColumns(
      trans,
      (column) => this.table.wordOf(column),
      () => this.draw(),
    );
    this.search.type = "search";
    this.search.className = "jp-mod-styled mlops-Runs-search";
    this.search.placeholder = trans.__("Search");
    this.search.title = trans.__(
      "Words of the name, id, status or notebook; or a query, such as metrics.accuracy > 0.9",
    );
    this.search.setAttribute("aria-label", trans.__("Search runs"));
    this.search.spellcheck = false;
    this.search.addEventListener("input", () => this.searched());
    this.search.addEventListener("keydown", (event) => event.key === "Enter" && this.askStore());
    this.actions.className = "mlops-Section-actions";
    this.actions.setAttribute("role", "toolbar");
    this.actions.setAttribute("aria-label", trans.__("Chosen runs"));
    this.none.className = "mlops-Section-none";
    this.none.hidden = true;
    this.foot.className = "mlops-Section-foot";
    this.foot.setAttribute("role", "status");
    this.more.type = "button";
    this.more.className = "jp-mod-styled";
    this.more.textContent = trans.__("Read more");
    this.more.hidden = true;
    this.more.onclick = () => this.readMore();
    const top = document.createElement("div");
    top.className = "mlops-Section-top";
    top.append(this.search, this.columns.node);
    this.body.append(top, this.actions, this.table.node, this.none, this.foot, this.more);
    this.commands();
    this.foot.append(part("span", "mlops-Waiting", trans.__("Reading runs…")));
    place.tracker?.currentChanged.connect(this.elsewhere, this);
  }

  override dispose(): void {
    this.place.tracker?.currentChanged.disconnect(this.elsewhere, this);
    this.reading?.abort();
    this.table.dispose();
    super.dispose();
  }

  protected override onBeforeHide(message: Message): void {
    // What nobody sees is not read to its end; it goes on from there.
    this.reading?.abort();
    super.onBeforeHide(message);
  }

  protected async ask(notebook: string | null): Promise<void> {
    const reading = (this.reading = new AbortController());
    try {
      await this.read({ notebook, query: this.query, signal: reading.signal });
    } catch (error) {
      if (!reading.signal.aborted) {
        throw error;
      }
    } finally {
      this.reading = null;
    }
  }

  /** Read the newest runs, then those that are not known yet, page by page. */
  private async read(asked: Asked): Promise<void> {
    const first = await this.page({ limit: FIRST }, asked);
    const of = [first.experiment, first.tracking_uri, asked.query].join("\n");
    const other = of !== this.of;
    if (other) {
      this.of = of;
      this.rows.clear();
      this.table.clear();
      this.table.scrollToTop();
      this.most = MOST;
    }
    const dropped = this.rows.drop(this.rows.missing(first));
    const { known, changed } = this.rows.add(first.runs);
    if (other || known === 0) {
      // Between these and those that were known there may be more.
      this.rest = first.next_page;
    }
    this.about = asked.notebook;
    const renewed = await this.unfinished(first, asked);
    this.last = first;
    this.draw(changed || dropped || renewed || other);
    this.answered.resolve();
    while (this.rest !== null && this.rows.size < this.most && !document.hidden) {
      const page = await this.page({ limit: PAGE, page: this.rest }, asked);
      this.rest = page.next_page;
      this.rows.add(page.runs);
      this.draw();
    }
  }

  /** Read anew what was running when it was read, and is not among the newest. */
  private async unfinished(first: RunPage, asked: Asked): Promise<boolean> {
    const newest = new Set(first.runs.map((run) => run.run_id));
    const ids = this.rows
      .unfinished()
      .filter((id) => !newest.has(id))
      .slice(0, WATCHED);
    if (ids.length === 0) {
      return false;
    }
    const query = `attributes.run_id IN (${ids.map((id) => `'${id}'`).join(", ")})`;
    const { runs } = await this.page({ query, limit: WATCHED }, asked);
    const found = new Set(runs.map((run) => run.run_id));
    // A run that was deleted runs no more.
    const dropped = this.rows.drop(ids.filter((id) => !found.has(id)));
    return this.rows.add(runs).changed || dropped;
  }

  private page(given: Arguments, { notebook, query, signal }: Asked): Promise<RunPage> {
    const all: Arguments = query ? { query, ...given } : given;
    return this.api.data<RunPage>("runs", all, notebook, signal);
  }

  /** Show what is known; unless something has changed, only what is said below. */
  private draw(changed = true): void {
    const { trans } = this.place;
    const search = this.local();
    if (changed) {
      const runs = this.rows.view(search, this.sorting);
      this.found = runs.length;
      this.table.show(runs, this.columns.of(this.rows.metrics()), this.sorting);
      this.nothing(runs);
      this.offer();
    }
    const count = this.rows.size.toLocaleString();
    const where = this.last?.experiment ?? "";
    const reading = this.rest !== null && this.rows.size < this.most;
    const limited = this.rest !== null && !reading;
    this.more.hidden = !limited;
    const all = trans._n("%2 run in %3", "%2 runs in %3", this.rows.size, count, where);
    this.said = limited ? trans.__("the newest %1 runs in %2", count, where) : all;
    if (reading) {
      this.said = trans.__("%1, reading on…", all);
    }
    if (search !== "") {
      this.said = trans.__("%1 of %2", this.found.toLocaleString(), this.said);
    }
    this.said = [this.said, ...(this.last?.notes ?? [])].join(" · ");
    this.tell(this.said);
  }

  /** Say what a command has done: that stays until other runs are chosen, or looked for. */
  private say(words: string): void {
    this.done = words;
    this.tell(this.said);
  }

  private tell(words: string): void {
    const chosen = this.table.chosen.length;
    const prefix = chosen > 0 ? this.place.trans.__("%1 chosen of ", chosen) : "";
    const text = this.done || prefix + words;
    if (this.foot.textContent !== text) {
      this.foot.textContent = text;
    }
  }

  /** Say why there is nothing, and what to do next. */
  private nothing(runs: readonly RunRow[]): void {
    const { trans, app } = this.place;
    this.none.hidden = runs.length > 0;
    this.table.node.hidden = runs.length === 0;
    if (runs.length > 0) {
      return;
    }
    const said = document.createElement("p");
    this.none.replaceChildren(said);
    if (this.rows.size > 0 || this.query) {
      said.textContent = trans.__("No run matches “%1”.", this.search.value);
      return;
    }
    said.textContent = trans.__(
      "There are no runs in %1 yet. Put this above a cell and run it:",
      this.last?.experiment ?? "",
    );
    const code = document.createElement("code");
    code.textContent = TRACKED;
    const track = small(trans.__("Track the chosen cell…"), "", () => void app.commands.execute(TRACK));
    track.hidden = !app.commands.hasCommand(TRACK);
    this.none.append(code, track);
  }

  /** The words that are looked for here; a query is the store's business. */
  private local(): string {
    return isQuery(this.search.value) ? "" : this.search.value;
  }

  private searched(): void {
    this.done = "";
    const text = this.search.value;
    if (this.query && !isQuery(text)) {
      this.query = "";
      this.restart();
    }
    if (isQuery(text) && text !== this.query) {
      this.foot.textContent = this.place.trans.__("Press Enter to ask the store.");
    } else {
      this.table.scrollToTop();
      this.draw();
    }
  }

  private askStore(): void {
    const text = this.search.value.trim();
    if (isQuery(text)) {
      this.query = text;
      this.restart();
    }
  }

  private sort(sorting: Sorting): void {
    this.sorting = sorting;
    this.table.scrollToTop();
    this.draw();
  }

  private readMore(): void {
    this.most += MOST;
    this.restart();
  }

  /** Ask anew, whatever is being read. */
  private restart(): void {
    this.reading?.abort();
    void this.refresh();
  }

  private elsewhere(): void {
    // Of another project's runs no more has to be read.
    this.restart();
  }

  private get chosen(): RunRow[] {
    return this.table.chosen;
  }

  /** Show the commands that fit what is chosen. */
  private offer(): void {
    for (const one of this.actions.querySelectorAll("button")) {
      one.disabled = !this.place.app.commands.isEnabled(one.dataset.command ?? "");
    }
    if (this.said) {
      this.tell(this.said);
    }
  }

  private commands(): void {
    const { app, trans } = this.place;
    const one = (): RunRow | undefined => (this.chosen.length === 1 ? this.chosen[0] : undefined);
    this.command("mlops:compare-runs", trans.__("Compare"), trans.__("Put the chosen runs side by side"), {
      able: () => this.chosen.length >= FEWEST_COMPARED && this.chosen.length <= MOST_COMPARED,
      act: () => call(this.place, "compare", { runs: this.chosen.map((run) => run.run_id) }, false, this.about),
    });
    this.command(
      "mlops:open-run-notebook",
      trans.__("Notebook"),
      trans.__("Open the notebook as it was in this run, as a copy"),
      {
        able: () => one()?.snapshot === true,
        act: () => this.open(one()),
      },
    );
    this.command(
      "mlops:open-executed-notebook",
      trans.__("Executed"),
      trans.__("Open the notebook as this headless run has executed it, as a copy"),
      {
        able: () => one()?.executed === true,
        act: () => this.open(one(), true),
      },
    );
    this.command("mlops:copy-run-id", trans.__("Copy id"), trans.__("Copy the run's id"), {
      able: () => one() !== undefined,
      act: () => {
        Clipboard.copyToSystem(one()?.run_id ?? "");
        this.say(trans.__("Copied %1", one()?.run_id ?? ""));
        return Promise.resolve();
      },
    });
    this.command("mlops:register-run", trans.__("Register…"), trans.__("Register the run's model"), {
      able: () => one() !== undefined,
      act: () => call(this.place, "register", { model: one()?.run_id ?? "" }, true, this.about),
    });
    app.contextMenu.addItem({ type: "separator", selector: ".mlops-Runs .mlops-Row", rank: 10 });
  }

  private command(
    id: string,
    label: string,
    caption: string,
    does: { able: () => boolean; act: () => Promise<void> },
  ): void {
    const { app } = this.place;
    app.commands.addCommand(id, { label, caption, isEnabled: does.able, execute: does.act });
    app.contextMenu.addItem({ command: id, selector: ".mlops-Runs .mlops-Row", rank: 0 });
    const pressed = small(label, caption, () => void app.commands.execute(id));
    pressed.dataset.command = id;
    pressed.disabled = true;
    this.actions.append(pressed);
  }

  /** Open the notebook of a run as it was then, or as it was executed: a copy beside it, which the verb makes. */
  private async open(run: RunRow | undefined, executed = false): Promise<void> {
    if (!run || !(executed ? run.executed : run.snapshot)) {
      return;
    }
    const { trans } = this.place;
    const { about } = this;
    try {
      const { root } = await this.api.status(about);
      const own: Arguments = run.notebook === null ? {} : { notebook: `${root}/${run.notebook}` };
      const given = { ref: run.run_id, ...own, executed };
      const path = await openRestored(this.place, this.api, given, about);
      this.say(
        executed
          ? trans.__("%1 is a copy of the notebook as %2 has executed it", path, run.name)
          : trans.__("%1 is a copy of the notebook as it was in %2", path, run.name),
      );
    } catch (error) {
      await showErrorMessage("mlops restore", wrong(error));
    }
  }
}
