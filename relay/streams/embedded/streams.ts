import type { ReadingMessage } from '../../../core/contract/messages.js';
import { TOPICS } from '../../../core/contract/messages.js';
import { type InventoryChange, type SaleEvent, SOURCE_TOPICS } from '../../../core/contract/sources.js';
import {
  type Finding,
  type FindingKind,
  STREAM_TOPICS,
  type StreamTopic,
} from '../../../core/contract/streams.js';
import { Decoder } from '../../log/decode.js';
import type { StoredRecord } from '../../log/port.js';
import { Aggregates, REGION_SHARE, type Regions, SEVERAL } from './aggregates.js';
import { touch } from './bounded.js';
import { Sales, Stock } from './commerce.js';
import { InOrder } from './order.js';
import { type LiveRow, Patterns } from './patterns.js';
import { Silence } from './silence.js';
import { Sliding } from './sliding.js';

export const STREAM_INPUTS = [TOPICS.temperature, SOURCE_TOPICS.sales, SOURCE_TOPICS.inventory] as const;

export interface StreamRecord {
  topic: StreamTopic;
  /** What the record is about, as JSON: a later one with the same key takes its place. */
  key: string;
  /** Empty: what was said under this key is taken back. */
  value: string;
  /** Event time, ms. */
  timestamp: number;
  /** How often what stands under this key changed before: the same value may come back. */
  revision?: number;
}

/** A clock that runs further ahead would make everybody else late. */
const AHEAD_MS = 600_000;
/** Events remembered to be known when they come again. */
const SEEN_MAX = 500_000;
const STANDING_MAX = 10_000;

/** What the streams must be told beside the records. */
export interface StreamSettings {
  /** Below how many units of a SKU somebody must order. */
  reorder: Readonly<Record<string, number>>;
  regions: Regions;
}

/** The Flink job's streams on one machine: records in, records out, in bounded memory. */
export class Streams {
  readonly #out: (record: StreamRecord) => void;
  readonly #decoder = new Decoder(STREAM_INPUTS);
  readonly #aggregates: Aggregates;
  readonly #patterns = new Patterns();
  readonly #sales = new Sales();
  readonly #stock: Stock;
  readonly #seen = new Set<string>();
  /** What stands under keys whose value may come back: findings of five minutes, and regions. */
  readonly #standing = new Map<string, { value: string; revision: number }>();
  readonly #completeSince: number;
  readonly #now: () => number;
  #left = 0;
  readonly #silence = new Silence();
  readonly #sliding = new Sliding();
  readonly #live = new InOrder<LiveRow>(
    (row) => {
      for (const finding of this.#patterns.take(row)) this.#found(finding);
      for (const finding of this.#silence.take(row)) this.#found(finding);
      this.#sliding.take(row);
    },
    (ms) => {
      for (const finding of this.#silence.pass(ms)) this.#found(finding);
      this.#slid(ms);
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
    { reorder, regions }: StreamSettings,
    out: (record: StreamRecord) => void,
    completeSince = 0,
    now: () => number = () => Number.POSITIVE_INFINITY,
  ) {
    this.#now = now;
    this.#completeSince = completeSince;
    this.#aggregates = new Aggregates(regions);
    this.#stock = new Stock(reorder);
    this.#out = out;
  }

  /** Rows too late for patterns (they are in the aggregates all the same), readings from before what is known, rows of the future. */
  get late(): number {
    return this.#live.late + this.#sold.late + this.#left;
  }

  /** Of live readings, event time in ms; undefined before the first. */
  get watermark(): number | undefined {
    return Number.isFinite(this.#live.watermark) ? this.#live.watermark : undefined;
  }

  take(record: Pick<StoredRecord, 'topic' | 'value'>): void {
    const message = this.#decoder.one(record);
    // As Flink does: what others wrote and is no record stops nothing.
    if (!message?.value) this.#left += 1;
    else if (message.topic === TOPICS.temperature) this.#reading(message.value);
    else if (message.topic === SOURCE_TOPICS.sales) this.#sale(message.value);
    else this.#inventory(message.value);
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
    this.#aggregate(reading);
    if (!backfill) this.#inTime(at, () => this.#live.take({ clinic, gateway, sensor, at, value }));
  }

  #aggregate(reading: ReadingMessage): void {
    const changed = this.#aggregates.take(reading);
    const { clinic, sensor, since } = changed.sensor;
    if (since < this.#completeSince) {
      this.#left += 1;
      return;
    }
    this.#put(STREAM_TOPICS.sensor5m, { clinic, sensor, since }, changed.sensor, since);
    this.#put(STREAM_TOPICS.clinic5m, { clinic, since }, changed.clinic, since);
    this.#stands('several_out', clinic, since, changed.sensorsOut, SEVERAL, changed.sensorsOut >= SEVERAL);
    if (!changed.region) return;
    const { region, share, clinics_out } = changed.region;
    this.#correct(STREAM_TOPICS.region5m, { region, since }, changed.region, since);
    const several = share >= REGION_SHARE && clinics_out >= SEVERAL;
    this.#stands('region_out', region, since, share, REGION_SHARE, several);
  }

  /** A finding for as long as it is true; whatever is late counts. */
  #stands(
    kind: FindingKind,
    where: string,
    at: number,
    value: number,
    threshold: number,
    isSo: boolean,
  ): void {
    const key = { kind, clinic: where, subject: where, at };
    this.#correct(STREAM_TOPICS.findings, key, isSo ? { ...key, value, threshold } : undefined, at);
  }

  /** Only what changes is said. */
  #correct(topic: StreamTopic, key: object, row: object | undefined, timestamp: number): void {
    const name = JSON.stringify(key);
    const value = row === undefined ? '' : JSON.stringify(row);
    const before = this.#standing.get(name) ?? { value: '', revision: 0 };
    if (before.value === value) return;
    const revision = before.revision + 1;
    this.#standing.delete(name);
    touch(this.#standing, name, STANDING_MAX, () => ({ value, revision }));
    this.#out({ topic, key: name, value, timestamp, revision });
  }

  #slid(ms: number): void {
    const { sensors, clinics } = this.#sliding.pass(ms);
    for (const row of sensors) {
      const { clinic, sensor, since } = row;
      if (since >= this.#completeSince)
        this.#put(STREAM_TOPICS.sensorSliding, { clinic, sensor, since }, row, since);
    }
    for (const row of clinics) {
      const { clinic, since } = row;
      if (since >= this.#completeSince) this.#put(STREAM_TOPICS.clinicSliding, { clinic, since }, row, since);
    }
  }

  #sale(sale: SaleEvent): void {
    const at = sale.sold_at;
    if (!this.#again(`pos/${sale.event_id}`)) this.#inTime(at, () => this.#sold.take({ ...sale, at }));
  }

  #inTime(at: number, take: () => void): void {
    if (at <= this.#now() + AHEAD_MS) take();
    else this.#left += 1;
  }

  #inventory(change: InventoryChange): void {
    if (this.#again(`erp/${change.event_id}`)) return;
    for (const finding of this.#stock.take(change)) this.#found(finding);
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
