// A call as a line of words, for a terminal or a cell.
import type { Arguments, Parameter, Value, Verb } from "./api";

type Spelled = (word: string, parameter: Parameter) => string;

/** The words of a call, quoted for a shell and for our magic alike. */
export function lineOf(
  verb: Pick<Verb, "name" | "parameters">,
  given: Arguments,
  spelled: Spelled = (word) => quoted(word),
): string {
  const words: string[] = [];
  const free: [string, Parameter][] = [];
  for (const parameter of verb.parameters) {
    const value = given[parameter.name];
    if (value === undefined) {
      continue;
    }
    const { flag } = parameter;
    if (flag === null) {
      free.push(...textsOf(value).map((one): [string, Parameter] => [one, parameter]));
    } else if (typeof value === "boolean") {
      words.push(value ? flag : `--no-${flag.slice(2)}`);
    } else {
      words.push(...textsOf(value).map((one) => `${flag} ${spelled(one, parameter)}`));
    }
  }
  const dashed = free.some(([one]) => one.startsWith("-")) ? ["--"] : [];
  return [verb.name, ...words, ...dashed, ...free.map(([one, parameter]) => spelled(one, parameter))].join(" ");
}

function textsOf(value: Value): string[] {
  if (typeof value === "boolean") {
    return [];
  }
  if (typeof value !== "object") {
    return [String(value)];
  }
  return Array.isArray(value) ? value : Object.entries(value).map(([name, one]) => `${name}=${one}`);
}

/** A word as a shell takes it, and our magic alike. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** The same for a cell, where a dollar sign names a variable, and braces an expression: only of what may be one. */
export function magicOf(verb: Pick<Verb, "name" | "parameters">, given: Arguments): string {
  return lineOf(verb, given, (word, { kind }) =>
    kind === "object" && isLive(word)
      ? REFERENCE.test(word)
        ? word
        : quoted(word)
      : quoted(word).replace(/[${}]/g, (sign) => sign + sign),
  );
}

// Of an expression the magic itself finds the end.
const REFERENCE = /^(\$[\p{L}_][\p{L}\p{N}_]*|\{[^]*\})$/u;

/** Whether a verb is called with an object that only a kernel has. */
export function namesLive({ parameters }: Pick<Verb, "parameters">, given: Arguments): boolean {
  return parameters.some(({ name, kind }) => {
    const value = given[name];
    return kind === "object" && typeof value === "string" && isLive(value);
  });
}

function isLive(word: string): boolean {
  return /^[${]/.test(word);
}

/** What went wrong, and the next command. */
export function wrong(error: unknown): string {
  const { hint } = error as { hint?: string | null };
  return (error instanceof Error ? error.message : String(error)) + (hint ? ` → ${hint}` : "");
}
