/*
 * GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1). The position is the septet; position 27 is the escape to the
 * extension table, whose characters cost two septets.
 */
export const BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
export const EXTENSION: Record<string, number> = {
  '\f': 0x0a,
  '^': 0x14,
  '{': 0x28,
  '}': 0x29,
  '\\': 0x2f,
  '[': 0x3c,
  '~': 0x3d,
  ']': 0x3e,
  '|': 0x40,
  '€': 0x65,
};

const IN_ONE = new Set(BASIC.replace('\x1b', ''));
const ONE_PART = { septets: 160, ucs2: 70 } as const;
const OF_MANY = { septets: 153, ucs2: 67 } as const;

/** How many SMS a text takes: in 7-bit septets where its alphabet allows, else in 16-bit units. */
export function partsOf(text: string): number {
  const septets = septetsOf(text);
  if (septets !== undefined) return septets <= ONE_PART.septets ? 1 : Math.ceil(septets / OF_MANY.septets);
  return text.length <= ONE_PART.ucs2 ? 1 : Math.ceil(text.length / OF_MANY.ucs2);
}

function septetsOf(text: string): number | undefined {
  let septets = 0;
  for (const char of text) {
    if (IN_ONE.has(char)) septets += 1;
    else if (char in EXTENSION) septets += 2;
    else return undefined;
  }
  return septets;
}

const TYPED: Record<string, string> = {
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
  '«': '"',
  '»': '"',
  '–': '-',
  '—': '-',
  '…': '...',
  '°': '',
  œ: 'oe',
  Œ: 'OE',
};

/**
 * What of a text fits the alphabet at the price of an accent: one "ê" in a clinic's name would make each text twice as
 * long. Other scripts stay as they are.
 */
export function plain(text: string): string {
  return [...text.replace(/\s+/g, ' ')].map(plainChar).join('');
}

function plainChar(char: string): string {
  if (IN_ONE.has(char) || char in EXTENSION) return char;
  const typed = TYPED[char];
  if (typed !== undefined) return typed;
  const base = char.normalize('NFD').replace(/\p{M}/gu, '');
  return base !== '' && [...base].every((c) => IN_ONE.has(c)) ? base : char;
}
