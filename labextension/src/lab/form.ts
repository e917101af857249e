// A form made from a verb's description.
import type { Dialog } from "@jupyterlab/apputils";
import type { TranslationBundle } from "@jupyterlab/translation";
import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import type { Arguments, Completing, Parameter, Scalar, Value, Verb, Word } from "./api";

type Input = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

// So many parameters are seen at a glance.
const FEW = 6;
const SEVERAL = new Set(["texts", "paths", "pairs", "source"]);

/**
 * The form's fields; its value is what was filled in, without what is as it would be anyway. `verbatim` is for names and
 * texts of the user's own: they are shown and taken as they are. `words` offers what a field may hold.
 */
export class Form extends Widget implements Dialog.IBodyWidget<Arguments> {
  private readonly inputs = new Map<Parameter, Input>();

  constructor(
    verb: Pick<Verb, "about" | "parameters">,
    given: Arguments,
    private readonly trans: TranslationBundle,
    private readonly verbatim = false,
    private readonly words: Completing | null = null,
  ) {
    super();
    this.addClass("mlops-Form");
    const about = document.createElement("p");
    about.textContent = verb.about.split("\n\n")[0] ?? "";
    this.node.append(about);
    const first = verb.parameters.filter((one) => one.flag === null || one.required || one.name in given);
    const others = verb.parameters.filter((one) => !first.includes(one));
    first.forEach((one) => this.node.append(this.field(one, given[one.name])));
    if (others.length > 0) {
      const more = document.createElement("details");
      const summary = document.createElement("summary");
      summary.textContent = trans.__("Options");
      more.open = first.length === 0 || verb.parameters.length <= FEW;
      more.append(summary, ...others.map((one) => this.field(one, given[one.name])));
      this.node.append(more);
    }
  }

  /** A dialog looks whether all is there that is required when it hears of input; it listens after its body is there. */
  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.update();
  }

  protected override onUpdateRequest(message: Message): void {
    super.onUpdateRequest(message);
    this.node.dispatchEvent(new Event("input", { bubbles: true }));
  }

  getValue(): Arguments {
    const found: Arguments = {};
    for (const [parameter, input] of this.inputs) {
      const value = valueOf(parameter, input, this.verbatim);
      if (value !== null && value !== parameter.default) {
        found[parameter.name] = value;
      }
    }
    return found;
  }

  private field(parameter: Parameter, given: Value | undefined): HTMLElement {
    const row = document.createElement("div");
    row.className = "mlops-Form-field";
    const label = document.createElement("label");
    const input = this.input(parameter);
    fill(input, given ?? parameter.default);
    input.id = `mlops-form-${parameter.name}`;
    // An empty text of the user's own is one, too.
    input.required = parameter.required && parameter.kind !== "flag" && !this.verbatim;
    input.name = parameter.name;
    const help = document.createElement("small");
    help.id = `${input.id}-help`;
    help.textContent = parameter.help;
    label.htmlFor = input.id;
    const name = this.verbatim ? parameter.name : parameter.name.replace(/_$/, "").replaceAll("_", " ");
    label.textContent = name + (parameter.required ? " *" : "");
    // The dialog's button cannot be pressed while a field is wrong: why, stands below it.
    const wrong = document.createElement("small");
    wrong.id = `${input.id}-wrong`;
    wrong.className = "mlops-Form-wrong";
    wrong.setAttribute("role", "alert");
    input.addEventListener("input", () => {
      wrong.textContent = input.validationMessage;
      input.setAttribute("aria-invalid", String(!input.validity.valid));
    });
    input.setAttribute("aria-describedby", `${help.id} ${wrong.id}`);
    this.inputs.set(parameter, input);
    row.append(label, input, help, wrong);
    const { words } = this;
    if (parameter.completed && words !== null && input instanceof HTMLInputElement) {
      row.append(offering(input, (begun) => words(parameter.name, begun)));
    }
    return row;
  }

  private input(parameter: Parameter): Input {
    if (parameter.kind === "flag" && parameter.default === null) {
      return choice([
        ["", this.trans.__("as the project says")],
        ["true", this.trans.__("yes")],
        ["false", this.trans.__("no")],
      ]);
    }
    if (parameter.kind === "choice") {
      const words = (parameter.choices ?? []).map((one): [string, string] => [String(one), String(one)]);
      return choice(parameter.required || parameter.default !== null ? words : [["", ""], ...words]);
    }
    if (SEVERAL.has(parameter.kind) || String(parameter.default).includes("\n")) {
      const area = document.createElement("textarea");
      area.rows = 2;
      area.spellcheck = false;
      if (SEVERAL.has(parameter.kind)) {
        area.placeholder =
          parameter.kind === "pairs" ? this.trans.__("name=value, one a line") : this.trans.__("one a line");
      }
      return area;
    }
    const input = document.createElement("input");
    if (parameter.kind === "flag") {
      input.type = "checkbox";
    } else if (parameter.kind === "integer" || parameter.kind === "number") {
      input.type = "number";
      input.step = parameter.kind === "integer" ? "1" : "any";
    } else {
      input.type = "text";
      input.spellcheck = false;
      input.autocomplete = "off";
    }
    return input;
  }
}

