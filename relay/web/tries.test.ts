import { expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import { TRIES_MAX, TRY_MS, Tries } from './tries.js';

it('an address has so many wrong tries at once, then one at a time, and others are not disturbed', async () => {
  const clock = new SimulatedClock();
  const tries = new Tries(clock);
  const again = (address: string) => tries.refusal(address)?.headers?.['retry-after'];
  for (let i = 0; i < TRIES_MAX; i++) {
    expect(again('192.0.2.7')).toBeUndefined();
    tries.failed('192.0.2.7');
  }
  expect(tries.refusal('192.0.2.7')).toMatchObject({ status: 429, body: { error: 'throttled' } });
  expect(again('192.0.2.7')).toBe('3');
  expect(again('::ffff:192.0.2.7')).toBe('3');
  expect(again('192.0.2.8')).toBeUndefined();
  await clock.advance(TRY_MS);
  expect(again('192.0.2.7')).toBeUndefined();
  tries.failed('192.0.2.7');
  expect(again('192.0.2.7')).toBe('3');
  await clock.advance(TRIES_MAX * TRY_MS);
  for (let i = 0; i < TRIES_MAX; i++) tries.failed('192.0.2.7');
  expect(again('192.0.2.7')).toBe('3');
});

it('whoever has a network of IPv6 has no more tries than its one address', () => {
  const tries = new Tries(new SimulatedClock());
  for (let i = 0; i < TRIES_MAX; i++) tries.failed(`2001:db8:0:7::${i.toString(16)}`);
  expect(tries.refusal('2001:db8:0:7:1:2:3:4')).toBeDefined();
  expect(tries.refusal('2001:db8:0:8::1')).toBeUndefined();
});

it('addresses are remembered up to a bound', () => {
  const tries = new Tries(new SimulatedClock());
  for (let i = 0; i < TRIES_MAX; i++) tries.failed('192.0.2.7');
  for (let i = 0; i < 10_000; i++) tries.failed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  expect(tries.refusal('192.0.2.7')).toBeUndefined();
});
