import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deliverPdu, parseSubmit } from '../../../test/world/probes/modem.js';
import { fromSeptets, pack, toSeptets, unpack } from './gsm7.js';
import { decodeDeliver, encodeSubmit } from './pdu.js';

const PHONE = '+46708251358';

describe('PDU mode', () => {
  it('encodes the textbook message', () => {
    // "hellohello" to +46708251358, no validity: the packed text is the well-known E8329BFD4697D9EC37.
    expect(encodeSubmit(PHONE, 'hellohello', 0)).toEqual([
      { hex: '0001000B916407281553F800000AE8329BFD4697D9EC37', length: 22 },
    ]);
  });

  it('decodes a delivered message with GSM-7 text', () => {
    const pdu = '07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37';
    expect(decodeDeliver(pdu)).toEqual({ from: '27838890001', text: 'hellohello' });
  });

  it('counts septets: 160 in one, 153 a part; brackets cost two; UCS-2 70 and 67', () => {
    const parts = (text: string) => encodeSubmit(PHONE, text, 1).length;
    expect([
      parts('a'.repeat(160)),
      parts('a'.repeat(161)),
      parts('a'.repeat(306)),
      parts('a'.repeat(307)),
    ]).toEqual([1, 2, 2, 3]);
    expect([parts('['.repeat(80)), parts('['.repeat(81))]).toEqual([1, 2]);
    expect([
      parts('ê'.repeat(70)),
      parts('ê'.repeat(71)),
      parts('ê'.repeat(134)),
      parts('ê'.repeat(135)),
    ]).toEqual([1, 2, 2, 3]);
  });

  it('never cuts an escape or a surrogate pair in two', () => {
    for (const text of [`${'a'.repeat(152)}€${'b'.repeat(50)}`, `${'ê'.repeat(66)}😀${'ê'.repeat(20)}`]) {
      const parts = encodeSubmit(PHONE, text, 9).map((pdu) => parseSubmit(pdu.hex));
      expect(parts.map((p) => p.text).join('')).toBe(text);
      expect(parts.map((p) => p.part?.number)).toEqual([1, 2]);
    }
  });

  it('arrives as it was written, whatever is written', () => {
    const text = fc.oneof(
      fc.string({ minLength: 1, maxLength: 300 }),
      fc.string({ unit: fc.constantFrom(...'abc [€]{é}à\n5°'), minLength: 1, maxLength: 300 }),
    );
    fc.assert(
      fc.property(text, (written) => {
        const parts = encodeSubmit(PHONE, written, 3).map((pdu) => {
          expect(pdu.hex.length / 2 - 1).toBe(pdu.length);
          return parseSubmit(pdu.hex);
        });
        expect(parts.map((p) => p.text).join('')).toBe(written);
        expect(new Set(parts.map((p) => p.to))).toEqual(new Set([PHONE]));
      }),
    );
  });

  it('reads back what a phone sends', () => {
    expect(decodeDeliver(deliverPdu('+254700000001', 'ACK 4711 on my way'))).toEqual({
      from: '+254700000001',
      text: 'ACK 4711 on my way',
    });
  });

  it('takes no garbage, and never throws on it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeDeliver(Buffer.from(bytes).toString('hex'));
      }),
      { numRuns: 3000 },
    );
    expect(decodeDeliver('not hex')).toBeUndefined();
    expect(() => encodeSubmit('0700', 'x', 0)).toThrow(RangeError);
  });

  it('packs and unpacks septets at any alignment', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 127 })),
        fc.integer({ min: 0, max: 6 }),
        (septets, fill) => {
          expect(unpack(pack(septets, fill), septets.length, fill)).toEqual(septets);
        },
      ),
    );
    expect(fromSeptets(toSeptets('^{}\\[~]|€ @é')!.flat())).toBe('^{}\\[~]|€ @é');
  });
});
