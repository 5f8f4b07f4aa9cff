import { z } from 'zod';
import { epochSchema, idSchema } from '../identity.js';
import { isQualityCode, packQuality } from '../quality.js';
import { ChannelMap } from '../reading.js';
import { type Problem, problemsOf } from '../schema.js';
import { clampMilli, MILLI_MAX, QUANTITY_NAMES } from '../units.js';
import { eventSchema, type RingEvent, type Summary, summarySchema } from './messages.js';
import { rangeSetSchema, seqSchema } from './range-schema.js';

/*
 * The wire, agent → relay: POST /v1/gateways/<gateway>/batches, one JSON object, compressed.
 *
 * A batch is rows [from, to] of one stream of one epoch. Readings travel as columns, because columns of small
 * differences compress to little and clinics pay for mobile data by the megabyte:
 *   channels  the [sensor, quantity] pairs that occur
 *   c         for each row the index of its channel
 *   t         for each row its time in ms. First row of a channel: minus t0. Second: minus the row before it in
 *             that channel. From the third: the change of that difference (0 for a steady cadence).
 *   m         for each row its value in thousandths; from a channel's second row: minus the one before it
 *   q         [row, code] for rows that are not good (core/quality)
 *   e         inclusive runs [first row, last row] whose time is only estimated
 * Events and summaries travel as they are, in order.
 */
export const BATCH_ROWS_MAX = 5000;
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;

const head = {
  v: z.literal(1),
  clinic: idSchema,
  gateway: idSchema,
  epoch: epochSchema,
  from: seqSchema,
  to: seqSchema,
  /** True when these rows were not sent while they were fresh. */
  backfill: z.boolean(),
};

const index = z.int().min(0);
const column = z.array(z.int()).min(1).max(BATCH_ROWS_MAX);

const readingsBatchSchema = z.strictObject({
  ...head,
  stream: z.literal('readings'),
  channels: z
    .array(z.tuple([idSchema, z.enum(QUANTITY_NAMES)]))
    .min(1)
    .max(BATCH_ROWS_MAX),
  t0: z.int(),
  c: z.array(index).min(1).max(BATCH_ROWS_MAX),
  t: column,
  m: column,
  q: z.array(z.tuple([index, index])).max(BATCH_ROWS_MAX),
  e: z.array(z.tuple([index, index])).max(BATCH_ROWS_MAX),
});

const eventsBatchSchema = z.strictObject({
  ...head,
  stream: z.literal('events'),
  rows: z.array(eventSchema).min(1).max(BATCH_ROWS_MAX),
});

const summariesBatchSchema = z.strictObject({
  ...head,
  stream: z.literal('summaries'),
  rows: z.array(summarySchema).min(1).max(BATCH_ROWS_MAX),
});

const batchSchema = z.discriminatedUnion('stream', [
  readingsBatchSchema,
  eventsBatchSchema,
  summariesBatchSchema,
]);
/** A batch as it goes over the wire: columns of differences, see above. */
export type WireBatch = z.infer<typeof batchSchema>;

/** The relay's answer: every range of that stream that it holds. */
export const heldSchema = z.object({ epoch: epochSchema, stream: z.string(), held: rangeSetSchema });

/** A row of the readings stream as both ends see it. */
export interface ReadingRow {
  sensor: string;
  quantity: (typeof QUANTITY_NAMES)[number];
  measuredAt: number;
  estimated: boolean;
  milli: number;
  quality: number;
}

/** Whose rows a batch has: seqs `from` to `to`, both included. */
interface BatchHead {
  clinic: string;
  gateway: string;
  epoch: string;
  from: number;
  to: number;
  backfill: boolean;
}

/** A range of one stream, whole; rows in the order of their seqs. */
export type Batch = BatchHead &
  (
    | { stream: 'readings'; rows: ReadingRow[] }
    | { stream: 'events'; rows: RingEvent[] }
    | { stream: 'summaries'; rows: Summary[] }
  );

/** What one channel's last rows were: differences are taken against it. */
interface Trail {
  index: number;
  t: number;
  dt: number | undefined;
  m: number;
}

export function encodeBatch(batch: Batch): WireBatch {
  const { clinic, gateway, epoch, from, to, backfill } = batch;
  const wireHead = { v: 1 as const, clinic, gateway, epoch, from, to, backfill };
  if (batch.stream === 'readings') return { ...wireHead, stream: 'readings', ...encodeColumns(batch.rows) };
  if (batch.stream === 'events') return { ...wireHead, stream: 'events', rows: batch.rows };
  return { ...wireHead, stream: 'summaries', rows: batch.rows };
}

function encodeColumns(rows: readonly ReadingRow[]) {
  const trails = new ChannelMap<Trail>();
  const channels: [string, ReadingRow['quantity']][] = [];
  const t0 = rows[0] ? carried(rows[0]).measuredAt : 0;
  const c: number[] = [];
  const t: number[] = [];
  const m: number[] = [];
  const q: [number, number][] = [];
  const e: [number, number][] = [];
  rows.forEach((given, i) => {
    const row = carried(given);
    const trail = trails.get(row);
    if (trail === undefined) {
      trails.set(row, { index: channels.length, t: row.measuredAt, dt: undefined, m: row.milli });
      c.push(channels.length);
      channels.push([row.sensor, row.quantity]);
      t.push(row.measuredAt - t0);
      m.push(row.milli);
    } else {
      const dt = row.measuredAt - trail.t;
      c.push(trail.index);
      t.push(dt - (trail.dt ?? 0));
      m.push(row.milli - trail.m);
      trail.t = row.measuredAt;
      trail.dt = dt;
      trail.m = row.milli;
    }
    if (row.quality !== 0) q.push([i, row.quality]);
    if (row.estimated) extendRun(e, i);
  });
  return { channels, t0, c, t, m, q, e };
}

