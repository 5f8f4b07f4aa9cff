import type { Decoded, RawSample } from '../driver.js';
import type { LineModel } from './schema.js';

/** A line longer than this is noise. */
export const LINE_MAX = 256;

/** One line of a talking probe, without its terminator, by the model's patterns. */
export function decodeLine(model: LineModel, line: string): Decoded {
  for (const { pattern, means } of model.errors) {
    if (pattern.test(line)) return { samples: [], problems: [`the probe reports: ${means}`] };
  }
  const samples = model.values.flatMap(({ quantity, unit, pattern }): RawSample[] => {
    const value = Number(pattern.exec(line)?.[1] ?? Number.NaN);
    return Number.isFinite(value) ? [{ quantity, unit, value }] : [];
  });
  return samples.length > 0
    ? { samples, problems: [] }
    : { samples, problems: [`not a line of this probe: ${JSON.stringify(line.slice(0, 60))}`] };
}

/** Cuts a byte stream into lines. Bytes come in any pieces; an endless line is dropped, not collected. */
export class LineSplitter {
  readonly #terminator: string;
  #rest = '';
  #overlong = false;
  #dropped = false;

  constructor(terminator: string) {
    this.#terminator = terminator;
  }

  push(chunk: string): string[] {
    const parts = (this.#rest + chunk).split(this.#terminator);
    this.#rest = parts.pop() ?? '';
    const lines = parts.map((part) => part.replace(/\r$/, ''));
    if (this.#overlong && lines.length > 0) {
      lines.shift();
      this.#overlong = false;
    }
    if (this.#rest.length > LINE_MAX) {
      this.#rest = '';
      this.#overlong = true;
      this.#dropped = true;
    }
    if (lines.some((line) => line.length > LINE_MAX)) this.#dropped = true;
    return lines.filter((line) => line.length <= LINE_MAX && line.trim() !== '');
  }

  /** Whether bytes were dropped since the last call, because no line is as long. */
  dropped(): boolean {
    const dropped = this.#dropped;
    this.#dropped = false;
    return dropped;
  }
}
