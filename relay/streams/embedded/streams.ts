import { remember } from '../../../core/bounded.js';
import { type ReadingMessage, TOPICS } from '../../../core/contract/messages.js';
import type { SensorMessage } from '../../../core/contract/sensors.js';
import { type InventoryChange, type SaleEvent, SOURCE_TOPICS } from '../../../core/contract/sources.js';
import {
  type Finding,
  findingKey,
  keyOf,
  STREAM_TOPICS,
  type StreamTopic,
  UNIT_OF,
} from '../../../core/contract/streams.js';
import { Decoder } from '../../log/decode.js';
import type { StoredRecord } from '../../log/port.js';
import type { Regions } from '../schema.js';
import { Aggregates, type Changed } from './aggregates.js';
import { Sales, Stock } from './commerce.js';
import { Limits } from './limits.js';
import type { LiveRow } from './live.js';
import { eventTime, InOrder, Watermark } from './order.js';
import { Out, type Standing } from './out.js';
import { Patterns } from './patterns.js';
import { Silence } from './silence.js';
import { type Slid, Sliding } from './sliding.js';
import type { Begun } from './standing.js';

export const STREAM_INPUTS = [
  TOPICS.temperature,
  TOPICS.status,
  TOPICS.sensors,
  SOURCE_TOPICS.sales,
  SOURCE_TOPICS.inventory,
] as const;

export interface StreamRecord {
  topic: StreamTopic;
  /** What the record is about: a later one with the same key takes its place. */
  key: string;
  /** Empty: what was said under this key is taken back. */
  value: string;
  /** Event time, ms. */
  timestamp: number;
  /** How often what stands under this key changed before: the same value may come back. */
  revision?: number;
}

/** Events remembered to be known when they come again. */
const SEEN_MAX = 500_000;
const STANDING_MAX = 20_000;

/** What the streams must be told beside the records. */
export interface StreamSettings {
  /** Below how many units of a SKU somebody must order. */
  reorder: Readonly<Record<string, number>>;
  regions: Regions;
}

/** Of a record, what the streams look at. */
export type Input = Pick<StoredRecord, 'topic' | 'value' | 'arrivedMs' | 'partition'>;

interface Arrival {
  clinic: string;
  gateway: string;
  /** Event time. */
  t: number;
  /** A good reading of what is measured now. */
  live: LiveRow | undefined;
}

/** The Flink job's streams on one machine: records in, records out, in bounded memory. */
export class Streams {
  readonly #out: (record: StreamRecord) => void;
  readonly #decoder = new Decoder(STREAM_INPUTS);
  readonly #limits = new Limits();
  readonly #aggregates: Aggregates;
  readonly #outNow: Out;
  readonly #patterns = new Patterns();
  readonly #sales = new Sales();
  readonly #stock: Stock;
  readonly #silence = new Silence();
  readonly #sliding = new Sliding(this.#limits);
  readonly #seen = new Map<string, true>();
  /** What stands under keys whose value may come back: findings of three minutes, and regions. */
  readonly #standing = new Map<string, { value: string; revision: number }>();
  readonly #completeSince: number;
  readonly #now: () => number;
  #left = 0;
  readonly #readingsMark = new Watermark();
  readonly #salesMark = new Watermark();
  readonly #arrivals = new InOrder<Arrival>(
    ({ clinic, gateway, t, live }) => {
      for (const finding of this.#silence.take({ clinic, gateway, t })) this.#found(finding);
      if (!live) return;
      this.#sliding.take(live);
      if (live.quantity !== 'temperature') return;
      for (const finding of this.#patterns.take(live)) this.#found(finding);
    },
    (ms) => {
      for (const finding of this.#silence.pass(ms)) this.#found(finding);
      this.#slid(this.#sliding.pass(ms));
    },
  );
  readonly #sold = new InOrder<SaleEvent & { t: number }>((sale) => {
    const finding = this.#sales.take(sale);
    if (finding) this.#found(finding);
  });

  /**
   * `completeSince`: five minutes that began before may be known in part only, and are left as they are. `now`: by the
   * clock of this process, to see which partitions are idle.
   */
  constructor(
    { reorder, regions }: StreamSettings,
    out: (record: StreamRecord) => void,
    completeSince = 0,
    now: () => number = () => 0,
  ) {
    this.#now = now;
    this.#completeSince = completeSince;
    this.#aggregates = new Aggregates(regions, this.#limits);
    this.#outNow = new Out(regions, this.#limits);
    this.#stock = new Stock(reorder);
    this.#out = out;
  }

  /** Rows too late for patterns (they are in the aggregates all the same), readings from before what is known, what is no record. */
  get late(): number {
    return this.#arrivals.late + this.#sold.late + this.#left;
  }

