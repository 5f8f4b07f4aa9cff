import { fromSeptets, pack, toSeptets, unpack } from './gsm7.js';

/*
 * SMS in PDU mode (3GPP TS 23.040). What we send is SMS-SUBMIT:
 *   00                 no SMSC given: the SIM's own is used
 *   01 | 41            SMS-SUBMIT, 0x40 set when a user data header is present
 *   00                 message reference: the modem counts
 *   len type digits    destination; 91 is an international number, digits swapped in pairs, F fills
 *   00 00|08           protocol; coding: GSM-7 or UCS-2
 *   UDL UD             length in septets (GSM-7) or octets (UCS-2), then the text, packed
 * A long text is split; each part carries the header 05 00 03 ref total part.
 */
const LIMITS = {
  gsm7: { single: 160, part: 153 },
  ucs2: { single: 70, part: 67 },
} as const;

/** A text longer than this many parts is cut: nobody reads it, and each part costs money. */
const PARTS_MAX = 5;

export interface Pdu {
  hex: string;
  /** Octets without the SMSC field: the number that AT+CMGS takes. */
  length: number;
}

/** One PDU per part. `number` is E.164; `reference` (0 to 255) ties the parts together. Throws RangeError if empty. */
export function encodeSubmit(number: string, text: string, reference: number): Pdu[] {
  if (!/^\+\d{7,15}$/.test(number)) throw new RangeError('encodeSubmit: expected an E.164 number');
  const septets = toSeptets(text);
  const parts = septets
    ? split(septets, LIMITS.gsm7, (unit) => unit.length).map((part) => part.flat())
    : split([...text], LIMITS.ucs2, (char) => char.length).map((part) => part.join(''));
  const kept = parts.slice(0, PARTS_MAX);
  return kept.map((part, i) => {
    const header =
      kept.length > 1 ? Buffer.from([5, 0, 3, reference & 0xff, kept.length, i + 1]) : Buffer.alloc(0);
    const { coding, length, data } = typeof part === 'string' ? ucs2(part, header) : gsm7(part, header);
    const body = Buffer.concat([
      Buffer.from([header.length > 0 ? 0x41 : 0x01, 0x00, number.length - 1, 0x91]),
      swapDigits(number.slice(1)),
      Buffer.from([0x00, coding, length]),
      data,
    ]);
    return { hex: `00${body.toString('hex').toUpperCase()}`, length: body.length };
  });
}

/** Groups units (a character's septets, a code point) without ever cutting one in two. */
function split<T>(
  units: readonly T[],
  limit: { single: number; part: number },
  size: (unit: T) => number,
): T[][] {
  const total = units.reduce((sum, unit) => sum + size(unit), 0);
  const max = total <= limit.single ? limit.single : limit.part;
  const parts: T[][] = [[]];
  let used = 0;
  for (const unit of units) {
    if (used + size(unit) > max) {
      parts.push([]);
      used = 0;
    }
    parts.at(-1)!.push(unit);
    used += size(unit);
  }
  return parts;
}

function gsm7(septets: number[], header: Buffer) {
  const fill = (7 - ((header.length * 8) % 7)) % 7;
  const headerSeptets = (header.length * 8 + fill) / 7;
  const data = Buffer.concat([header, pack(septets, fill)]);
  return { coding: 0x00, length: headerSeptets + septets.length, data };
}

function ucs2(text: string, header: Buffer) {
  const data = Buffer.concat([header, Buffer.from(text, 'utf16le').swap16()]);
  return { coding: 0x08, length: data.length, data };
}

function swapDigits(digits: string): Buffer {
  const even = digits.length % 2 === 0 ? digits : `${digits}F`;
  return Buffer.from(even.replace(/(.)(.)/g, '$2$1'), 'hex');
}

export interface Received {
  from: string;
  text: string;
}

/** SMS-DELIVER, SMSC field included, as `AT+CMGR` and `AT+CMGL` give it. Undefined when it is something else. */
export function decodeDeliver(hex: string): Received | undefined {
  if (!/^([0-9A-Fa-f]{2}){10,}$/.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  let at = 1 + bytes[0]!;
  const type = bytes[at++];
  if (type === undefined || (type & 0x03) !== 0) return undefined;
  const digits = bytes[at] ?? 0;
  const kind = bytes[at + 1] ?? 0;
  const address = bytes.subarray(at + 2, at + 2 + Math.ceil(digits / 2));
  at += 2 + address.length;
  const coding = bytes[at + 1];
  const length = bytes[at + 9];
  const data = bytes.subarray(at + 10);
  if (coding === undefined || length === undefined) return undefined;
  const text = userData(data, length, coding, (type & 0x40) !== 0);
  return text === undefined ? undefined : { from: sender(address, digits, kind), text };
}

function userData(data: Buffer, length: number, coding: number, hasHeader: boolean): string | undefined {
  const header = hasHeader ? 1 + (data[0] ?? 0) : 0;
  const alphabet = (coding & 0x0c) >> 2;
  if (alphabet === 2) {
    const octets = data.subarray(header, length);
    return Buffer.from(octets.subarray(0, octets.length & ~1))
      .swap16()
      .toString('utf16le');
  }
  if (alphabet !== 0 || data.length * 8 < length * 7 - 7) return undefined;
  const fill = (7 - ((header * 8) % 7)) % 7;
  const headerSeptets = (header * 8 + fill) / 7;
  return fromSeptets(unpack(data.subarray(header), Math.max(0, length - headerSeptets), fill));
}

function sender(address: Buffer, digits: number, kind: number): string {
  if ((kind & 0x70) === 0x50) return fromSeptets(unpack(address, Math.floor((digits * 4) / 7)));
  const text = address
    .toString('hex')
    .replace(/(.)(.)/g, '$2$1')
    .slice(0, digits);
  return (kind & 0x70) === 0x10 ? `+${text}` : text;
}
