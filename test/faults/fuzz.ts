import fc from 'fast-check';
import { decodeWith } from '../../agent/drivers/decode.js';
import { loadModel } from '../../agent/site/library.js';
import { DEVICE_UNITS } from '../../core/units.js';
import { MODELS, payloadOf, recordedCases } from '../world/probes/recorded.js';

/** A recorded payload with some of its bytes changed, cut or doubled: nearer to life than noise. */
function damaged(payloads: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  return fc
    .tuple(
      fc.constantFrom(...payloads),
      fc.array(change, { minLength: 1, maxLength: 6 }),
      fc.nat(3),
      fc.nat(),
    )
    .map(([payload, changes, how, at]) => {
      const bytes = Buffer.from(payload);
      for (const [where, value] of changes) if (bytes.length > 0) bytes[where % bytes.length] = value;
      if (how === 1) return bytes.subarray(0, at % (bytes.length + 1));
      return how === 2 ? Buffer.concat([bytes, bytes]) : bytes;
    });
}

/**
 * Throws at the first input that makes a decoder throw, gives a value that is no number, gives nothing and no reason,
 * or, from noise, a reading where the protocol has a checksum.
 */
export function fuzzDecoders(inputs: number, seed?: number): void {
  const each = Math.ceil(inputs / MODELS.length / 2);
  for (const name of MODELS) {
    const loaded = loadModel(name);
    if (!('value' in loaded)) throw new Error(`${name} is broken`);
    const model = loaded.value;
    const checksummed = ['modbus', 'w1'].includes(model.protocol.transport);
    const check = (payload: Buffer, noise: boolean) => {
      const { samples, problems } = decodeWith(model, payload, 'a/b/c');
      for (const { value, unit, deviceMs } of samples) {
        if (!Number.isFinite(value) || !(unit in DEVICE_UNITS)) throw new Error(`${value} ${unit}`);
        if (deviceMs !== undefined && !Number.isInteger(deviceMs)) throw new Error(`time ${deviceMs}`);
      }
      if (samples.length === 0 && problems.length === 0) throw new Error('nothing, and no reason');
      if (noise && checksummed && samples.length > 0) throw new Error('a reading out of noise');
    };
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
    );
    const settings = { numRuns: each, ...(seed === undefined ? {} : { seed }) };
    fc.assert(
      fc.property(noise, (payload) => check(payload, true)),
      settings,
    );
    const recorded = recordedCases(name).map(payloadOf);
    fc.assert(
      fc.property(damaged(recorded), (payload) => check(payload, false)),
      settings,
    );
  }
}
