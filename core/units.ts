/** Everything that is measured travels as an integer of thousandths of its unit: 4.21 °C is 4210. */
export type Milli = number;

/** No measurement of anything here is larger: what is, is kept as bad, at this bound, so that every stage can carry it. */
export const MILLI_MAX = 1_000_000_000;

export const QUANTITIES = {
  temperature: 'Cel',
  humidity: '%RH',
  battery_voltage: 'V',
  battery_level: '%',
  pressure: 'hPa',
  contact: '1',
  signal: '1',
} as const;

/** What is measured; its unit is that of QUANTITIES. */
export type Quantity = keyof typeof QUANTITIES;
/** The unit of a quantity, by UCUM: `Cel` is °C, `1` has none. */
export type Unit = (typeof QUANTITIES)[Quantity];
export const QUANTITY_NAMES = Object.keys(QUANTITIES) as [Quantity, ...Quantity[]];
export const UNITS = [...new Set(Object.values(QUANTITIES))] as [Unit, ...Unit[]];

/** Units that devices report in, and how each becomes the unit of its quantity. */
export const DEVICE_UNITS = {
  Cel: { to: 'Cel', scale: 1, offset: 0 },
  F: { to: 'Cel', scale: 5 / 9, offset: (-32 * 5) / 9 },
  K: { to: 'Cel', scale: 1, offset: -273.15 },
  mK: { to: 'Cel', scale: 1e-3, offset: -273.15 },
  mCel: { to: 'Cel', scale: 1e-3, offset: 0 },
  '%RH': { to: '%RH', scale: 1, offset: 0 },
  'm%RH': { to: '%RH', scale: 1e-3, offset: 0 },
  V: { to: 'V', scale: 1, offset: 0 },
  mV: { to: 'V', scale: 1e-3, offset: 0 },
  '%': { to: '%', scale: 1, offset: 0 },
  hPa: { to: 'hPa', scale: 1, offset: 0 },
  Pa: { to: 'hPa', scale: 1e-2, offset: 0 },
  '1': { to: '1', scale: 1, offset: 0 },
} as const;

/** A unit that a device may report in, by UCUM; `toMilli` makes thousandths of it. */
export type DeviceUnit = keyof typeof DEVICE_UNITS;
export const DEVICE_UNIT_NAMES = Object.keys(DEVICE_UNITS) as [DeviceUnit, ...DeviceUnit[]];

/** A value in a device's unit → thousandths of the quantity's unit, rounded. */
export function toMilli(value: number, unit: DeviceUnit): Milli {
  const { scale, offset } = DEVICE_UNITS[unit];
  return Math.round((value * scale + offset) * 1000);
}

export function clampMilli(milli: Milli): Milli {
  return Math.min(MILLI_MAX, Math.max(-MILLI_MAX, milli));
}

export function fromMilli(milli: Milli): number {
  return milli / 1000;
}

const SHOWN: Partial<Record<Unit, string>> = { Cel: ' °C', '%RH': ' % RH', '1': '' };

/** A value as a person reads it: `9.1 °C`. */
export function showMilli(milli: Milli, unit: Unit): string {
  return `${Math.round(milli / 10) / 100}${SHOWN[unit] ?? ` ${unit}`}`;
}

/** `10h`, `60m`, `30s`, `500ms` → milliseconds, or undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (!match) return undefined;
  const scale = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 'ms'];
  return Math.round(Number(match[1]) * scale);
}

/** A duration as a technician reads it, in its largest whole unit: `30 s`, `90 s`, `60 min`, `2 h`. */
export function showDuration(ms: number): string {
  if (ms >= 7_200_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  if (ms >= 120_000 && ms % 60_000 === 0) return `${ms / 60_000} min`;
  return `${Math.round(ms / 1000)} s`;
}
