import { describe, expect, it } from 'vitest';
import { own } from './own.js';
import { JSON_DEPTH_MAX, jsonOf, parseJson } from './payload.js';

describe('JSON from outside', () => {
  const nested = (n: number, inner = '1') => '['.repeat(n) + inner + ']'.repeat(n);

  it('is taken up to its depth, and one deeper not', () => {
    expect(jsonOf(nested(JSON_DEPTH_MAX))).toEqual(JSON.parse(nested(JSON_DEPTH_MAX)));
    expect(() => parseJson(nested(JSON_DEPTH_MAX + 1))).toThrow(/nested deeper than 32/);
    expect(() => parseJson('{"a":'.repeat(40))).toThrow(/nested deeper than 32/);
    expect(jsonOf(nested(100_000))).toBeUndefined();
  });

  it('may have any number of brackets side by side, and in texts', () => {
    const wide = Array.from({ length: 1000 }, () => [[{}]]);
    expect(parseJson(JSON.stringify(wide))).toEqual(wide);
    for (const text of ['[[['.repeat(50), '\\"'.repeat(3) + '['.repeat(50), '\\', '"['])
      expect(parseJson(JSON.stringify([text]))).toEqual([text]);
    for (const broken of ['"', '"\\', '["\\"', ']]]]', '']) expect(jsonOf(broken)).toBeUndefined();
  });
});

it('a name that every object has is in none', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty'])
    expect(own<unknown>({ known: 1 }, name)).toBeUndefined();
  expect(own({ known: 1 }, 'known')).toBe(1);
  expect(own(JSON.parse('{"constructor":7}') as Record<string, number>, 'constructor')).toBe(7);
  expect(own(undefined, 'known')).toBeUndefined();
});
