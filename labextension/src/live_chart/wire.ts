// What the kernel sends: a few words of JSON and one buffer of columns. The other half is widgets/wire.py.

/** A series is declared once: its index, its run's label, its metric's name, and whether it is the machine's. */
export type Declared = [index: number, label: string, name: string, resource: 0 | 1];

export interface Message {
  /** Messages sent before this one: a gap in the count means that points were missed. */
  n: number;
  /** Series that no earlier message declared. */
  new?: Declared[];
  /** All that was before, thinned, for a front end that asked. */
  backlog?: true;
  /** What the 32-bit steps are counted from; absent when steps are too far apart for that. */
  base?: number;
}

/** The points of a message, column by column. */
export interface Points {
  values: Float64Array;
  steps: ArrayLike<number>;
  seconds: Float32Array;
  series: Uint16Array;
}

const NARROW = 8 + 4 + 4 + 2;
const WIDE = 8 + 8 + 4 + 2;

/** Reads the buffer of a message: values, steps, seconds and series indices, one column after the other. */
export function decode(message: Message, buffer: DataView): Points {
  const wide = message.base === undefined;
  const count = buffer.byteLength / (wide ? WIDE : NARROW);
  if (!Number.isInteger(count)) throw new Error(`${buffer.byteLength} bytes are no whole number of points`);
  // A copy: typed arrays want aligned bytes, and what the message came in is not ours to keep.
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength).slice().buffer;
  const stepsEnd = count * (wide ? 16 : 12);
  const steps = wide
    ? new Float64Array(bytes, count * 8, count)
    : Float64Array.from(new Int32Array(bytes, count * 8, count), (step) => step + message.base!);
  return {
    values: new Float64Array(bytes, 0, count),
    steps,
    seconds: new Float32Array(bytes, stepsEnd, count),
    series: new Uint16Array(bytes, stepsEnd + count * 4, count),
  };
}
