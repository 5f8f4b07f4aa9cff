import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type FindingKind, findingKey, findingOfKey, findingSchema, subjectOf, UNIT_OF } from './streams.js';

const KINDS = Object.keys(UNIT_OF) as FindingKind[];

const id = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/);
const place = fc.oneof(
  id.map((clinic) => ({ clinic })),
  id.map((region) => ({ region })),
);

it('a key says what its finding is about, whatever the subject is made of', () => {
  const finding = fc.record({
    kind: fc.constantFrom(...KINDS),
    subject: fc.oneof(
      fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme-ascii' }),
      fc.constantFrom('a/b', '/', 'x/stock_low/7', '/zscore/1', 'two\nlines'),
    ),
    at: fc.nat(),
    value: fc.constant(1),
    threshold: fc.constant(2),
  });
  fc.assert(
    fc.property(place, finding, (where, what) => {
      const found = findingSchema.parse({ ...where, ...what });
      expect(findingOfKey(findingKey(found))).toEqual(subjectOf(found));
    }),
  );
});

it.each(['', 'north', 'north/f/zscore', 'north/f/zscore/x', 'north/f/unheard_of/1', '/f/zscore/1'])(
  '"%s" is no key of a finding',
  (key) => {
    expect(findingOfKey(key)).toBeUndefined();
  },
);

it('a record of before, with the region as its clinic, is about the same', () => {
  const before = { kind: 'region_out', clinic: 'coast', subject: 'coast', at: 1, value: 1, threshold: 0.3 };
  const { clinic: _, ...rest } = before;
  expect(subjectOf(findingSchema.parse(before))).toEqual(
    subjectOf(findingSchema.parse({ ...rest, region: 'coast' })),
  );
});
