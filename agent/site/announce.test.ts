import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import { eventSchema, type RingEvent } from '../../core/contract/messages.js';
import type { SensorBody } from '../../core/contract/sensors.js';
import type { Ring } from '../ring/port.js';
import { announceSensors } from './announce.js';
import { deviceConfigs, openLibrary } from './library.js';
import { resolveSite } from './resolve.js';
import { siteSchema } from './schema.js';

const { library } = openLibrary(deviceConfigs());
const w1 = (id: string, n: number, more: object = {}) => ({
  id,
  model: 'maxim/ds18b20',
  source: { kind: 'w1', rom: `28-00000000000${n}` },
  ...more,
});

function site(sensors: object[], contacts: object[] = []) {
  const config = { clinic: { id: 'north', name: 'North' }, gateway: 'gw', data: '/x', sensors, contacts };
  const resolved = resolveSite(siteSchema.parse(config), library);
  if (!('site' in resolved)) throw new Error(JSON.stringify(resolved.problems));
  return resolved.site;
}

/** A ring as far as announcements need one. */
class FakeRing {
  epoch = '0'.repeat(16);
  gone = 0;
  readonly events: RingEvent[] = [];
  readonly #state = new Map<string, string>();
  tail = () => this.gone + 1;
  loadState = (key: string) => JSON.parse(this.#state.get(key) ?? 'null') as unknown;
  saveState = (key: string, value: unknown) => void this.#state.set(key, JSON.stringify(value));
  appendEvent = (event: RingEvent) => this.events.push(eventSchema.parse(event));
}

let ring: FakeRing;
beforeEach(() => {
  ring = new FakeRing();
});
function announced(of: ReturnType<typeof site>): [string, SensorBody | null][] {
  const before = ring.events.length;
  announceSensors(of, ring as unknown as Ring, new SimulatedClock(Date.UTC(2026, 10, 21)));
  return ring.events
    .slice(before)
    .flatMap((event) => (event.type === 'sensor' ? [[event.sensor, event.is]] : []));
}
const limitsOf = (body: SensorBody | null) =>
  body?.channels.map(({ quantity, low, high }) => [quantity, low, high]);

describe('sensors are announced', () => {
  it('with name, purpose, unit, cadence and the limits of their presets, rules and roles', () => {
    const all = announced(
      site(
        [
          w1('fridge', 1, { name: 'Fridge 1', preset: 'refrigerator-2-8' }),
          w1('freezer', 2, { preset: 'cdc-freezer', every: '5m' }),
          w1('cabinet', 3, { preset: 'crt-cabinet' }),
          w1('own', 4, { rules: [{ kind: 'threshold', name: 'w', side: 'above', limit: 6, dwell: '1m' }] }),
          { id: 'air', model: 'xy/xy-md02', source: { kind: 'modbus', port: '/dev/x' } },
        ],
        [
          { id: 'door', name: 'Door', role: 'door', line: 4 },
          { id: 'mains', role: 'mains', line: 5 },
        ],
      ),
    );
    expect(all[0]).toEqual([
      'fridge',
      {
        name: 'Fridge 1',
        clinic_name: 'North',
        purpose: 'refrigerator',
        model: 'maxim/ds18b20',
        preset: 'refrigerator-2-8',
        every_ms: 60_000,
        channels: [{ quantity: 'temperature', unit: 'Cel', low: 2, high: 8 }],
      },
    ]);
    expect(all.slice(1).map(([id, body]) => [id, body?.purpose, body?.every_ms, limitsOf(body)])).toEqual([
      ['freezer', 'freezer', 300_000, [['temperature', -50, -15]]],
      ['cabinet', 'room', 60_000, [['temperature', 15, 30]]],
      ['own', 'other', 60_000, [['temperature', null, 6]]],
      [
        'air',
        'other',
        60_000,
        [
          ['temperature', null, null],
          ['humidity', null, null],
        ],
      ],
      ['door', 'door', 60_000, [['contact', null, 0]]],
      ['mains', 'mains', 60_000, [['contact', 1, null]]],
    ]);
  });

  it('once, again when something about them changed, and taken back when they are gone', () => {
    const [a, b] = [w1('a', 1), w1('constructor', 2)];
    expect(announced(site([a, b])).map(([id]) => id)).toEqual(['a', 'constructor']);
    expect(announced(site([a, b]))).toEqual([]);
    expect(announced(site([{ ...a, name: 'New' }, b])).map(([id]) => id)).toEqual(['a']);
    expect(announced(site([b]))).toEqual([['a', null]]);
    expect(announced(site([b]))).toEqual([]);
  });

  it('anew once the ring has let go of the announcement, and in a new ring', () => {
    const two = site([w1('a', 1), w1('b', 2)]);
    announced(two);
    ring.gone = 1;
    expect(announced(two).map(([id]) => id)).toEqual(['a']);
    ring.epoch = '1'.repeat(16);
    expect(announced(two).map(([id]) => id)).toEqual(['a', 'b']);
  });
});
