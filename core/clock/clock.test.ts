import { describe, expect, it } from 'vitest';
import { every, sleep, withDeadline } from './clock.js';
import { SimulatedClock } from './simulated.js';

describe('time', () => {
  it('keeps a cadence on its grid when a turn comes late', async () => {
    const clock = new SimulatedClock();
    const at: number[] = [];
    const timer = every(clock, 100, () => at.push(clock.mono()));
    await clock.advance(350);
    timer.cancel();
    await clock.advance(500);
    expect(at).toEqual([100, 200, 300]);
  });

  it('does not move when the wall clock is stepped by years', async () => {
    const clock = new SimulatedClock();
    let woke = false;
    void sleep(clock, 1000).then(() => {
      woke = true;
    });
    clock.setWall(0);
    await clock.advance(999);
    expect(woke).toBe(false);
    await clock.advance(1);
    expect(woke).toBe(true);
  });

  it('ends a wait when told to', async () => {
    const clock = new SimulatedClock();
    const stop = new AbortController();
    const slept = sleep(clock, 1e9, stop.signal);
    stop.abort();
    await slept;
  });

  it('gives up on work that never ends', async () => {
    const clock = new SimulatedClock();
    const late = withDeadline(clock, 50, new Promise(() => {}), () => new Error('late'));
    const failed = expect(late).rejects.toThrow('late');
    await clock.advance(50);
    await failed;
  });
});
