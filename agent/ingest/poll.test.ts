import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import { ColdwatchError } from '../../core/errors.js';
import type { Decoded, Probe } from '../drivers/driver.js';
import { Poller } from './poll.js';

const GOOD: Decoded = { samples: [{ quantity: 'temperature', unit: 'Cel', value: 5 }], problems: [] };

function world() {
  const clock = new SimulatedClock();
  const payloads: string[] = [];
  const failures: string[] = [];
  const output = {
    payload: (sensor: string) => void payloads.push(`${sensor}@${clock.mono() / 1000}`),
    failed: (sensor: string, reason: string) => void failures.push(`${sensor}: ${reason}`),
  };
  const probe = (sensor: string, bus: string, read: () => Promise<Decoded>): Probe => ({
    sensor,
    bus,
    everyMs: 10_000,
    deadlineMs: 3000,
    read,
  });
  return { clock, payloads, failures, output, probe };
}

describe('polling', () => {
  it('keeps each probe’s cadence', async () => {
    const { clock, payloads, output, probe } = world();
    const poller = new Poller([probe('a', 'x', async () => GOOD)], clock, output, () => {});
    await clock.advance(35_000);
    expect(payloads).toEqual(['a@0', 'a@10', 'a@20', 'a@30']);
    poller.stop();
  });

  it('asks the probes of a bus one at a time', async () => {
    const { clock, output, probe } = world();
    let under = 0;
    let most = 0;
    const slow = async () => {
      most = Math.max(most, ++under);
      await new Promise<void>((resolve) => clock.after(700, resolve));
      under -= 1;
      return GOOD;
    };
    const poller = new Poller(
      [probe('a', 'x', slow), probe('b', 'x', slow), probe('c', 'x', slow)],
      clock,
      output,
      () => {},
    );
    await clock.advance(60_000);
    expect(most).toBe(1);
    poller.stop();
  });

  it('lets a bus that hangs slow nobody else, and says which probe is silent', async () => {
    const { clock, payloads, failures, output, probe } = world();
    const hung = probe('hung', 'x', () => new Promise(() => {}));
    const poller = new Poller([hung, probe('well', 'y', async () => GOOD)], clock, output, () => {});
    await clock.advance(55_000);
    expect(payloads).toEqual(['well@0', 'well@10', 'well@20', 'well@30', 'well@40', 'well@50']);
    expect(failures[0]).toBe('hung: no answer within 3 s');
    expect(failures[1]).toBe('hung: still waiting for its last answer');
    poller.stop();
  });

  it('asks nobody else on a bus that hangs: each would hold a thread as well', async () => {
    const { clock, payloads, failures, output, probe } = world();
    let answer: (decoded: Decoded) => void = () => {};
    const asked: string[] = [];
    const slow = probe('slow', 'x', () => {
      asked.push('slow');
      if (asked.length > 1) return Promise.resolve(GOOD);
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const other = probe('other', 'x', async () => {
      asked.push('other');
      return GOOD;
    });
    const poller = new Poller([slow, other], clock, output, () => {});
    await clock.advance(15_000);
    expect(asked).toEqual(['slow']);
    expect(failures).toContain('other: still waiting for an answer of slow, on the same bus');
    answer(GOOD);
    await clock.advance(60_000);
    expect(payloads.some((line) => line.startsWith('other@'))).toBe(true);
    poller.stop();
  });

  it('goes on after a failure', async () => {
    const { clock, payloads, failures, output, probe } = world();
    let n = 0;
    const flaky = probe('a', 'x', async () => {
      if (n++ % 2 === 0) throw new ColdwatchError('device.silent', 'gone');
      return GOOD;
    });
    const poller = new Poller([flaky], clock, output, () => {});
    await clock.advance(35_000);
    expect([payloads.length, failures]).toEqual([2, ['a: gone', 'a: gone']]);
    poller.stop();
  });
});