  /** Event time that was passed, ms; undefined before the first reading. */
  get watermark(): number | undefined {
    return Number.isFinite(this.#arrivals.passedMs) ? this.#arrivals.passedMs : undefined;
  }

  /** What began before the first record that is taken: it ends with what is. */
  begun(before: Begun): void {
    if (before.kind === 'gateway_silent') this.#silence.begun(before);
    if (before.kind === 'stock_low' || before.kind === 'stock_negative') this.#stock.begun(before);
  }

  take(record: Input): void {
    const { arrivedMs, partition } = record;
    const message = this.#decoder.one(record);
    const place = `${record.topic}/${partition}`;
    // As Flink does: what others wrote and is no record stops nothing.
    if (!message) this.#left += 1;
    // A sensor that was taken back keeps its limits: what it measured was measured.
    else if (message.value === null) return;
    else if (message.topic === TOPICS.temperature || message.topic === TOPICS.status) {
      this.#reading(message.value, arrivedMs);
      this.#arrivals.pass(this.#readingsMark.arrived(place, arrivedMs, this.#now()));
    } else if (message.topic === SOURCE_TOPICS.sales) {
      this.#sale(message.value, arrivedMs);
      this.#sold.pass(this.#salesMark.arrived(place, arrivedMs, this.#now()));
    } else if (message.topic === SOURCE_TOPICS.inventory) this.#inventory(message.value);
    else this.#sensor(message.value);
  }

  /** Time passes although nothing comes: so is silence found where everybody is silent. */
  pass(nowMs: number): void {
    this.#arrivals.pass(this.#readingsMark.passed(nowMs));
    this.#sold.pass(this.#salesMark.passed(nowMs));
  }

  #reading(reading: ReadingMessage, arrivedMs: number): void {
    const { clinic, gateway, sensor, quantity, unit, quality, epoch, seq, backfill, value } = reading;
    if (this.#again(`${gateway}/${epoch}/${seq}`)) return;
    const at = reading.measured_at;
    const t = eventTime(at, arrivedMs);
    const good = quality !== 'bad';
    const live = good && !backfill ? { clinic, gateway, sensor, quantity, unit, at, t, value } : undefined;
    this.#arrivals.take({ clinic, gateway, t, live });
    if (!good) return;
    this.#changed(this.#aggregates.take(reading));
    if (quantity !== 'temperature') return;
    for (const standing of this.#outNow.take(clinic, sensor, at, value)) this.#stands(standing);
  }

  #sensor(sensor: SensorMessage): void {
    for (const channel of this.#limits.take(sensor)) {
      for (const changed of this.#aggregates.judgeAgain(channel)) this.#changed(changed);
      for (const standing of this.#outNow.judgeAgain(channel)) this.#stands(standing);
      this.#slid(this.#sliding.judgeAgain(channel));
    }
  }

  #changed({ sensor: row, clinic: ofClinic, region }: Changed): void {
    const { clinic, sensor, quantity, since } = row;
    if (since < this.#completeSince) {
      this.#left += 1;
      return;
    }
    this.#put(STREAM_TOPICS.sensor5m, keyOf(clinic, sensor, quantity, since), row, since);
    if (ofClinic) this.#put(STREAM_TOPICS.clinic5m, keyOf(clinic, quantity, since), ofClinic, since);
    if (!region) return;
    const { isOut, ...value } = region;
    this.#correct(STREAM_TOPICS.region5m, keyOf(region.region, since), isOut ? value : undefined, since);
  }

  /** A finding for as long as it is true; whatever is late counts. */
  #stands({ finding, isSo }: Standing): void {
    const { at } = finding;
    if (at < this.#completeSince) return;
    const row = isSo ? withUnit(finding) : undefined;
    this.#correct(STREAM_TOPICS.findings, findingKey(finding), row, at);
  }

  /** Only what changes is said. */
  #correct(topic: StreamTopic, key: string, row: object | undefined, timestamp: number): void {
    const name = `${topic} ${key}`;
    const value = row === undefined ? '' : JSON.stringify(row);
    const before = this.#standing.get(name) ?? { value: '', revision: 0 };
    if (before.value === value) return;
    const revision = before.revision + 1;
    remember(this.#standing, name, { value, revision }, STANDING_MAX);
    this.#out({ topic, key, value, timestamp, revision });
  }

  #slid({ sensors, clinics }: Slid): void {
    for (const row of sensors) {
      const { clinic, sensor, quantity, since } = row;
      if (since >= this.#completeSince)
        this.#put(STREAM_TOPICS.sensorSliding, keyOf(clinic, sensor, quantity, since), row, since);
    }
    for (const row of clinics) {
      const { clinic, quantity, since } = row;
      if (since >= this.#completeSince)
        this.#put(STREAM_TOPICS.clinicSliding, keyOf(clinic, quantity, since), row, since);
    }
  }

  #sale(sale: SaleEvent, arrivedMs: number): void {
    if (this.#again(`pos/${sale.event_id}`)) return;
    this.#sold.take({ ...sale, t: eventTime(sale.sold_at, arrivedMs) });
  }

  #inventory(change: InventoryChange): void {
    if (this.#again(`erp/${change.event_id}`)) return;
    for (const finding of this.#stock.take(change)) this.#found(finding);
  }

  #again(id: string): boolean {
    if (this.#seen.has(id)) return true;
    remember(this.#seen, id, true, SEEN_MAX);
    return false;
  }

  #found(finding: Finding): void {
    this.#put(STREAM_TOPICS.findings, findingKey(finding), withUnit(finding), finding.at);
  }

  #put(topic: StreamTopic, key: string, value: object, timestamp: number): void {
    this.#out({ topic, key, value: JSON.stringify(value), timestamp });
  }
}

const withUnit = (finding: Finding): Finding => ({ ...finding, unit: UNIT_OF[finding.kind] });
