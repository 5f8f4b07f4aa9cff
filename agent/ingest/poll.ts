import { type Clock, sleep, withDeadline } from '../../core/clock/clock.js';
import { ColdwatchError, codeOf, type ErrorCode, messageOf } from '../../core/errors.js';
import type { Decoded, Probe } from '../drivers/driver.js';

export interface PollOutput {
  payload(sensor: string, decoded: Decoded): void;
  failed(sensor: string, reason: string, code?: ErrorCode): void;
}

/** A probe that has given nothing this often in a row is asked less and less often, so that its bus serves the others. */
const PATIENCE = 3;
/** At the longest, every eighth turn or ten minutes, whichever is shorter: who plugs it in again sees it soon. */
const SUSPENDED_TURNS_MAX = 8;
const SUSPENDED_MS_MAX = 600_000;

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
    const failures = new Map<Probe, number>();
    while (!this.#stop.signal.aborted) {
      const [probe, at] = nextOf(due, failures, this.#clock.mono());
      await sleep(this.#clock, at - this.#clock.mono(), this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      const answered = await this.#ask(probe, busy);
      failures.set(probe, answered ? 0 : (failures.get(probe) ?? 0) + 1);
      const wait = suspended(probe.everyMs, failures.get(probe)!);
      due.set(probe, nextDue(at + wait, probe.everyMs, this.#clock.mono()));
      beat();
    }
  }

  /** Whether it gave something, whatever it is worth. */
  async #ask(probe: Probe, busy: Set<Probe>): Promise<boolean> {
    // What hangs in the kernel has a thread of ours, and there are four: never two of one bus, which is what hangs.
    const [pending] = busy;
    if (pending !== undefined) {
      const whose = pending === probe ? 'its last answer' : `an answer of ${pending.sensor}, on the same bus`;
      this.#output.failed(probe.sensor, `still waiting for ${whose}`);
      return false;
    }
    busy.add(probe);
    const reading = probe.read().finally(() => busy.delete(probe));
    const late = () =>
      new ColdwatchError('device.silent', `no answer within ${probe.deadlineMs / 1000} s`, { retry: true });
    try {
      const decoded = await withDeadline(this.#clock, probe.deadlineMs, reading, late);
      if (!this.#stop.signal.aborted) this.#output.payload(probe.sensor, decoded);
      return true;
    } catch (error) {
      reading.catch(() => {});
      if (!this.#stop.signal.aborted) this.#output.failed(probe.sensor, messageOf(error), codeOf(error));
      return false;
    }
  }

  /** At once: an answer that is still awaited is not taken any more. */
  stop(): void {
    this.#stop.abort();
  }
}

/**
 * The probe that is due first. One that has been silent takes its deadline off the bus each time, so it is asked in a
 * pause that long, and where there is none only once it has waited as long as any.
 */
function nextOf(
  due: ReadonlyMap<Probe, number>,
  failures: ReadonlyMap<Probe, number>,
  now: number,
): [Probe, number] {
  const first = (entries: [Probe, number][]) => entries.reduce((a, b) => (b[1] < a[1] ? b : a));
  const all = [...due];
  const [probe, at] = first(all);
  const silent = ([p]: [Probe, number]) => (failures.get(p) ?? 0) >= PATIENCE;
  if (!silent([probe, at]) || now - at > SUSPENDED_MS_MAX) return [probe, at];
  const others = all.filter((entry) => !silent(entry));
  if (others.length === 0) return [probe, at];
  const other = first(others);
  return other[1] < Math.max(now, at) + probe.deadlineMs ? other : [probe, at];
}

/** How much longer than its cadence a silent probe waits for its next turn: whole turns, so that it keeps its grid. */
function suspended(everyMs: number, failures: number): number {
  if (failures < PATIENCE) return 0;
  const turns = Math.min(SUSPENDED_TURNS_MAX, 2 ** (failures - PATIENCE));
  return everyMs * Math.max(0, Math.min(turns, Math.floor(SUSPENDED_MS_MAX / everyMs)) - 1);
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
