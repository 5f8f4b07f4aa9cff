import { showDuration, showMilli } from '../../core/units.js';

/** A probe in a warm hand moves by this much within MOVED_WITHIN_MS; a fridge does not. */
const MOVED_MILLI = 1000;
const MOVED_WITHIN_MS = 60_000;

/** One sensor as it is at this moment. */
export interface Seen {
  name: string;
  /** In words; empty before the first reading. */
  shows: string;
  /** Wall ms of the last reading. */
  atMs: number | null;
  temperatureMilli: number | null;
  problem: string | null;
}

/** What has been seen of each sensor since the watch began, as a table that is printed again and again. */
export class WatchTable {
  readonly #range = new Map<string, { low: number; high: number }>();
  readonly #recent = new Map<string, { atMs: number; milli: number }[]>();

  /** `wallMs`: now, on the clock that dates readings. */
  lines(sensors: readonly Seen[], wallMs: number): string[] {
    const rows = sensors.map((seen) => {
      const age = seen.atMs === null ? '' : showDuration(Math.max(0, wallMs - seen.atMs));
      const range = this.#note(seen);
      const moved = this.#moved(seen.name);
      return [
        seen.name,
        seen.shows || '-',
        age,
        range,
        seen.problem ?? (moved || (seen.shows ? '' : 'nothing yet')),
      ];
    });
    const head = ['sensor', 'reads', 'age', 'lowest to highest', ''];
    const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
    return [head, ...rows].map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    );
  }

  #note({ name, temperatureMilli: milli, atMs }: Seen): string {
    if (milli === null || atMs === null) return '';
    const { low, high } = this.#range.get(name) ?? { low: milli, high: milli };
    const range = { low: Math.min(low, milli), high: Math.max(high, milli) };
    this.#range.set(name, range);
    const recent = this.#recent.get(name) ?? [];
    if (recent.at(-1)?.atMs !== atMs) recent.push({ atMs, milli });
    this.#recent.set(
      name,
      recent.filter((sample) => atMs - sample.atMs <= MOVED_WITHIN_MS),
    );
    return `${showMilli(range.low, 'Cel')} to ${showMilli(range.high, 'Cel')}`;
  }

  #moved(name: string): string {
    const recent = this.#recent.get(name) ?? [];
    const by = (recent.at(-1)?.milli ?? 0) - (recent[0]?.milli ?? 0);
    if (Math.abs(by) < MOVED_MILLI) return '';
    return `${by > 0 ? 'rising' : 'falling'}: ${by > 0 ? '+' : ''}${showMilli(by, 'Cel')} in a minute`;
  }
}
