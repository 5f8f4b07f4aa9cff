import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLine, LINE_MAX, LineSplitter } from './line-decode.js';
import { blocksOf, crc16, decodeResponse } from './modbus-decode.js';
import { lineModelSchema, modbusModelSchema } from './schema.js';

const register = (more: object) => ({ quantity: 'temperature', unit: 'Cel', function: 4, ...more });
const modbus = (...registers: object[]) => modbusModelSchema.parse({ transport: 'modbus', registers });
const xy = modbus(register({ address: 1, scale: 0.1 }));
const hex = (text: string) => Buffer.from(text.replace(/ /g, ''), 'hex');

describe('Modbus RTU responses', () => {
  it('decode with their CRC', () => {
    const { samples } = decodeResponse(xy, hex('01 04 02 01 31 79 74'));
    expect(samples[0]!.value).toBeCloseTo(30.5);
  });

  it('decode also when they hold only the first of the registers that we read', () => {
    const both = modbus(
      register({ address: 1, scale: 0.1 }),
      register({ address: 2, quantity: 'humidity', unit: '%RH' }),
    );
    const { samples } = decodeResponse(both, hex('01 04 02 01 31 79 74'));
    expect(samples.map((s) => s.quantity)).toEqual(['temperature']);
  });

  it('read neighbours in one request', () => {
    const model = modbus(
      register({ address: 2 }),
      register({ address: 1 }),
      register({ address: 9, function: 3 }),
    );
    expect(blocksOf(model).map(({ function: f, address, length }) => [f, address, length])).toEqual([
      [3, 9, 1],
      [4, 1, 2],
    ]);
  });

  it('read floats with the low word first', () => {
    const model = modbus(register({ address: 0, function: 3, type: 'float32_low_first' }));
    const body = hex('01 03 04 7A E1 41 F4');
    const crc = Buffer.alloc(2);
    crc.writeUInt16LE(crc16(body));
    expect(decodeResponse(model, Buffer.concat([body, crc])).samples[0]!.value).toBeCloseTo(30.56);
  });

  it('read eight bits in a byte, the first one lowest', () => {
    const bit = (address: number) => ({ quantity: 'contact', unit: '1', function: 2, address });
    const model = modbus(bit(0), bit(1), bit(8));
    expect(blocksOf(model).map(({ address, length }) => [address, length])).toEqual([
      [0, 2],
      [8, 1],
    ]);
    const body = hex('01 02 01 02');
    const crc = Buffer.alloc(2);
    crc.writeUInt16LE(crc16(body));
    const { samples } = decodeResponse(model, Buffer.concat([body, crc]));
    expect(samples.map(({ value }) => value)).toEqual([0, 1]);
  });

  it('refuse a model that takes a register for a bit', () => {
    const of = (more: object) =>
      modbusModelSchema.safeParse({ transport: 'modbus', registers: [register(more)] });
    expect(of({ address: 1, function: 2, type: 'int16' }).success).toBe(false);
    expect(of({ address: 1, type: 'bit' }).success).toBe(false);
    expect(of({ address: 1, function: 5 }).success).toBe(false);
  });

  it.each([
    ['a wrong CRC', '01 04 02 01 31 79 75', /CRC/],
    ['an exception', '01 84 02 C2 C1', /no such register/],
    ['too short a frame', '01 04', /2 bytes/],
    ['another function', '01 03 02 01 31 78 00', /CRC|not of this model/],
  ])('give nothing from %s', (_what, frame, problem) => {
    const decoded = decodeResponse(xy, hex(frame));
    expect(decoded.samples).toEqual([]);
    expect(decoded.problems[0]).toMatch(problem);
  });

  it('never throw, and never give a value without a right CRC', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const frame = Buffer.from(bytes);
        const { samples } = decodeResponse(xy, frame);
        const whole =
          frame.length >= 5 && crc16(frame.subarray(0, -2)) === frame.readUInt16LE(frame.length - 2);
        if (!whole) expect(samples).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});

const tsm = lineModelSchema.parse({
  transport: 'line',
  terminator: '\r\n',
  values: [{ quantity: 'temperature', unit: 'Cel', pattern: '^\\s*(-?\\d{1,3}\\.\\d)\\s*$' }],
  errors: [{ pattern: '^Err\\.1', means: 'probe broken' }],
});

describe('lines of text', () => {
  it('decode by the model’s patterns', () => {
    expect(['121.1', '  1.5', ' -0.5'].map((line) => decodeLine(tsm, line).samples[0]!.value)).toEqual([
      121.1, 1.5, -0.5,
    ]);
    expect(decodeLine(tsm, 'Err.1').problems[0]).toMatch(/probe broken/);
    expect(decodeLine(tsm, '1.5garbage').samples).toEqual([]);
  });

  it('come out whole however the bytes arrive, and an endless line is dropped', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 40 }), (cuts) => {
        const text = '  1.5\r\n 22.0\r\n121.1\r\n';
        const splitter = new LineSplitter('\r\n');
        const lines: string[] = [];
        let at = 0;
        for (const cut of [...cuts, text.length]) {
          lines.push(...splitter.push(text.slice(at, at + cut)));
          at += cut;
        }
        expect(lines).toEqual(['  1.5', ' 22.0', '121.1']);
      }),
    );
    const splitter = new LineSplitter('\r\n');
    for (let i = 0; i < 100; i++) expect(splitter.push('x'.repeat(LINE_MAX))).toEqual([]);
    expect(splitter.push('yyy\r\n  2.0\r\n')).toEqual(['  2.0']);
    expect([splitter.dropped(), splitter.dropped()]).toEqual([true, false]);
  });
});
