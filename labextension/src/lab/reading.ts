// Addresses with questions, and answers read line by line.

/** The part of an address behind the question mark; what is null is left out, and of several each is named. */
export function query(given: Record<string, string | number | null | readonly string[]>): string {
  const known = Object.entries(given).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => [name, String(one)]),
  );
  const words = new URLSearchParams(known).toString();
  return words && `?${words}`;
}

/** The lines of an answer as they come, without the empty ones that keep the connection open; `alive` hears of all. */
export async function* lines(answer: Response, alive: () => void = () => undefined): AsyncGenerator<string> {
  if (answer.body === null) {
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    alive();
    if (done) {
      break;
    }
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      if (part) {
        yield part;
      }
    }
  }
}