/** A row that was kept before its bounds were known is carried at the bound, and called what it is. */
function carried(row: ReadingRow): ReadingRow {
  const { milli, measuredAt } = row;
  const fits = Math.abs(milli) <= MILLI_MAX && isTime(measuredAt);
  if (fits) return row;
  const quality = Math.abs(milli) <= MILLI_MAX ? row.quality : packQuality('bad', 'out_of_range');
  const at = Math.min(Math.max(Math.round(measuredAt), 0), YEAR_2200 - 1);
  return {
    ...row,
    milli: clampMilli(milli),
    quality,
    measuredAt: at,
    estimated: !isTime(measuredAt) || row.estimated,
  };
}

function extendRun(runs: [number, number][], i: number): void {
  const last = runs.at(-1);
  if (last && last[1] === i - 1) last[1] = i;
  else runs.push([i, i]);
}

/** A whole batch, or every problem that it has. */
export type DecodedBatch = { ok: true; batch: Batch } | { ok: false; problems: Problem[] };

/** Validates a parsed body and undoes the columns. All of a batch is good, or none of it is taken. */
export function decodeBatch(input: unknown): DecodedBatch {
  const parsed = batchSchema.safeParse(input);
  if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error, input) };
  const wire = parsed.data;
  const length = wire.stream === 'readings' ? wire.c.length : wire.rows.length;
  if (wire.to - wire.from + 1 !== length) {
    return refuse('to', wire.to, `from + rows - 1 = ${wire.from + length - 1}`);
  }
  const { clinic, gateway, epoch, from, to, backfill } = wire;
  const batchHead = { clinic, gateway, epoch, from, to, backfill };
  if (wire.stream === 'events')
    return { ok: true, batch: { ...batchHead, stream: 'events', rows: wire.rows } };
  if (wire.stream === 'summaries')
    return { ok: true, batch: { ...batchHead, stream: 'summaries', rows: wire.rows } };
  const columns = decodeColumns(wire);
  if ('problems' in columns) return { ok: false, problems: columns.problems };
  return { ok: true, batch: { ...batchHead, stream: 'readings', rows: columns.rows } };
}

type WireReadings = z.infer<typeof readingsBatchSchema>;

function decodeColumns(wire: WireReadings): { rows: ReadingRow[] } | { problems: Problem[] } {
  const length = wire.c.length;
  for (const name of ['t', 'm'] as const) {
    if (wire[name].length !== length)
      return refuse(name, wire[name].length, `${length} entries, as many as in c`);
  }
  const trails = new Map<number, Trail>();
  const rows: ReadingRow[] = [];
  for (let i = 0; i < length; i++) {
    const at = wire.c[i]!;
    const channel = wire.channels[at];
    if (!channel) return refuse(`c[${i}]`, at, `an index below ${wire.channels.length}`);
    const trail = trails.get(at) ?? { index: at, t: wire.t0, dt: undefined, m: 0 };
    const first = !trails.has(at);
    const dt = wire.t[i]! + (first ? 0 : (trail.dt ?? 0));
    const next = { index: at, t: trail.t + dt, dt: first ? undefined : dt, m: trail.m + wire.m[i]! };
    trails.set(at, next);
    if (!isTime(next.t)) return refuse(`t[${i}]`, next.t, 'a time between the years 1970 and 2200, in ms');
    if (Math.abs(next.m) > MILLI_MAX)
      return refuse(`m[${i}]`, next.m, `a value of at most ${MILLI_MAX} thousandths`);
    rows.push({
      sensor: channel[0],
      quantity: channel[1],
      measuredAt: next.t,
      estimated: false,
      milli: next.m,
      quality: 0,
    });
  }
  return applySparse(wire, rows);
}

function applySparse(
  wire: WireReadings,
  rows: ReadingRow[],
): { rows: ReadingRow[] } | { problems: Problem[] } {
  for (const [n, [i, code]] of wire.q.entries()) {
    const row = rows[i];
    if (!row) return refuse(`q[${n}][0]`, i, `a row below ${rows.length}`);
    if (!isQualityCode(code)) return refuse(`q[${n}][1]`, code, 'a known quality code');
    row.quality = code;
  }
  let next = 0;
  for (const [n, [first, last]] of wire.e.entries()) {
    if (first < next || last < first || last >= rows.length) {
      return refuse(`e[${n}]`, [first, last], `ascending runs of rows from ${next} to ${rows.length - 1}`);
    }
    for (let i = first; i <= last; i++) rows[i]!.estimated = true;
    next = last + 1;
  }
  return { rows };
}

const YEAR_2200 = 7_258_118_400_000;
const isTime = (ms: number) => ms >= 0 && ms < YEAR_2200;

function refuse(path: string, got: unknown, expected: string): { ok: false; problems: Problem[] } {
  return { ok: false, problems: [{ path, got: JSON.stringify(got), expected }] };
}
