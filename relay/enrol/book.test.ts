import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Enrolment, EnrolmentBook } from './book.js';

const hash = (n: number) => n.toString(16).padStart(64, '0');
const NOW = 1_800_000_000_000;
const [T1, T2, KEY_A, KEY_B] = [hash(1), hash(2), hash(10), hash(11)];
const invited = (token = T1, untilMs = NOW + 1000): Enrolment => ({
  what: 'invited',
  gateway: 'g',
  atMs: NOW,
  clinic: 'c',
  token,
  untilMs,
  by: 'ops',
});
const claimed = (key: string, serial: string, token = T1): Enrolment => ({
  what: 'claimed',
  gateway: 'g',
  atMs: NOW,
  token,
  key,
  serial,
  untilMs: NOW + 1000,
});

function bookOf(...events: Enrolment[]): EnrolmentBook {
  const book = new EnrolmentBook();
  for (const event of events) book.take(event);
  return book;
}

describe('the book of who is enrolled', () => {
  it('knows nobody who was not invited', () => {
    expect(bookOf().claim('g', T1, KEY_A, NOW)).toEqual({ verdict: 'refuse', why: 'unknown' });
    expect(bookOf(invited(), claimed(KEY_A, 'aa', T2)).accepts('g', 'aa')).toBe(false);
  });

  it('gives a token to the first of two keys, and tells the same key again that it has it', () => {
    const book = bookOf(invited(), claimed(KEY_A, 'aa'), claimed(KEY_B, 'bb'));
    expect([book.accepts('g', 'aa'), book.accepts('g', 'bb')]).toEqual([true, false]);
    expect(book.claim('g', T1, KEY_A, NOW)).toEqual({ verdict: 'issue', clinic: 'c' });
    expect(book.claim('g', T1, KEY_B, NOW)).toEqual({ verdict: 'wait' });
  });

  it('refuses a token from one millisecond past its time', () => {
    const book = bookOf(invited(T1, NOW));
    expect(book.claim('g', T1, KEY_A, NOW).verdict).toBe('issue');
    expect(book.claim('g', T1, KEY_A, NOW + 1)).toEqual({ verdict: 'refuse', why: 'expired' });
  });

  it('lets an approved key in and the former out; revoking voids certificates and tokens alike', () => {
    const approved: Enrolment = { what: 'approved', gateway: 'g', atMs: NOW, key: KEY_B, by: 'ops' };
    const events = [invited(), claimed(KEY_A, 'aa'), approved, claimed(KEY_B, 'bb')];
    const book = bookOf(...events);
    expect([book.accepts('g', 'aa'), book.accepts('g', 'bb')]).toEqual([false, true]);
    book.take({ what: 'revoked', gateway: 'g', atMs: NOW, by: 'ops' });
    expect(book.accepts('g', 'bb')).toBe(false);
    expect(book.claim('g', T1, KEY_B, NOW)).toEqual({ verdict: 'refuse', why: 'unknown' });
  });

  it('renews nothing by a certificate that is void', () => {
    const renewed = (by: string, serial: string): Enrolment => ({
      ...{ what: 'renewed', gateway: 'g', atMs: NOW, key: KEY_A, untilMs: NOW },
      by,
      serial,
    });
    const book = bookOf(invited(), claimed(KEY_A, 'aa'), renewed('aa', 'ab'), renewed('ff', 'fe'));
    expect(['aa', 'ab', 'fe'].map((serial) => book.accepts('g', serial))).toEqual([true, true, false]);
    book.take({ what: 'retired', gateway: 'g', atMs: NOW, by: 'ops', reason: 'moved' });
    book.take(renewed('ab', 'ac'));
    book.take(invited(T2));
    expect(['ab', 'ac'].map((serial) => book.accepts('g', serial))).toEqual([false, false]);
  });

  it('never believes two keys of one gateway at a time, and stays small, whatever happens', () => {
    const token = fc.integer({ min: 1, max: 3 }).map(hash);
    const key = fc.integer({ min: 10, max: 13 }).map(hash);
    let serial = 0;
    const event = fc.oneof(
      token.map((t) => invited(t)),
      fc.tuple(key, token).map(([k, t]) => claimed(k, (serial++).toString(16).padStart(4, '0'), t)),
      key.map((k): Enrolment => ({ what: 'approved', gateway: 'g', atMs: NOW, key: k, by: 'ops' })),
      fc
        .tuple(key, token)
        .map(([k, t]): Enrolment => ({ what: 'waiting', gateway: 'g', atMs: NOW, key: k, token: t })),
      fc.constant<Enrolment>({ what: 'revoked', gateway: 'g', atMs: NOW, by: 'ops' }),
      fc.constant<Enrolment>({ what: 'retired', gateway: 'g', atMs: NOW, by: 'ops', reason: '' }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 100 }), (events) => {
        const known = bookOf(...events).get('g');
        const certificates = [...(known?.certificates.values() ?? [])];
        const good = new Set(certificates.filter(({ revoked }) => !revoked).map((one) => one.key));
        expect(good.size).toBeLessThanOrEqual(1);
        expect(certificates.length).toBeLessThanOrEqual(20);
      }),
    );
  });
});
