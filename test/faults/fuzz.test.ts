import { expect, it } from 'vitest';
import { fuzzDecoders } from './fuzz.js';

it('no payload makes a decoder throw, invent or stay silent: ten thousand of them', () => {
  expect(() => fuzzDecoders(10_000)).not.toThrow();
});
