import { describe, expect, it } from 'vitest';
import { asTimeline } from '../../core/clock/clock.js';
import { SimulatedClock } from '../../core/clock/simulated.js';
import { ColdwatchError } from '../../core/errors.js';
import { OUTBOX_MAX, Outbox } from './outbox.js';
import {
  ANSWERS_PER_HOUR,
  AnswerLimit,
  CodeGuard,
  parseReply,
  samePhone,
  WRONG_CODES_PER_HOUR,
} from './replies.js';

function world(answers: (ColdwatchError | 'ok')[], stored?: unknown) {
  const clock = new SimulatedClock();
  const sent: string[] = [];
  const outcomes: string[] = [];
  const box = { stored };
  const transport = {
    start: () => {},
    status: () => ({ ready: true, signal: null, problem: null }),
    stop: async () => {},
    send: async (number: string, text: string) => {
      const answer = answers.shift() ?? 'ok';
      if (answer !== 'ok') throw answer;
      sent.push(`${number} ${text}`);
    },
  };
  const outbox = new Outbox({
    transport,
    clock,
    timeline: () => asTimeline(clock.mono()),
    phoneOf: (person) => (person === 'nurse' ? '+254700000001' : undefined),
    load: () => box.stored,
    save: (entries) => {
      box.stored = JSON.parse(JSON.stringify(entries));
    },
    onOutcome: (person, outcome) => void outcomes.push(`${person} ${outcome}`),
  });
  outbox.start();
  return { clock, sent, outcomes, outbox, box };
}

const failed = (retry: boolean) => new ColdwatchError('modem.failed', 'no', { retry });
const silent = () => new ColdwatchError('modem.unknown_outcome', 'silent');

describe('the outbox of texts', () => {
  it('tries again until the network takes it', async () => {
    const { clock, sent, outbox, box } = world([failed(true), failed(true)]);
    outbox.push('nurse', 'hot');
    await clock.advance(60_000);
    expect(sent).toEqual(['+254700000001 hot']);
    expect(box.stored).toEqual([]);
  });

  it('gives up at once on what can never work', async () => {
    const { clock, outcomes, outbox } = world([failed(false)]);
    outbox.push('nurse', 'hot');
    outbox.push('stranger', 'hot');
    await clock.advance(5000);
    expect(outcomes).toEqual(['nurse given_up', 'stranger given_up']);
  });

  it('after a silence in place of an answer, tries once more and no oftener', async () => {
    const { clock, sent, outcomes, outbox } = world([silent(), silent()]);
    outbox.push('nurse', 'hot');
    await clock.advance(600_000);
    expect([sent, outcomes]).toEqual([[], ['nurse retry', 'nurse unknown']]);
  });

  it('is not forgotten by a restart, and no damaged store stops it', async () => {
    const before = world([failed(true)]);
    before.outbox.push('nurse', 'hot');
    await before.clock.advance(100);
    const after = world([], before.box.stored);
    await after.clock.advance(60_000);
    expect(after.sent).toEqual(['+254700000001 hot']);
    expect(world([], [{ nonsense: 1 }]).outbox.waiting).toBe(0);
  });

  it('is bounded', () => {
    const { outbox } = world([]);
    for (let i = 0; i < OUTBOX_MAX + 50; i++) outbox.push('nurse', String(i));
    expect(outbox.waiting).toBe(OUTBOX_MAX);
  });
});

describe('replies', () => {
  it.each([
    ['ACK 4711', { kind: 'ack', code: '4711' }],
    [' ack:4711  on my way ', { kind: 'ack', code: '4711', comment: 'on my way' }],
    ['status', { kind: 'status' }],
    ['ACK 471', { kind: 'other' }],
    ['ACK 47110', { kind: 'other' }],
    ['what is this?', { kind: 'other' }],
  ])('%j', (text, expected) => {
    expect(parseReply(text)).toEqual(expected);
  });

  it.each([
    ['+254700000001', '+254700000001', true],
    ['+254700000001', '0700000001', true],
    ['+254700000001', '700000001', true],
    ['+254700000001', '00254700000001', true],
    ['+254700000001', '254700000001', true],
    ['+12025550123', '2025550123', true],
    ['+33612345678', '0612345678', true],
    ['+254700000001', '+254700000002', false],
    ['+254700000001', 'INFO', false],
    // They merely end alike.
    ['+254700000001', '+255700000001', false],
    ['+254700000001', '+1254700000001', false],
    ['+254700000001', '00000001', false],
    ['+254700000001', '0100000001', false],
    ['+254700000001', '5554700000001', false],
    ['+33612345678', '2612345678', false],
  ])('come from %s when the sender is %s: %s', (listed, sender, same) => {
    expect(samePhone(listed, sender)).toBe(same);
  });

  it('may name so many codes that no alarm has, each sender by itself', () => {
    const guard = new CodeGuard();
    for (let i = 0; i < WRONG_CODES_PER_HOUR; i++) {
      expect(guard.mayTry('nurse', i)).toBe(true);
      guard.wrong('nurse', i);
    }
    expect(guard.mayTry('nurse', 1000)).toBe(false);
    expect(guard.mayTry('manager', 1000)).toBe(true);
    expect(guard.mayTry('nurse', 3_600_010)).toBe(true);
  });

  it('are answered so many times an hour', () => {
    const limit = new AnswerLimit();
    const given = Array.from({ length: 30 }, () => limit.allow('nurse', 0)).filter(Boolean);
    expect(given.length).toBe(ANSWERS_PER_HOUR);
    expect(limit.allow('nurse', 3_600_001)).toBe(true);
  });
});
