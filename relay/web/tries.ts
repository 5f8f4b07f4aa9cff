import { isIPv6 } from 'node:net';
import { remember } from '../../core/bounded.js';
import type { Clock } from '../../core/clock/clock.js';
import type { Refusal } from './guard.js';

/** Wrong secrets that one address may show at once: a shift behind one router mistypes now and then. */
export const TRIES_MAX = 20;
/** And one more after each of these. */
export const TRY_MS = 3000;
/** Addresses remembered; the one that tried longest ago is forgotten first. */
const ADDRESSES_MAX = 10_000;

/** Bounds how often wrong secrets are shown, by address: guessing goes no faster than a person types. */
export class Tries {
  readonly #clock: Clock;
  /** When an address will have all its tries again, by the monotonic clock, ms. */
  readonly #freshAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What who has no try left is answered, before the secret is looked at; undefined: it may be. */
  refusal(address: string): Refusal | undefined {
    const waitMs = this.#behindMs(networkOf(address)) - (TRIES_MAX - 1) * TRY_MS;
    if (waitMs <= 0) return undefined;
    const seconds = Math.ceil(waitMs / 1000);
    const message = `too many wrong secrets from this address: the next is looked at in ${seconds} s`;
    return {
      status: 429,
      body: { error: 'throttled', message },
      headers: { 'retry-after': String(seconds) },
    };
  }

  failed(address: string): void {
    const network = networkOf(address);
    const freshAt = this.#clock.mono() + this.#behindMs(network) + TRY_MS;
    remember(this.#freshAt, network, freshAt, ADDRESSES_MAX);
  }

  #behindMs(network: string): number {
    return Math.max(0, (this.#freshAt.get(network) ?? 0) - this.#clock.mono());
  }
}

const MAPPED = /^::ffff:(?=\d+\.)/i;

/** Of IPv6 the first half: who has one address there has all of them. */
function networkOf(address: string): string {
  const plain = address.replace(MAPPED, '');
  if (!isIPv6(plain)) return plain;
  const groups = plain.split('::')[0]!.split(':');
  return [...groups, '0', '0', '0', '0'].slice(0, 4).join(':');
}
