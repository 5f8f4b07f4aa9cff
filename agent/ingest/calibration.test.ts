import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { Condition } from '../alarm/alert.js';
import { watchCalibration } from '../watch/calibration.js';
import { calibrationSchema, calibrationStage } from './calibration.js';

describe('calibration', () => {
  it.each([
    ['2026-03-01', undefined],
    ['2026-02-25', 'calibration-90d'],
    ['2025-12-20', 'calibration-30d'],
    ['2025-11-27', 'calibration-due'],
    ['2024-01-01', 'calibration-due'],
  ])('due on %s, seen from 2025-11-28: %s', (due, rule) => {
    expect(calibrationStage(due, Date.UTC(2025, 10, 28, 8))?.rule).toBe(rule);
  });

  it.each([
    {
      offset: 0.1,
      points: [
        { reads: 0, true: 0 },
        { reads: 1, true: 1 },
      ],
    },
    {
      points: [
        { reads: 1, true: 0 },
        { reads: 1, true: 1 },
      ],
    },
    { offset: 0.1, due: 'next year' },
  ])('refuses %j', (bad) => {
    expect(calibrationSchema.safeParse(bad).success).toBe(false);
  });

  it('alerts stage by stage, each over when the next begins, and waits for a clock that is set', async () => {
    const clock = new SimulatedClock(Date.UTC(2026, 0, 1));
    clock.setWall(Date.UTC(2026, 0, 1), false);
    const active = new Set<string>();
    const seen: string[] = [];
    const condition = ({ rule, active: on }: Condition) => {
      if (on !== active.has(rule)) seen.push(`${on ? '+' : '-'}${rule}`);
      if (on) active.add(rule);
      else active.delete(rule);
    };
    const sensors = [{ id: 'a', name: 'A', calibration: calibrationSchema.parse({ due: '2026-05-01' }) }];
    const timer = watchCalibration(sensors, clock, condition);
    expect(seen).toEqual([]);
    clock.setWall(Date.UTC(2026, 0, 1));
    await clock.advance(200 * 86_400_000);
    timer.cancel();
    expect(seen).toEqual([
      '+calibration-90d',
      '+calibration-30d',
      '-calibration-90d',
      '+calibration-due',
      '-calibration-30d',
    ]);
  });
});
