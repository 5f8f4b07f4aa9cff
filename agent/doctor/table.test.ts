import { expect, it } from 'vitest';
import { type Seen, WatchTable } from './table.js';

const seen = (more: Partial<Seen>): Seen => ({
  name: 'Fridge 1',
  shows: '4 °C',
  atMs: 1000,
  temperatureMilli: 4000,
  problem: null,
  ...more,
});

it('shows each sensor with its age, what it has reached, and the one that a hand warms', () => {
  const table = new WatchTable();
  table.lines([seen({}), seen({ name: 'Fridge 2' })], 2000);
  const warm = seen({ shows: '9.5 °C', temperatureMilli: 9500, atMs: 31_000 });
  const lines = table.lines([warm, seen({ name: 'Fridge 2', atMs: 31_000 })], 33_000);
  expect(lines).toEqual([
    'sensor    reads   age  lowest to highest',
    'Fridge 1  9.5 °C  2 s  4 °C to 9.5 °C     rising: +5.5 °C in a minute',
    'Fridge 2  4 °C    2 s  4 °C to 4 °C',
  ]);
  const later = table.lines([{ ...warm, atMs: 120_000 }], 120_000);
  expect(later[1]).not.toContain('rising');
});

it('says of a sensor that was never heard, or has a problem, what is wrong', () => {
  const nothing = { shows: '', atMs: null, temperatureMilli: null };
  const lines = new WatchTable().lines(
    [seen(nothing), seen({ ...nothing, name: 'Fridge 2', problem: 'no probe on the wire' })],
    0,
  );
  expect(lines[1]).toMatch(/Fridge 1 +- +nothing yet/);
  expect(lines[2]).toMatch(/Fridge 2 +- +no probe on the wire/);
});
