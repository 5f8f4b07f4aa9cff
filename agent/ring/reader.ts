import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent, Summary } from '../../core/contract/messages.js';
import { addRange, type Range, type RangeSet } from '../../core/contract/ranges.js';
import { ColdwatchError } from '../../core/errors.js';
import type { Channel } from '../../core/reading.js';
import type { Stream } from '../../core/stream.js';
import { READ_CELLS, unpackRows } from './rows.js';
import type { RingRequest } from './worker.js';

export interface RowReaderOptions {
  call: <T>(request: RingRequest) => Promise<T>;
  channelOf: (id: number) => Channel | undefined;
  tail: (stream: Stream) => number;
  /** These rows are not as they were written: nobody will read them again. */
  onLost: (stream: Stream, rows: RangeSet) => void;
}

/** Reads rows to be sent. Gives all of a range, or rejects: with `ring.rows_lost` when some are lost for good. */
export class RowReader {
  readonly #options: RowReaderOptions;

  constructor(options: RowReaderOptions) {
    this.#options = options;
  }

  async readings(range: Range): Promise<ReadingRow[]> {
    const cells = await this.#options.call<Float64Array>({ op: 'readings', range });
    const { rows, bad } = unpackRows(cells, this.#options.channelOf);
    return this.#whole('readings', range, cells.length / READ_CELLS, rows, bad);
  }

  events = (range: Range) => this.#bodies<RingEvent>('events', range);
  summaries = (range: Range) => this.#bodies<Summary>('summaries', range);

  async #bodies<T>(stream: 'events' | 'summaries', range: Range): Promise<T[]> {
    const rows = await this.#options.call<(T | undefined)[]>({ op: stream, range });
    const bad = rows.flatMap((row, i) => (row === undefined ? [i] : []));
    return this.#whole(stream, range, rows.length, rows, bad);
  }

  async #whole<T>(
    stream: Stream,
    [from, to]: Range,
    found: number,
    rows: (T | undefined)[],
    bad: number[],
  ): Promise<T[]> {
    if (found !== to - from + 1) return this.#absent(stream, [from, to], found);
    if (bad.length === 0) return rows as T[];
    const lost = bad.reduce<RangeSet>((set, i) => addRange(set, [from + i, from + i]), []);
    this.#options.onLost(stream, lost);
    throw new ColdwatchError('ring.rows_lost', `rows of ${stream} are not as they were written`);
  }

  #absent(stream: Stream, [from, to]: Range, found: number): Promise<never> {
    if (this.#options.tail(stream) > from) {
      throw new ColdwatchError('ring.unavailable', 'rows have just made room for newer ones', {
        retry: true,
      });
    }
    const what = `${found} of ${stream} ${from} to ${to} are there`;
    return this.#options.call({ op: 'damaged', what });
  }
}
