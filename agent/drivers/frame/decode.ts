import type { Decoded, RawSample } from '../driver.js';
import type { FrameCondition, FrameModel, FrameNumber } from './schema.js';

/** More frames than this in one payload are not from a device. */
const FRAMES_MAX = 64;

const none = (problem: string): Decoded => ({ samples: [], problems: [problem] });

/** A binary payload → samples, as the model lays its bytes out. */
export function decodeFrames(model: FrameModel, payload: Uint8Array): Decoded {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const start = startOf(model, bytes);
  if (start === undefined) return none(`the bytes ${model.after} are not in the payload`);
  const frames = (bytes.length - start) / model.size;
  const whole = model.repeats ? Number.isInteger(frames) && frames >= 1 : frames >= 1;
  const exact = model.after !== undefined || model.repeats || frames === 1;
  if (!whole || !exact || frames > FRAMES_MAX) {
    return none(
      `payload of ${bytes.length - start} bytes, expected ${model.size}${model.repeats ? ' or a multiple' : ''}`,
    );
  }
  const results = Array.from({ length: model.repeats ? frames : 1 }, (_, i) =>
    decodeFrame(model, bytes.subarray(start + i * model.size, start + (i + 1) * model.size)),
  );
  return {
    samples: results.flatMap(({ samples }) => samples),
    problems: results.flatMap(({ problems }) => problems),
  };
}

function startOf({ after }: FrameModel, bytes: Buffer): number | undefined {
  if (after === undefined) return 0;
  const found = bytes.indexOf(after, 0, 'hex');
  return found < 0 ? undefined : found + after.length / 2;
}

function decodeFrame(model: FrameModel, frame: Buffer): Decoded {
  if (!holds(model.expect, frame)) {
    return none(`byte ${model.expect!.at} is ${frame[model.expect!.at]}: a frame of another kind`);
  }
  const deviceMs = timeOf(model, frame);
  const samples: RawSample[] = [];
  for (const field of model.fields) {
    if (!holds(field.when, frame) || (field.unless && holds(field.unless, frame))) continue;
    const raw = numberAt(field, frame);
    if (raw === undefined) return none(`the frame ends before byte ${field.at}`);
    const { quantity, unit, channel } = field;
    samples.push({
      quantity,
      unit,
      value: raw * field.scale + field.offset,
      ...(channel === undefined ? {} : { channel }),
      ...(deviceMs === undefined ? {} : { deviceMs }),
      ...(field.missing.includes(raw) ? { fault: 'sentinel' as const } : {}),
    });
  }
  return samples.length > 0 ? { samples, problems: [] } : none('a frame without a value that is known here');
}

function timeOf({ time }: FrameModel, frame: Buffer): number | undefined {
  if (!time || !holds(time.when, frame)) return undefined;
  const seconds = numberAt(time, frame);
  return seconds === undefined ? undefined : seconds * 1000;
}

function holds(condition: FrameCondition | undefined, frame: Buffer): boolean {
  if (!condition) return true;
  const byte = frame[condition.at];
  return byte !== undefined && condition.is.includes(byte & condition.mask);
}

const BYTES = { int8: 1, uint8: 1, int16: 2, uint16: 2, int32: 4, uint32: 4 } as const;

function numberAt({ at, type, mask, shift }: FrameNumber, frame: Buffer): number | undefined {
  const length = BYTES[type];
  if (at + length > frame.length) return undefined;
  if (mask === undefined && shift === 0) {
    return type.startsWith('int') ? frame.readIntBE(at, length) : frame.readUIntBE(at, length);
  }
  const raw = frame.readUIntBE(at, length);
  return ((mask === undefined ? raw : raw & mask) >>> shift) >>> 0;
}
