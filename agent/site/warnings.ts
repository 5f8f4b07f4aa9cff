import type { Problem } from '../../core/schema.js';
import { show } from '../../core/schema.js';
import { showMilli } from '../../core/units.js';
import type { ResolvedSensor, ResolvedSite } from './resolve.js';

/** A probe that is further off than this is broken or mistyped: no certificate of a vaccine thermometer allows it. */
const OFFSET_MAX_MILLI = 3000;
export const UNNAMED = 'TO BE NAMED';

/** What works and is surely not meant. `raw` is the file as it was written, before defaults. */
export function siteWarnings({ config, sensors }: ResolvedSite, raw: unknown): Problem[] {
  const wrote = (raw ?? {}) as { sensors?: Record<string, unknown>[]; clinic?: Record<string, unknown> };
  const found = [
    ...sensors.flatMap((sensor, i) => sensorWarnings(sensor, i, wrote.sensors?.[i] ?? {})),
    ...sameNames(sensors),
  ];
  if (wrote.clinic?.timezone === undefined) {
    found.push(warning('clinic.timezone', 'nothing', 'the clinic’s time zone: texts and days are in UTC'));
  }
  if (sensors.length === 0 && config.contacts.length === 0) {
    found.push(warning('sensors', 'none', 'at least one sensor or contact: this gateway watches nothing'));
  }
  return found;
}

const warning = (path: string, got: string, expected: string): Problem => ({
  path,
  got,
  expected,
  level: 'warning',
});

function sensorWarnings(sensor: ResolvedSensor, i: number, wrote: Record<string, unknown>): Problem[] {
  const at = (field: string) => `sensors[${i}].${field}`;
  const found: Problem[] = [];
  if (sensor.name === UNNAMED) found.push(warning(at('name'), show(sensor.name), 'the name that staff use'));
  const watched = sensor.preset !== undefined || sensor.products.length > 0 || wrote.rules !== undefined;
  if (!watched) {
    const expected =
      'a preset such as refrigerator-2-8: no temperature alarms here (rules: [] where it is only recorded)';
    found.push(warning(at('preset'), 'nothing', expected));
  }
  const off = offBy(sensor);
  if (off !== undefined && Math.abs(off.milli) > OFFSET_MAX_MILLI) {
    const expected = `at most ${showMilli(OFFSET_MAX_MILLI, 'Cel')} either way: a probe that is further off is to be exchanged`;
    found.push(warning(at(`calibration.${off.field}`), showMilli(off.milli, 'Cel'), expected));
  }
  return found;
}

function offBy({ calibration }: ResolvedSensor): { field: string; milli: number } | undefined {
  if (calibration?.offset !== undefined) return { field: 'offset', milli: calibration.offset };
  const worst = calibration?.points
    ?.map((point, n) => ({ field: `points[${n}]`, milli: point.true - point.reads }))
    .sort((a, b) => Math.abs(b.milli) - Math.abs(a.milli));
  return worst?.[0];
}

function sameNames(sensors: readonly ResolvedSensor[]): Problem[] {
  const first = new Map<string, number>();
  return sensors.flatMap(({ name }, i) => {
    const before = first.get(name);
    if (before === undefined) first.set(name, i);
    if (before === undefined || name === UNNAMED) return [];
    const expected = `a name of its own: nobody can tell it from sensors[${before}] in a text`;
    return [warning(`sensors[${i}].name`, show(name), expected)];
  });
}
