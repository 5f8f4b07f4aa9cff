import { describe, expect, it } from 'vitest';
import { asTimeline } from '../clock/clock.js';
import { ruleSchema, type SensorFaultRule } from './rules.js';
import { type FaultInput, faultStart, stepFault } from './sensor-fault.js';

const rule = ruleSchema.parse({ kind: 'sensor_fault', name: 'sensor' }) as SensorFaultRule;

function run(inputs: [kind: FaultInput['kind'], second: number][]) {
  let state = faultStart(0);
  const seen: string[] = [];
  for (const [kind, second] of inputs) {
    const atMs = asTimeline(second * 1000);
    const step = stepFault(
      rule,
      state,
      kind === 'bad' ? { kind, atMs, reason: 'crc' } : { kind, atMs },
      60_000,
    );
    state = step.state;
    if (step.transition) seen.push(`${step.transition.kind} ${step.transition.type} at ${second}`);
  }
  return seen;
}

const each = (
  kind: FaultInput['kind'],
  from: number,
  to: number,
  every = 60,
): [FaultInput['kind'], number][] =>
  Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, i) => [kind, from + i * every]);

describe('sensor faults', () => {
  it('one bad read among good ones is nothing', () => {
    expect(run([...each('good', 0, 300), ['bad', 360], ...each('good', 420, 900)])).toEqual([]);
  });

  it('only failures for three minutes are a fault of the probe', () => {
    expect(run([['good', 0], ...each('bad', 60, 600)])).toEqual(['raised sensor_fault at 240']);
  });

  it('silence is lost communication, raised by time alone', () => {
    expect(run([['good', 0], ...each('tick', 1, 1200, 1)])).toEqual(['raised communication_lost at 600']);
  });

  it('ends after good readings in a row, and a bad one between starts the count again', () => {
    const fault = [['good', 0], ...each('bad', 60, 240)] as [FaultInput['kind'], number][];
    expect(run([...fault, ['good', 300], ['bad', 360], ['good', 420], ['good', 480]])).toEqual([
      'raised sensor_fault at 240',
      'cleared sensor_fault at 480',
    ]);
  });
});
