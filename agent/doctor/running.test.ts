import { describe, expect, it } from 'vitest';
import { type Running, ringCheck } from './running.js';

const running = (ring: Partial<Running['ring']>, backlog = 12): Running => ({
  gateway: 'gateway-1',
  sensors: [],
  open_alerts: [],
  ring: { thinned: 0, overwritten: 0, ...ring },
  relay: { backlog },
});

describe('the ring of a running agent', () => {
  it('passes while it keeps all that no relay holds, and says how much that is', () => {
    expect(ringCheck(running({}))).toMatchObject({
      result: 'pass',
      detail: '12 rows are still to be sent',
    });
  });

  it('fails once it had to sum up or to drop what was not sent, with the code and what to do', () => {
    const { result, detail } = ringCheck(running({ thinned: 900, overwritten: 3 }));
    expect(result).toBe('fail');
    expect(detail).toMatch(/900 readings and 3 summaries: see to the relay.*\(ring\.full\)/);
  });
});
