/** What SQLite gives for a cell of a row. */
export type Cell = number | string | Buffer | null;

/*
 * A checksum over everything that a row says and which row it is: 32 bits, mixed as MurmurHash3 does. It finds what a
 * card changed by itself, not what somebody forged. Kinds are told apart: 1 is not "1", and null is neither.
 */
const NUMBER = 1;
const FRACTION = 2;
const TEXT = 3;
const BYTES = 4;
const NOTHING = 5;
const HIGH = 2 ** 32;

const float = new DataView(new ArrayBuffer(8));

export function sumOf(table: string, cells: ArrayLike<Cell>, count = cells.length): number {
  let hash = mixText(0, table);
  for (let i = 0; i < count; i++) hash = mixCell(hash, cells[i]!);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Whether a row, whose last cell is its sum, is as it was written. */
export function isWhole(table: string, row: ArrayLike<Cell>): boolean {
  const last = row.length - 1;
  return row[last] === sumOf(table, row, last);
}

function mixCell(hash: number, cell: Cell): number {
  if (typeof cell === 'number') {
    if (Number.isInteger(cell)) return mix(mix(mix(hash, NUMBER), cell | 0), Math.floor(cell / HIGH) | 0);
    float.setFloat64(0, cell);
    return mix(mix(mix(hash, FRACTION), float.getInt32(0)), float.getInt32(4));
  }
  if (typeof cell === 'string') return mixText(mix(hash, TEXT), cell);
  if (cell === null) return mix(hash, NOTHING);
  let mixed = mix(mix(hash, BYTES), cell.length);
  for (const byte of cell) mixed = mix(mixed, byte);
  return mixed;
}

function mixText(hash: number, text: string): number {
  let mixed = mix(hash, text.length);
  for (let i = 0; i < text.length; i++) mixed = mix(mixed, text.charCodeAt(i));
  return mixed;
}

function mix(hash: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const h = hash ^ Math.imul(k, 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}
