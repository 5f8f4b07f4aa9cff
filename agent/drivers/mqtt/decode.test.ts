import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMqtt, PAYLOAD_MAX } from './decode.js';
import { Receipts, sharedReceipt } from './receipts.js';
import { mqttModelSchema } from './schema.js';

const model = mqttModelSchema.parse({
  transport: 'mqtt',
  values: [
    { quantity: 'temperature', unit: 'Cel', path: 'temperature' },
    { quantity: 'humidity', unit: '%RH', path: 'humidity' },
  ],
});
const decode = (payload: unknown, of = model) =>
  decodeMqtt(of, Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)));

describe('JSON payloads', () => {
  it('give what the model names, and take partial messages as they are', () => {
    const full = decode({ battery: 97, humidity: 58.5, linkquality: 72, temperature: 22.4, voltage: 2995 });
    expect(full.samples.map((s) => s.value)).toEqual([22.4, 58.5]);
    expect(decode({ humidity: 40 }).samples).toHaveLength(1);
    expect(decode({ temperature: null, humidity: 40 }).problems).toEqual([]);
  });

  it('read nested values and the device’s own time', () => {
    const tasmota = mqttModelSchema.parse({
      transport: 'mqtt',
      values: [{ quantity: 'temperature', unit: 'Cel', path: 'DS18B20.Temperature' }],
      time: { path: 'Time', format: 'iso' },
    });
    const good = decode({ Time: '2019-01-01T00:00:00Z', DS18B20: { Temperature: 26.3 } }, tasmota);
    expect(good.samples[0]).toMatchObject({ value: 26.3, deviceMs: Date.UTC(2019, 0, 1) });
    const noZone = decode({ Time: '2019-01-01T00:00:00', DS18B20: { Temperature: 26.3 } }, tasmota);
    expect(noZone.samples).toEqual([{ quantity: 'temperature', unit: 'Cel', value: 26.3, undated: true }]);
    expect(noZone.problems[0]).toMatch(/Time: got "2019/);
  });

  it.each([
    ['text', 'hello', /not JSON/],
    ['an array of nothing', '[]', /none of temperature/],
    ['a number', '5', /expected a JSON object/],
    ['words for numbers', '{"temperature":"warm"}', /expected a number/],
    ['an empty string', '{"temperature":""}', /expected a number/],
    [
      'two megabytes',
      JSON.stringify({ temperature: 5, pad: 'x'.repeat(2 * 1024 * 1024) }),
      new RegExp(`${PAYLOAD_MAX}`),
    ],
    ['a prototype', '{"__proto__":{"temperature":5}}', /none of/],
  ])('give nothing from %s', (_what, payload, problem) => {
    const decoded = decode(payload);
    expect(decoded.samples).toEqual([]);
    expect(decoded.problems[0]).toMatch(problem);
  });

  it('never throw, and never give a value that is no finite number', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((json) => Buffer.from(json)),
        ),
        (bytes) => {
          for (const { value } of decodeMqtt(model, bytes).samples) expect(Number.isFinite(value)).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('receipts', () => {
  const payload = Buffer.from('{"temperature":5}');
  const store = () => {
    const kept: number[] = [];
    return {
      receipts: () => Float64Array.from(kept),
      addReceipt: (id: number, digest: number) => void kept.push(id, digest),
    };
  };

  it('know a redelivered message also after a restart, and only that one', () => {
    const kept = store();
    expect(new Receipts(kept).repeated(7, false, 'a', payload)).toBe(false);
    const after = new Receipts(kept);
    expect(after.repeated(7, true, 'a', payload)).toBe(true);
    expect(after.repeated(8, true, 'a', payload)).toBe(false);
    expect(after.repeated(7, true, 'b', payload)).toBe(false);
  });

  it('of a message that several sensors share confirm it when the last of them is durable, and not before', () => {
    let confirmed = 0;
    const receipt = sharedReceipt(2, () => {
      confirmed += 1;
    });
    // One sensor found nothing of its own: its receipt comes back at once.
    receipt();
    expect(confirmed).toBe(0);
    receipt();
    expect(confirmed).toBe(1);
  });

  it('take a first delivery for what it is, though its packet id was used before', () => {
    const receipts = new Receipts(store());
    receipts.repeated(7, false, 'a', payload);
    expect(receipts.repeated(7, false, 'a', payload)).toBe(false);
  });
});
