import type { Quality, Reason } from '../../core/quality.js';
import { fromMilli, type Milli, type Quantity } from '../../core/units.js';

/** What a device model says about values that are no measurements. */
export interface Validity {
  sentinels: readonly { quantity: Quantity; value: number; reason: Reason }[];
  range: Partial<Record<Quantity, readonly [number, number]>>;
}

/** The widest that any of our quantities can be; a device model may narrow it. */
const PHYSICAL: Record<Quantity, readonly [number, number]> = {
  temperature: [-200, 200],
  humidity: [0, 100],
  battery_voltage: [0, 60],
  battery_level: [0, 100],
  pressure: [300, 1200],
  contact: [0, 1],
  signal: [-200, 255],
};

export function possible(quantity: Quantity, milli: Milli): boolean {
  const [low, high] = PHYSICAL[quantity];
  const value = fromMilli(milli);
  return value >= low && value <= high;
}

/** Sentinels first: 85 and −127 lie inside many a range. */
export function judge(
  quantity: Quantity,
  milli: Milli,
  fault: Reason | undefined,
  validity: Validity | undefined,
): { quality: Quality; reason?: Reason } {
  if (fault) return { quality: 'bad', reason: fault };
  const sentinel = validity?.sentinels.find(
    (s) => s.quantity === quantity && Math.abs(Math.round(s.value * 1000) - milli) < 1,
  );
  if (sentinel) return { quality: 'bad', reason: sentinel.reason };
  const [low, high] = validity?.range[quantity] ?? PHYSICAL[quantity];
  const value = fromMilli(milli);
  return value < low || value > high ? { quality: 'bad', reason: 'out_of_range' } : { quality: 'good' };
}
