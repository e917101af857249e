// The parameters that a notebook declares in its cell tagged "parameters": read by the server, as `mlops run` reads them.
import type { INotebookModel } from "@jupyterlab/notebook";
import type { Api, Kind, Parameter, Scalar } from "./api";
import type { Parameter as Declared } from "./generated";

const KINDS: Readonly<Record<string, Kind>> = { bool: "flag", int: "integer", float: "number" };
const TEXTS = new Set(["str", "string"]);

/** Read a notebook's parameters as it is on the screen; null where it has no cell that declares any. */
export async function parametersOf(model: INotebookModel, api: Api): Promise<Parameter[] | null> {
  for (const cell of model.cells) {
    const tags: unknown = cell.getMetadata("tags");
    if (cell.type === "code" && Array.isArray(tags) && tags.includes("parameters")) {
      const [kernel, language] = [model.defaultKernelName || "python3", model.defaultKernelLanguage || "python"];
      return (await api.parameters(cell.sharedModel.getSource(), kernel, language)).map(fieldOf);
    }
  }
  return null;
}

/** The field of a form for a parameter: its help ends with the default as the notebook has it. */
export function fieldOf({ name, type, default: value, help, source }: Declared): Parameter {
  const kind = KINDS[type] ?? "text";
  const said = [help, `[${source}]`].filter((one) => one !== "").join(" ");
  return {
    name,
    flag: null,
    kind,
    help: said,
    required: false,
    default: defaultOf(kind, type, value, source),
    choices: null,
    completed: false,
  };
}

function defaultOf(kind: Kind, type: string, value: unknown, source: string): Scalar | null {
  if (kind === "flag") {
    return typeof value === "boolean" ? value : null;
  }
  if (kind === "integer" || kind === "number") {
    return typeof value === "number" ? value : null;
  }
  // What is no literal is its own source: nobody knows yet what it will be.
  return TEXTS.has(type) && typeof value === "string" && value !== source ? value : null;
}
