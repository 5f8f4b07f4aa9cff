import type { Finding } from '../../../core/contract/streams.js';
import type { LiveRow } from './patterns.js';

const SILENT_MS = 900_000;
const GATEWAYS_MAX = 100_000;

interface Heard {
  clinic: string;
  gateway: string;
  lastMs: number;
}

/** Gateways that nothing came from for fifteen minutes, while others went on: a session window that closed. */
export class Silence {
  /** The one heard longest ago first. */
  readonly #heard = new Map<string, Heard>();

  /** In the order of event time. */
  take({ clinic, gateway, at }: LiveRow): Finding[] {
    const key = `${clinic}/${gateway}`;
    const before = this.#heard.get(key);
    this.#heard.delete(key);
    this.#heard.set(key, { clinic, gateway, lastMs: at });
    if (this.#heard.size > GATEWAYS_MAX) this.#heard.delete(this.#heard.keys().next().value!);
    return before && at - before.lastMs > SILENT_MS ? [silent(before)] : [];
  }

  /** Nothing at or before `ms` comes any more. */
  pass(ms: number): Finding[] {
    const found: Finding[] = [];
    for (const [key, heard] of this.#heard) {
      if (heard.lastMs + SILENT_MS > ms) break;
      this.#heard.delete(key);
      found.push(silent(heard));
    }
    return found;
  }
}

const silent = ({ clinic, gateway, lastMs }: Heard): Finding => ({
  kind: 'gateway_silent',
  clinic,
  subject: gateway,
  at: lastMs,
  value: SILENT_MS / 60_000,
  threshold: SILENT_MS / 60_000,
});
