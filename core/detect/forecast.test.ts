import { expect, it } from 'vitest';
import { MINUTE } from '../durations.js';
import { forecast } from './forecast.js';
import { Track } from './track.js';

/** A fridge without power in a room, a value a minute: room − (room − 5) e^(−t/τ). */
function warming(room: number, tauMin: number, minutes: number): Track {
  const track = new Track();
  for (let m = 0; m <= minutes; m++) {
    track.push(m * MINUTE, Math.round(1000 * (room - (room - 5) * Math.exp(-m / tauMin))), true);
  }
  return track;
}

it.each([
  [25, 300, 8000],
  [32, 600, 8000],
  [13, 200, 8000],
])(
  'in a room of %d °C with τ = %d min, the range holds the true time and is no wider than twice',
  (room, tau, limit) => {
    const track = warming(room, tau, 45);
    const truth = -tau * Math.log((room - limit / 1000) / (room - 5)) - 45;
    const { earliest, latest } = forecast(track, limit, 'above')!;
    expect(earliest).toBeLessThanOrEqual(truth * 1.1 + 1);
    expect(latest).toBeGreaterThanOrEqual(truth * 0.95);
    expect(latest).toBeLessThan(Math.max(2 * truth, 10));
  },
);

it('says when it may level off before the limit, and nothing when it goes the other way', () => {
  const track = warming(7, 60, 60);
  const ahead = forecast(track, 8000, 'above')!;
  expect(ahead.latest).toBe(Number.POSITIVE_INFINITY);
  expect(forecast(track, 2000, 'below')).toBeUndefined();
});
