// A call as a line of words, for a terminal or a cell.
import type { Arguments, Parameter, Value, Verb } from "./api";

/** The words of a call, quoted for a shell and for our magic alike. */
export function lineOf(verb: Pick<Verb, "name" | "parameters">, given: Arguments): string {
  const words: string[] = [];
  const free: string[] = [];
  for (const parameter of verb.parameters) {
    const value = given[parameter.name];
    if (value !== undefined) {
      (parameter.flag === null ? free : words).push(...wordsOf(parameter, value));
    }
  }
  const dashed = free.some((one) => one.startsWith("-")) ? ["--"] : [];
  return [verb.name, ...words, ...dashed, ...free.map(quoted)].join(" ");
}

function wordsOf({ flag }: Parameter, value: Value): string[] {
  if (typeof value === "boolean") {
    return flag === null ? [] : [value ? flag : `--no-${flag.slice(2)}`];
  }
  const values = Array.isArray(value)
    ? value
    : typeof value === "object"
      ? Object.entries(value).map(([name, one]) => `${name}=${one}`)
      : [String(value)];
  return flag === null ? values : values.map((one) => `${flag} ${quoted(one)}`);
}

/** A word as a shell takes it, and our magic alike. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** The same for a cell, where a dollar sign would name a variable, and braces an expression. */
export function magicOf(verb: Pick<Verb, "name" | "parameters">, given: Arguments): string {
  return lineOf(verb, given).replace(/[${}]/g, (sign) => sign + sign);
}

/** What went wrong, and the next command. */
export function wrong(error: unknown): string {
  const { hint } = error as { hint?: string | null };
  return (error instanceof Error ? error.message : String(error)) + (hint ? ` → ${hint}` : "");
}
