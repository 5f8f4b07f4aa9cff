import { touch } from '../../../core/bounded.js';
import type { Finding, FindingKind } from '../../../core/contract/streams.js';
import { MINUTE } from '../../../core/durations.js';
import { SILENT_MINUTES } from '../meaning.js';
import type { Begun } from './standing.js';

const GATEWAYS_MAX = 100_000;

interface Heard {
  clinic: string;
  gateway: string;
  /** Start of the last minute in which something came. */
  minute: number;
}

/**
 * Gateways that nothing came from for more than fifteen minutes, and their return; by whole minutes, as in the Flink job,
 * which looks at a row a minute and gateway. Whatever comes counts: bad readings, and those brought back late.
 */
export class Silence {
  /** The one heard longest ago first. */
  readonly #heard = new Map<string, Heard>();
  readonly #silent = new Map<string, Heard>();

  /** Silent since before anything that is taken here: told already. */
  begun({ clinic, subject: gateway, sinceMs: minute }: Begun): void {
    touch(this.#silent, `${clinic}/${gateway}`, GATEWAYS_MAX, () => ({ clinic, gateway, minute }));
  }

  /** In the order of event time, which is that of arrival but for what the streams wait. */
  take({ clinic, gateway, t }: { clinic: string; gateway: string; t: number }): Finding[] {
    const key = `${clinic}/${gateway}`;
    const minute = t - (t % MINUTE);
    const before = this.#heard.get(key) ?? this.#silent.get(key);
    if (before?.minute === minute) return [];
    const told = this.#silent.delete(key);
    this.#heard.delete(key);
    touch(this.#heard, key, GATEWAYS_MAX, () => ({ clinic, gateway, minute }));
    if (!before) return [];
    const minutes = (minute - before.minute) / MINUTE;
    if (minutes <= SILENT_MINUTES) return [];
    const back = finding('gateway_back', before, minute, minutes);
    return told ? [back] : [silent(before), back];
  }

  /** Nothing at or before `ms` comes any more. */
  pass(ms: number): Finding[] {
    const found: Finding[] = [];
    for (const [key, heard] of this.#heard) {
      // The row of a minute stands at its end.
      if (heard.minute + (SILENT_MINUTES + 1) * MINUTE - 1 > ms) break;
      this.#heard.delete(key);
      touch(this.#silent, key, GATEWAYS_MAX, () => heard);
      found.push(silent(heard));
    }
    return found;
  }
}

const silent = (heard: Heard) => finding('gateway_silent', heard, heard.minute, SILENT_MINUTES);

const finding = (kind: FindingKind, { clinic, gateway }: Heard, at: number, value: number): Finding => ({
  kind,
  clinic,
  subject: gateway,
  at,
  value,
  threshold: SILENT_MINUTES,
});
