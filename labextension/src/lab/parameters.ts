// The parameters that a notebook declares in its cell tagged "parameters", as Papermill reads them.
import type { INotebookModel } from "@jupyterlab/notebook";
import type { Kind, Parameter, Scalar } from "./api";

const LINE = /^([A-Za-z_]\w*)\s*(?::\s*([^=#]+?))?\s*=(?!=)\s*(.+)$/;

/** Read a notebook's parameters. */
export function parametersOf(model: INotebookModel | null): Parameter[] {
  for (const cell of model?.cells ?? []) {
    const tags: unknown = cell.getMetadata("tags");
    if (cell.type === "code" && Array.isArray(tags) && tags.includes("parameters")) {
      return parametersIn(cell.sharedModel.getSource());
    }
  }
  return [];
}

/** Read the parameters in a cell's text: one assignment a line, its comment is the help. */
export function parametersIn(source: string): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const line of source.split("\n")) {
    const parts = LINE.exec(line);
    if (parts?.[1] !== undefined && parts[3] !== undefined) {
      found.set(parts[1], parameter(parts[1], parts[2] ?? "", parts[3]));
    }
  }
  return [...found.values()];
}

function parameter(name: string, annotation: string, rest: string): Parameter {
  const [value, comment] = parted(rest);
  const typed = /^type:\s*(\S+)\s*(.*)$/.exec(comment);
  const kind = kindOf(annotation || (typed?.[1] ?? ""), value);
  const help = [typed?.[2] ?? comment, `[${value}]`].filter((one) => one !== "").join(" ");
  return { name, flag: null, kind, help, required: false, default: defaultOf(kind, value), choices: null };
}

/** Part a value from the comment after it; a sharp sign within quotes is the value's. */
function parted(rest: string): [string, string] {
  let quote = "";
  for (let i = 0; i < rest.length; i++) {
    const sign = rest.charAt(i);
    if (quote) {
      if (sign === "\\") {
        i++;
      } else if (sign === quote) {
        quote = "";
      }
    } else if (sign === '"' || sign === "'") {
      quote = sign;
    } else if (sign === "#") {
      return [rest.slice(0, i).trim(), rest.slice(i + 1).trim()];
    }
  }
  return [rest.trim(), ""];
}

function kindOf(annotation: string, value: string): Kind {
  const type = annotation.trim();
  if (type === "bool" || /^(True|False)$/.test(value)) {
    return "flag";
  }
  if (type === "int" || (type === "" && /^[+-]?\d+$/.test(value))) {
    return "integer";
  }
  return type === "float" || (type === "" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value)) ? "number" : "text";
}

function defaultOf(kind: Kind, value: string): Scalar | null {
  if (kind === "flag") {
    return /^(True|False)$/.test(value) ? value === "True" : null;
  }
  if (kind === "integer" || kind === "number") {
    return Number.isFinite(Number(value)) ? Number(value) : null;
  }
  const text = /^(["'])((?:(?!\1)[^\\])*)\1$/.exec(value);
  return text?.[2] ?? null;
}
