import type { LookupAddress } from 'node:dns';
import { expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import { Names } from './names.js';

const AT: LookupAddress[] = [{ address: '192.0.2.7', family: 4 }];

it('uses what it knew while the resolver says nothing, and asks it once at a time', async () => {
  const clock = new SimulatedClock();
  let asked = 0;
  let answer: Promise<LookupAddress[]> = Promise.resolve(AT);
  const names = new Names(clock, () => {
    asked += 1;
    return answer;
  });
  expect(await names.resolve('relay')).toEqual(AT);
  answer = new Promise(() => {});
  const found = [names.resolve('relay'), names.resolve('relay')];
  await clock.advance(2000);
  expect(await Promise.all(found)).toEqual([AT, AT]);
  expect(asked).toBe(2);
});

it('says what is wrong while nothing is known', async () => {
  const names = new Names(new SimulatedClock(), () => Promise.reject(new Error('EAI_AGAIN')));
  await expect(names.resolve('relay')).rejects.toThrow('EAI_AGAIN');
});
