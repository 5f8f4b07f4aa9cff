import { expect, it } from 'vitest';
import { asTimeline, every, sleep } from '../../core/clock/clock.js';
import { SimulatedClock } from '../../core/clock/simulated.js';
import { ColdwatchError } from '../../core/errors.js';
import type { Decoded, Probe } from '../drivers/driver.js';
import { Board } from './board.js';
import { IdentityBook } from './identity.js';
import { Ingest } from './ingest.js';
import { Poller } from './poll.js';

const CADENCE_MS = 60_000;
const good = (value: number): Decoded => ({
  samples: [{ quantity: 'temperature', unit: 'Cel', value }],
  problems: [],
});

/** 200 sensors: 1-wire on four masters, Modbus on four buses, MQTT. One bus is mute, and so are units of another. */
it('keeps every other sensor’s cadence within 10 % while a bus is mute and units of another are', async () => {
  const clock = new SimulatedClock();
  const probe = (sensor: string, bus: string, takesMs: number, mute: boolean): Probe => ({
    sensor,
    bus,
    everyMs: CADENCE_MS,
    deadlineMs: 5000,
    read: async () => {
      await sleep(clock, takesMs);
      if (mute) throw new ColdwatchError('device.silent', 'no answer', { retry: true });
      return good(4 + (clock.mono() % 7) / 10);
    },
  });
  const list = (count: number, make: (i: number) => Probe) =>
    Array.from({ length: count }, (_, i) => make(i));
  const probes = [
    ...list(40, (i) => probe(`w1-${i}`, `w1:master${i % 4}`, 750, false)),
    // A mute bus of twenty: each attempt takes the whole time-out of 1.5 s with its retries.
    ...list(20, (i) => probe(`mute-${i}`, 'modbus:A', 1500, true)),
    ...list(40, (i) => probe(`half-${i}`, 'modbus:B', i % 4 === 0 ? 3000 : 60, i % 4 === 0)),
    ...list(20, (i) => probe(`rtu-${i}`, 'modbus:C', 60, false)),
  ];
  const pushed = Array.from({ length: 80 }, (_, i) => `mqtt-${i}`);
  const board = new Board([...probes.map((p) => p.sensor), ...pushed].map((id) => ({ id, name: id })));
  expect(board.sensors.size).toBe(200);
  const times = new Map<string, number[]>();
  const identities = new IdentityBook({}, new Map(), () => {});
  const ingest = new Ingest(
    {
      checks: new Map(),
      clock,
      timeline: () => asTimeline(clock.mono()),
      board,
      identities,
      times: { newest: () => 0, take: () => {} },
    },
    {
      readings: ([reading]) => {
        times.set(reading!.sensor, [...(times.get(reading!.sensor) ?? []), reading!.monoMs]);
      },
      failure: () => {},
      identity: () => {},
    },
  );
  const poller = new Poller(probes, clock, ingest, () => {});
  const pushes = pushed.map((sensor, i) =>
    every(clock, CADENCE_MS, () => ingest.payload(sensor, good(i / 10))),
  );
  await clock.advance(3_600_000);
  poller.stop();
  for (const push of pushes) push.cancel();

  const well = [...board.sensors.keys()].filter(
    (id) => !/^mute/.test(id) && !(/^half/.test(id) && Number(id.slice(5)) % 4 === 0),
  );
  expect(well).toHaveLength(170);
  const off = well.flatMap((id) => {
    const at = times.get(id) ?? [];
    // The first round finds out who is mute.
    const gaps = at.slice(4).map((time, i) => time - at[i + 3]!);
    const worst = Math.max(...gaps.map((gap) => Math.abs(gap - CADENCE_MS) / CADENCE_MS));
    return worst <= 0.1 && at.length >= 58
      ? []
      : [`${id}: ${at.length} readings, off by ${Math.round(worst * 100)} %`];
  });
  expect(off).toEqual([]);
});
