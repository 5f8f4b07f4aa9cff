import type { ReadingMessage } from '../../../core/contract/messages.js';
import { TOPICS } from '../../../core/contract/messages.js';
import { type InventoryChange, type SaleEvent, SOURCE_TOPICS } from '../../../core/contract/sources.js';
import { type Finding, STREAM_TOPICS, type StreamTopic } from '../../../core/contract/streams.js';
import type { LogTopic, StoredRecord } from '../../log/port.js';
import { Aggregates } from './aggregates.js';
import { Sales, stockFinding } from './commerce.js';
import { InOrder } from './order.js';
import { type LiveRow, Patterns } from './patterns.js';
import { Silence } from './silence.js';

export const STREAM_INPUTS: readonly LogTopic[] = [
  TOPICS.temperature,
  SOURCE_TOPICS.sales,
  SOURCE_TOPICS.inventory,
];

export interface StreamRecord {
  topic: StreamTopic;
  /** What the record is about, as JSON: a later one with the same key takes its place. */
  key: string;
  value: string;
  /** Event time, ms. */
  timestamp: number;
}

/** A clock that runs further ahead would make everybody else late. */
const AHEAD_MS = 600_000;
/** Events remembered to be known when they come again. */
const SEEN_MAX = 500_000;

/** The Flink job's streams on one machine: records in, records out, in bounded memory. */
export class Streams {
  readonly #out: (record: StreamRecord) => void;
  readonly #aggregates = new Aggregates();
  readonly #patterns = new Patterns();
  readonly #sales = new Sales();
  readonly #reorder: Readonly<Record<string, number>>;
  readonly #seen = new Set<string>();
  readonly #completeSince: number;
  readonly #now: () => number;
  #left = 0;
  readonly #silence = new Silence();
  readonly #live = new InOrder<LiveRow>(
    (row) => {
      for (const finding of this.#patterns.take(row)) this.#found(finding);
      for (const finding of this.#silence.take(row)) this.#found(finding);
    },
    (ms) => {
      for (const finding of this.#silence.pass(ms)) this.#found(finding);
    },
  );
  readonly #sold = new InOrder<SaleEvent & { at: number }>(({ at: _at, ...sale }) => {
    const finding = this.#sales.take(sale);
    if (finding) this.#found(finding);
  });

  /**
   * `completeSince`: five minutes that began before may be known in part only, and are left as they are. `now`: what is
   * dated well ahead of it is in no pattern.
   */
  constructor(
    reorder: Readonly<Record<string, number>>,
    out: (record: StreamRecord) => void,
    completeSince = 0,
    now: () => number = () => Number.POSITIVE_INFINITY,
  ) {
    this.#now = now;
    this.#completeSince = completeSince;
    this.#reorder = reorder;
    this.#out = out;
  }

  /** Rows too late for patterns (they are in the aggregates all the same), readings from before what is known, rows of the future. */
  get late(): number {
    return this.#live.late + this.#sold.late + this.#left;
  }

  take({ topic, value }: Pick<StoredRecord, 'topic' | 'value'>): void {
    if (topic === TOPICS.temperature) this.#reading(JSON.parse(value) as ReadingMessage);
    else if (topic === SOURCE_TOPICS.sales) this.#sale(JSON.parse(value) as SaleEvent);
    else if (topic === SOURCE_TOPICS.inventory) this.#stock(JSON.parse(value) as InventoryChange);
  }

  #reading(reading: ReadingMessage): void {
    const {
      clinic,
      gateway,
      sensor,
      quantity,
      quality,
      epoch,
      seq,
      backfill,
      value,
      measured_at: at,
    } = reading;
    if (quantity !== 'temperature' || quality === 'bad') return;
    if (this.#again(`${gateway}/${epoch}/${seq}`)) return;
    const changed = this.#aggregates.take(reading);
    const { since } = changed.sensor;
    if (since >= this.#completeSince) {
      this.#put(STREAM_TOPICS.sensor5m, { clinic, sensor, since }, changed.sensor, since);
      this.#put(STREAM_TOPICS.clinic5m, { clinic, since }, changed.clinic, since);
    } else this.#left += 1;
    if (!backfill) this.#inTime(at, () => this.#live.take({ clinic, gateway, sensor, at, value }));
  }

  #sale(sale: SaleEvent): void {
    const at = sale.sold_at;
    if (!this.#again(`pos/${sale.event_id}`)) this.#inTime(at, () => this.#sold.take({ ...sale, at }));
  }

  #inTime(at: number, take: () => void): void {
    if (at <= this.#now() + AHEAD_MS) take();
    else this.#left += 1;
  }

  #stock(change: InventoryChange): void {
    if (this.#again(`erp/${change.event_id}`)) return;
    const finding = stockFinding(change, this.#reorder);
    if (finding) this.#found(finding);
  }

  #again(id: string): boolean {
    if (this.#seen.has(id)) return true;
    this.#seen.add(id);
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.values().next().value!);
    return false;
  }

  #found(finding: Finding): void {
    const { kind, clinic, subject, at } = finding;
    this.#put(STREAM_TOPICS.findings, { kind, clinic, subject, at }, finding, at);
  }

  #put(topic: StreamTopic, key: object, value: object, timestamp: number): void {
    this.#out({ topic, key: JSON.stringify(key), value: JSON.stringify(value), timestamp });
  }
}
