import { type Clock, sleep, withDeadline } from '../../core/clock/clock.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import type { Decoded, Probe } from '../drivers/driver.js';

export interface PollOutput {
  payload(sensor: string, decoded: Decoded): void;
  failed(sensor: string, reason: string): void;
}

/**
 * Asks every probe on its own fixed cadence: probes of a bus one after another, buses side by side, so that a bus
 * that hangs slows nobody else. `beat` is called after every attempt, whatever came of it: it feeds the watchdog.
 */
export class Poller {
  readonly #clock: Clock;
  readonly #output: PollOutput;
  readonly #stop = new AbortController();

  constructor(probes: readonly Probe[], clock: Clock, output: PollOutput, beat: () => void) {
    this.#clock = clock;
    this.#output = output;
    for (const bus of groupByBus(probes).values()) void this.#run(bus, beat);
  }

  async #run(probes: readonly Probe[], beat: () => void): Promise<void> {
    const start = this.#clock.mono();
    const due = new Map<Probe, number>(probes.map((probe) => [probe, start]));
    const busy = new Set<Probe>();
    while (!this.#stop.signal.aborted) {
      const [probe, at] = [...due].reduce((a, b) => (b[1] < a[1] ? b : a));
      await sleep(this.#clock, at - this.#clock.mono(), this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      due.set(probe, nextDue(at, probe.everyMs, this.#clock.mono()));
      await this.#ask(probe, busy);
      beat();
    }
  }

  async #ask(probe: Probe, busy: Set<Probe>): Promise<void> {
    if (busy.has(probe)) return this.#output.failed(probe.sensor, 'still waiting for its last answer');
    busy.add(probe);
    const reading = probe.read().finally(() => busy.delete(probe));
    const late = () =>
      new ColdwatchError('device.silent', `no answer within ${probe.deadlineMs / 1000} s`, { retry: true });
    try {
      const decoded = await withDeadline(this.#clock, probe.deadlineMs, reading, late);
      if (!this.#stop.signal.aborted) this.#output.payload(probe.sensor, decoded);
    } catch (error) {
      reading.catch(() => {});
      if (!this.#stop.signal.aborted) this.#output.failed(probe.sensor, messageOf(error));
    }
  }

  /** At once: an answer that is still awaited is not taken any more. */
  stop(): void {
    this.#stop.abort();
  }
}

/** The next point of the grid that is still ahead. */
function nextDue(at: number, everyMs: number, now: number): number {
  const missed = Math.max(0, Math.floor((now - at) / everyMs));
  return at + (missed + 1) * everyMs;
}

function groupByBus(probes: readonly Probe[]): Map<string, Probe[]> {
  const buses = new Map<string, Probe[]>();
  for (const probe of probes) buses.set(probe.bus, [...(buses.get(probe.bus) ?? []), probe]);
  return buses;
}
