import { expect, it } from 'vitest';
import { didYouMean, nearest } from './nearest.js';

it.each([
  ['gatway', 'gateway'],
  ['sensros', 'sensors'],
  ['Refrigerator-2-8', 'refrigerator-2-8'],
  ['maxim/ds18b21', 'maxim/ds18b20'],
])('takes %s for %s', (typed, meant) => {
  expect(nearest(typed, ['gateway', 'sensors', 'refrigerator-2-8', 'maxim/ds18b20'])).toBe(meant);
});

it('guesses nothing where nothing is near', () => {
  expect(nearest('banana', ['gateway', 'sensors'])).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
  expect(didYouMean(7, ['gateway'])).toBe('');
  expect(didYouMean('gatway', ['gateway'])).toBe(' (did you mean "gateway"?)');
});
