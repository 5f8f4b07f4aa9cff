import { medianOfThree } from '../../core/detect/plausible.js';
import type { Reading } from '../../core/reading.js';

/** For sensors whose rules see the middle of the last three temperatures: single wild values never count. */
export class MiddleOfThree {
  readonly #last = new Map<string, number[]>();

  of(reading: Reading): Reading {
    const { sensor, quantity, quality, milli } = reading;
    if (quantity !== 'temperature' || quality === 'bad') return reading;
    const last = [...(this.#last.get(sensor) ?? []), milli].slice(-3);
    this.#last.set(sensor, last);
    const [a, b, c] = last;
    return c === undefined ? reading : { ...reading, milli: medianOfThree(a!, b!, c) };
  }
}
