// The runs of a cell, as its outputs tell them: also those of a saved notebook without a kernel.
import type { ICodeCellModel } from "@jupyterlab/cells";
import { checksum } from "./checksum";
import type { Overview } from "./api";
import { isNamed } from "./files";
import type { OpenRunSeen as OpenRun, Run } from "./generated";

const RUN = "application/vnd.mlops-jupyter.run+json";
const MAGIC = /^%%mlops(?!\S)/;
const TRACKS = /^%%mlops\s+track(?!\S)/;
const ID = /^[0-9a-zA-Z_-]{1,64}$/;

export type Shown = "queued" | "running" | "finished" | "failed" | "killed" | "untracked";

/** What a cell says of one run. */
export interface Badge {
  readonly id: string;
  readonly name: string;
  readonly status: Shown;
  /** In seconds. */
  readonly duration: number | null;
  readonly error: string;
  /** One word, or several with commas; empty where nobody has looked. */
  readonly honesty: string;
  readonly says: readonly string[];
  /** Whether the cell is not any more what ran. */
  readonly edited: boolean;
}

/** What of a cell's model is looked at. */
export type Looked = Pick<ICodeCellModel, "id" | "executionState" | "executionCount"> & {
  readonly outputs: { readonly length: number; get(index: number): { readonly data: unknown } };
  readonly sharedModel: { getSource(): string };
};

/** Whether a cell's body is a run. */
export function isTracked(cell: Pick<Looked, "sharedModel">): boolean {
  return TRACKS.test(magicOf(cell.sharedModel.getSource()).line);
}

/** A cell's source without its line `%%mlops …`, if it has one. */
export function bodyOf(source: string): string {
  const { lines, place, line } = magicOf(source);
  return MAGIC.test(line) ? lines.filter((_, at) => at !== place).join("\n") : source;
}

/** The line in which a magic may stand, as the kernel finds it: comments may be above it, and all may be indented. */
function magicOf(source: string): { lines: string[]; place: number; line: string } {
  const lines = source.split("\n");
  const indent = /^[ \t]*/.exec(lines.find((line) => line.trim() !== "") ?? "")?.[0] ?? "";
  const place = lines.findIndex((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
  const line = lines[place] ?? "";
  return { lines, place, line: line.startsWith(indent) ? line.slice(indent.length) : line };
}

/** What a cell of a notebook shows: its ended runs; and while it runs, that. Without a notebook's path it is any one's. */
export function badgesOf(cell: Looked, found: Overview | null, notebook: string | null = null): Badge[] {
  const source = checksum(cell.sharedModel.getSource());
  const records = runsIn(cell);
  const ended = records.map((run) => badgeOf(run, source));
  // A kernel runs a cell once at a time: what began before a run that has ended here, is known from an old look.
  const last = Math.max(...records.map((run) => Date.parse(text(run.started)) || 0));
  const here = cell.executionState === "running" && isTracked(cell);
  // A headless run of the same notebook has the same cells, and its notebook's run above them.
  const open = (found === null ? [] : openIn(found, notebook))
    .filter((run) => run.cell_id === cell.id && (here || run.parent === null))
    .filter((run) => here || !(Date.parse(run.started) < last));
  const known = new Set(ended.map((one) => one.id));
  const running = open.filter((run) => !known.has(run.run_id)).map((run) => waiting("running", run.run_id, run.name));
  if (here && running.length === 0 && ended.length === 0) {
    running.push(waiting(cell.outputs.length > 0 ? "running" : "queued", "", ""));
  }
  return [...ended, ...running];
}

/** The open runs that may be of a notebook: the cells of its copies have the same ids. */
function openIn(found: Overview, notebook: string | null): readonly OpenRun[] {
  return found.open_runs.filter(
    (run) => notebook === null || run.notebook === null || isNamed(found, run.notebook, notebook),
  );
}

/**
 * What a cell shows from one look to the next. A kernel that dies leaves no word in the cell: its run is known from
 * having been seen, and that the cell never came to an end, from its missing number.
 */
export class CellRuns {
  private running: Badge | null = null;

  look(cell: Looked, found: Overview | null, notebook: string | null = null): Badge[] {
    const badges = badgesOf(cell, found, notebook);
    const running = badges.find((one) => one.status === "running") ?? null;
    if (cell.executionState === "running") {
      const waits = badges.some((one) => one.status === "queued");
      const { running: before } = this;
      if (running?.id === "" && before !== null && before.id !== "") {
        // The run is gone from what the server tells before the cell has heard that its kernel died.
        return badges.map((one) => (one === running ? before : one));
      }
      this.running = running ?? (waits ? null : before);
      return badges;
    }
    if (this.running === null || running !== null) {
      return badges;
    }
    if (cell.executionCount !== null || badges.length > 0) {
      this.running = null;
      return badges;
    }
    return [{ ...this.running, status: "killed" }];
  }
}

/** The records of runs in a cell's outputs. Anything may stand there: a notebook comes from anywhere. */
export function runsIn(cell: Pick<Looked, "outputs">): Run[] {
  const found: Run[] = [];
  for (let i = 0; i < cell.outputs.length; i++) {
    const data = cell.outputs.get(i).data as Record<string, unknown>;
    const told = data[RUN];
    if (typeof told === "object" && told !== null && !Array.isArray(told)) {
      found.push(told as Run);
    }
  }
  return found;
}

function badgeOf(run: Partial<Record<keyof Run, unknown>>, source: string): Badge {
  const tags = (typeof run.tags === "object" && run.tags !== null ? run.tags : {}) as Record<string, unknown>;
  const id = text(run.run_id);
  const sum = text(tags["mlops.cell_crc32"]);
  return {
    id: ID.test(id) ? id : "",
    name: text(run.name),
    status: statusOf(text(run.status)),
    duration: typeof run.duration_s === "number" ? run.duration_s : null,
    error: text(run.error),
    honesty: text(tags["mlops.honesty"]),
    says: text(tags["mlops.honesty.says"])
      .split("\n")
      .filter((one) => one !== ""),
    edited: sum !== "" && sum !== source,
  };
}

function statusOf(told: string): Shown {
  switch (told) {
    case "FINISHED":
      return "finished";
    case "FAILED":
      return "failed";
    case "KILLED":
      return "killed";
    case "RUNNING":
    case "SCHEDULED":
      return "running";
    default:
      return "untracked";
  }
}

function waiting(status: Shown, id: string, name: string): Badge {
  return { id, name, status, duration: null, error: "", honesty: "", says: [], edited: false };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
