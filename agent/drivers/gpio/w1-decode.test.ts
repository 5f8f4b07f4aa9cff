import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeW1 } from './w1-decode.js';

const file = (bytes: string, crc: string, verdict: string, t: number, second = bytes) =>
  `${bytes} ${crc} : crc=${crc} ${verdict}\n${second} ${crc} t=${t}\n`;

describe('w1_slave', () => {
  it('gives the temperature of a whole answer', () => {
    const { samples } = decodeW1(file('72 01 4b 46 7f ff 0e 10', '57', 'YES', 23_125));
    expect(samples).toEqual([{ quantity: 'temperature', unit: 'mCel', value: 23_125 }]);
  });

  it('knows the power-on value, which passes the CRC, from a true 85 °C', () => {
    const powerOn = decodeW1(file('50 05 4b 46 7f ff 0c 10', '1c', 'YES', 85_000));
    expect(powerOn.samples[0]!.fault).toBe('power_on_value');
  });

  it.each([
    ['an empty file, which is how a failed read looks', '', /did not answer/],
    ['all zeros, which pass the CRC', file('00 00 00 00 00 00 00 00', '00', 'YES', 0), /zero/],
    ['a CRC error', file('72 01 4b 46 7f ff 0e 10', '57', 'NO', 23_125), /checksum/],
    ['YES with bytes that say no', file('72 01 4b 46 7f ff 0e 11', '57', 'YES', 23_125), /checksum/],
    [
      'an old value on line 2',
      file('72 01 4b 46 7f ff 0e 10', '57', 'YES', 9000, '50 05 4b 46 7f ff 0c 10'),
      /differ/,
    ],
    ['half a file', '72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n', /not a w1_slave/],
  ])('gives nothing from %s', (_what, text, problem) => {
    const decoded = decodeW1(text);
    expect(decoded.samples).toEqual([]);
    expect(decoded.problems[0]).toMatch(problem);
  });

  it('never throws and never reads a value out of garbage', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { samples, problems } = decodeW1(text);
        expect(samples).toEqual([]);
        expect(problems).toHaveLength(1);
      }),
      { numRuns: 2000 },
    );
  });
});
