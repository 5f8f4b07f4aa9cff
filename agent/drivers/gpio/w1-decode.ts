import type { Decoded } from '../driver.js';

/*
 * Text of the kernel's w1_slave file (w1_therm):
 *   72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
 *   72 01 4b 46 7f ff 0e 10 57 t=23125
 * Nine bytes of scratchpad, then the verdict; the second line repeats the bytes and ends in thousandths of a °C.
 * After a failed conversation the file is empty (kernels from 5.8); after a CRC error line 2 may be an old value.
 */
const LINE_1 = /^((?:[0-9a-f]{2} ){9}): crc=([0-9a-f]{2}) (YES|NO)$/;
const LINE_2 = /^((?:[0-9a-f]{2} ){9})t=(-?\d+)$/;

const none = (problem: string): Decoded => ({ samples: [], problems: [problem] });

export function decodeW1(text: string): Decoded {
  if (text.trim() === '') return none('the probe did not answer (empty file): check its cable');
  const [first = '', second = ''] = text.split('\n');
  const verdict = LINE_1.exec(first.trim());
  const value = LINE_2.exec(second.trim());
  if (!verdict || !value) return none(`not a w1_slave file: ${JSON.stringify(text.slice(0, 60))}`);
  const bytes = verdict[1]!
    .trim()
    .split(' ')
    .map((hex) => Number.parseInt(hex, 16));
  if (verdict[3] !== 'YES' || crc8(bytes.slice(0, 8)) !== bytes[8]) {
    return none('checksum error on the 1-wire bus: check cable length and connectors');
  }
  if (verdict[1] !== value[1]) return none('the two lines differ: an old value after a failed read');
  if (bytes.every((byte) => byte === 0))
    return none('bus shorted: all bytes are zero (the checksum of zeros is right)');
  return { samples: [sampleOf(bytes, Number(value[2]))], problems: [] };
}

/** Values that the probe sends although they are not measurements. */
function sampleOf(bytes: number[], milliC: number): Decoded['samples'][number] {
  const sample = { quantity: 'temperature', value: milliC, unit: 'mCel' } as const;
  // Power-on holds 85 °C and 0x0C in byte 6; a true 85 °C conversion leaves another byte there.
  if (milliC === 85_000 && bytes[6] === 0x0c) return { ...sample, fault: 'power_on_value' };
  if (milliC === 127_937) return { ...sample, fault: 'insufficient_power' };
  return sample;
}

/** Dallas/Maxim CRC-8, polynomial x⁸+x⁵+x⁴+1, least significant bit first (Maxim application note 27). */
export function crc8(bytes: readonly number[]): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x8c : crc >> 1;
  }
  return crc;
}
