// Addresses with questions, and answers read line by line.

/** The part of an address behind the question mark; what is null is left out. */
export function query(given: Record<string, string | number | null>): string {
  const known = Object.entries(given).filter(([, value]) => value !== null);
  const words = new URLSearchParams(known.map(([name, value]) => [name, String(value)])).toString();
  return words && `?${words}`;
}

/** The lines of an answer as they come, without the empty ones that keep the connection open. */
export async function* lines(answer: Response): AsyncGenerator<string> {
  if (answer.body === null) {
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
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
