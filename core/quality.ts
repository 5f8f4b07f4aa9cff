export const QUALITIES = ['good', 'suspect', 'bad'] as const;
/** How far a reading is believed; `bad` is never judged as a value. */
export type Quality = (typeof QUALITIES)[number];

/**
 * Why a reading is not good. The position is the code that the ring stores and the wire carries:
 * append only, never reorder.
 */
export const REASONS = [
  '',
  'power_on_value',
  'sentinel',
  'out_of_range',
  'insufficient_power',
  'simulated',
  'too_fast',
  'stuck',
  'other_device',
  'device_time',
] as const;
/** Why a reading is not good. */
export type Reason = Exclude<(typeof REASONS)[number], ''>;

/** Quality and reason in one small integer: reason code × 4 + quality. 0 is "good". */
export function packQuality(quality: Quality, reason?: Reason): number {
  return (reason ? REASONS.indexOf(reason) : 0) * 4 + QUALITIES.indexOf(quality);
}

export function unpackQuality(code: number): { quality: Quality; reason?: Reason } {
  const quality = QUALITIES[code % 4] ?? 'bad';
  const reason = REASONS[Math.floor(code / 4)];
  return reason ? { quality, reason } : { quality };
}

/** True for codes that this version knows; a wire message with another is refused. */
export function isQualityCode(code: number): boolean {
  return Number.isInteger(code) && code >= 0 && code % 4 < QUALITIES.length && code >> 2 < REASONS.length;
}
