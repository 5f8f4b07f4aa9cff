import { expect, it } from 'vitest';
import { IdentityBook } from './identity.js';

it('a sensor may be called what every object has: its probe is learned like any other', () => {
  const book = new IdentityBook(undefined, new Map([['constructor', undefined]]), () => {});
  expect(book.check('constructor', '28-A')).toBeUndefined();
  expect(book.check('constructor', '28-a')).toBeUndefined();
  expect(book.check('constructor', '28-b')).toEqual({ expected: '28-a', formerly: undefined });
});