/** A list of what a field may hold, asked for when the field is entered and when what is in it has changed. */
function offering(input: HTMLInputElement, words: (begun: string) => Promise<readonly Word[]>): HTMLDataListElement {
  const list = document.createElement("datalist");
  list.id = `${input.id}-words`;
  input.setAttribute("list", list.id);
  const ask = async (): Promise<void> => {
    const begun = input.value;
    const found = await words(begun);
    if (input.value === begun) {
      list.replaceChildren(...found.map(({ word, about }) => new Option(about, word)));
    }
  };
  const asked = (): void => {
    ask().catch((error: unknown) => {
      // One types on as if nothing were known.
      console.warn("mlops-jupyter: no words are known for a field", error);
    });
  };
  input.addEventListener("focus", asked);
  input.addEventListener("input", asked);
  return list;
}

function choice(words: readonly [string, string][]): HTMLSelectElement {
  const select = document.createElement("select");
  for (const [value, text] of words) {
    select.add(new Option(text, value));
  }
  return select;
}

function fill(input: Input, value: Value | null): void {
  if (input instanceof HTMLInputElement && input.type === "checkbox") {
    input.checked = value === true;
  } else if (Array.isArray(value)) {
    input.value = value.join("\n");
  } else if (value !== null && typeof value === "object") {
    input.value = Object.entries(value)
      .map(([name, one]) => `${name}=${one}`)
      .join("\n");
  } else if (value !== null) {
    input.value = String(value);
  }
}

/** What is in a field, as JSON; null when nothing is, unless that is other than what would be anyway. */
export function valueOf(parameter: Parameter, input: Input, verbatim = false): Value | null {
  if (input instanceof HTMLInputElement && input.type === "checkbox") {
    return input.checked;
  }
  const asItIs = parameter.kind === "source" || (verbatim && parameter.kind === "text");
  const text = asItIs ? input.value : input.value.trim();
  if (text === "") {
    return parameter.kind === "text" && parameter.default !== null ? text : null;
  }
  const lines = text.split("\n").map((one) => one.trim());
  switch (parameter.kind) {
    case "flag":
      return text === "true";
    case "integer":
    case "number":
      return Number(text);
    case "choice":
      return parameter.choices?.find((one) => String(one) === text) ?? text;
    case "texts":
    case "paths":
      return lines.filter((one) => one !== "");
    case "pairs":
      return pairs(lines);
    default:
      return text;
  }
}

function pairs(lines: string[]): Record<string, Scalar> {
  const found: Record<string, Scalar> = {};
  for (const line of lines.filter((one) => one !== "")) {
    const [name = "", ...value] = line.split("=");
    found[name.trim()] = value.join("=").trim();
  }
  return found;
}
