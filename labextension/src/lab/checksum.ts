// The sources of cells as a number, which the Python half computes as well (capabilities/sources.py).
import type { ICellModel } from "@jupyterlab/cells";

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) {
    rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  }
  return rest >>> 0;
});

/** CRC-32 of a text, in eight hexadecimal digits. */
export function checksum(source: string): string {
  let sum = 0xffffffff;
  for (const byte of new TextEncoder().encode(source)) {
    sum = (sum >>> 8) ^ (TABLE[(sum ^ byte) & 0xff] ?? 0);
  }
  return ((sum ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

/** The checksum of all cells' types and sources, in their order. */
export function checksumOf(
  cells: Iterable<Pick<ICellModel, "type"> & { sharedModel: { getSource(): string } }>,
): string {
  return checksum([...cells].map((cell) => `${cell.type}\0${cell.sharedModel.getSource()}\0`).join(""));
}
