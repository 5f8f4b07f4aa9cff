import { BASIC, EXTENSION } from '../../../core/text/gsm7.js';

const ESCAPE = 0x1b;

const SEPTET = new Map([...BASIC].map((char, septet) => [char, septet]));
const EXTENDED = new Map(Object.entries(EXTENSION).map(([char, septet]) => [septet, char]));

/** The septets of a text, character by character, or undefined when a character is not in the alphabet. */
export function toSeptets(text: string): number[][] | undefined {
  const out: number[][] = [];
  for (const char of text) {
    const extension = EXTENSION[char];
    const septet = char === '\x1b' ? undefined : SEPTET.get(char);
    if (septet !== undefined) out.push([septet]);
    else if (extension !== undefined) out.push([ESCAPE, extension]);
    else return undefined;
  }
  return out;
}

export function fromSeptets(septets: readonly number[]): string {
  let text = '';
  for (let i = 0; i < septets.length; i++) {
    if (septets[i] === ESCAPE) {
      i += 1;
      text += EXTENDED.get(septets[i] ?? -1) ?? ' ';
    } else {
      text += [...BASIC][septets[i]!] ?? ' ';
    }
  }
  return text;
}

/** Packs septets into octets, least significant bit first, after `fill` zero bits (TS 23.038, 6.1.2.1). */
export function pack(septets: readonly number[], fill = 0): Buffer {
  const out = Buffer.alloc(Math.ceil((septets.length * 7 + fill) / 8));
  septets.forEach((septet, i) => {
    const bit = i * 7 + fill;
    const shifted = septet << (bit & 7);
    out[bit >> 3]! |= shifted & 0xff;
    if (shifted > 0xff) out[(bit >> 3) + 1]! |= shifted >> 8;
  });
  return out;
}

export function unpack(octets: Buffer, count: number, fill = 0): number[] {
  return Array.from({ length: count }, (_, i) => {
    const bit = i * 7 + fill;
    const pair = (octets[bit >> 3] ?? 0) | ((octets[(bit >> 3) + 1] ?? 0) << 8);
    return (pair >> (bit & 7)) & 0x7f;
  });
}
