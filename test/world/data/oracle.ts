import Database from 'better-sqlite3';
import type { Input } from './hours.js';

/*
 * What must stand in the aggregates and findings after all of these inputs: in batch, by SQL over all of them at once,
 * from what docs/reference/topics.md promises. None of the streams' own code has a part in it, nor their numbers.
 */

const TABLES = `
  CREATE TABLE inputs (n INTEGER PRIMARY KEY, topic TEXT, arrived INTEGER, j TEXT);
  CREATE TABLE regions (region TEXT, clinic TEXT);
  CREATE TABLE reorder (sku TEXT, level REAL);

  -- Each reading once; event time is that of measurement, but not after arrival, nor 40 s before.
  CREATE VIEW readings AS
    SELECT clinic, gateway, sensor, quantity, unit, value, at, quality, backfill,
      max(min(at, arrived), arrived - 40000) AS t
    FROM (
      SELECT j ->> 'clinic' clinic, j ->> 'gateway' gateway, j ->> 'sensor' sensor, j ->> 'quantity' quantity,
        j ->> 'unit' unit, j ->> 'value' value, j ->> 'measured_at' at, j ->> 'quality' quality,
        j ->> 'backfill' backfill, arrived,
        row_number() OVER (PARTITION BY j ->> 'gateway', j ->> 'epoch', j ->> 'seq' ORDER BY n) AS again
      FROM inputs WHERE topic IN ('iot.temperature', 'iot.status')
    ) WHERE again = 1;
  CREATE TABLE good AS SELECT * FROM readings LIMIT 0;

  CREATE TABLE limits AS
    SELECT '' clinic, '' sensor, '' quantity, 0.0 low, 0.0 high, 0.0 every, 0 since, 0 nth LIMIT 0;
`;

const FILL = `
  INSERT INTO good SELECT * FROM readings WHERE quality <> 'bad';
  INSERT INTO limits
    SELECT i.j ->> 'clinic', i.j ->> 'sensor', c.value ->> 'quantity', c.value ->> 'low', c.value ->> 'high',
      (i.j ->> 'every_ms') / 1000.0, i.j ->> 'announced_at',
      row_number() OVER (PARTITION BY i.j ->> 'clinic', i.j ->> 'sensor', c.value ->> 'quantity' ORDER BY n)
    FROM inputs i, json_each(i.j, '$.channels') c WHERE topic = 'iot.sensors';
`;

/** The limits in force at a window's end, before the first announcement that one; 2 to 8 °C of what nobody announced. */
const JUDGED = `
  SELECT w.*,
    CASE WHEN l.nth IS NULL AND w.quantity = 'temperature' THEN 2 ELSE l.low END AS low,
    CASE WHEN l.nth IS NULL AND w.quantity = 'temperature' THEN 8 ELSE l.high END AS high,
    max(60, ifnull(l.every, 60)) AS every
  FROM w LEFT JOIN limits l ON l.clinic = w.clinic AND l.sensor = w.sensor AND l.quantity = w.quantity
    AND l.nth = ifnull(
      (SELECT max(nth) FROM limits x WHERE x.clinic = w.clinic AND x.sensor = w.sensor
        AND x.quantity = w.quantity AND x.since < w.since + w.length), 1)`;

const OUT = `ends - begins >= 120000 AND (min > high OR max < low)`;

/** Windows of `rows(clinic, sensor, quantity, unit, value, at, since)`, each judged by minutes. */
const sensorWindows = (rows: string) => `
  WITH rows AS (${rows}),
  minutes AS (
    SELECT clinic, sensor, quantity, since, round(sum(value), 3) / count(*) AS mean
    FROM rows GROUP BY 1, 2, 3, 4, at / 60000),
  w AS (
    SELECT clinic, sensor, quantity, min(unit) unit, since, 300000 AS length, count(*) count, min(value) min,
      max(value) max, sum(value) sum, max(at) ends, min(at) begins FROM rows GROUP BY 1, 2, 3, since),
  judged AS (${JUDGED}),
  weighed AS (
    SELECT j.*, count(*) known, sum(ifnull(m.mean > high, 0) OR ifnull(m.mean < low, 0)) beyond
    FROM judged j JOIN minutes m USING (clinic, sensor, quantity, since) GROUP BY 1, 2, 3, j.since)
  SELECT *, min(300, known * every) covered, min(300, known * every) * beyond / known outside FROM weighed`;

const FIXED = `SELECT clinic, sensor, quantity, unit, good.value, at, at - at % 300000 AS since FROM good`;
/** A minute lies in the five windows that end with it and after it. */
const SLIDING = `
  SELECT clinic, sensor, quantity, unit, good.value, t AS at, t - t % 60000 - 60000 * k.value AS since
  FROM good, json_each('[0,1,2,3,4]') k WHERE NOT backfill`;

const THREE_MINUTES = `
  WITH rows AS (
    SELECT clinic, sensor, quantity, good.value, at, at - at % 60000 - 60000 * k.value AS since
    FROM good, json_each('[0,1,2]') k WHERE quantity = 'temperature'),
  w AS (
    SELECT clinic, sensor, quantity, since, 180000 AS length, min(value) min, max(value) max, max(at) ends,
      min(at) begins FROM rows GROUP BY 1, 2, 3, 4),
  judged AS (${JUDGED})
  SELECT clinic, since, count(*) units FROM judged WHERE ${OUT} GROUP BY 1, 2`;

const SENSOR_ROW = `json_object('clinic', clinic, 'sensor', sensor, 'quantity', quantity, 'unit', unit, 'since', since,
  'count', count, 'min', min, 'max', max, 'mean', round(round(sum, 3) / count, 6), 'low', low, 'high', high,
  'seconds_covered', covered, 'seconds_outside', outside)`;
const CLINIC_ROW = `json_object('clinic', clinic, 'quantity', quantity, 'unit', min(unit), 'since', since,
  'count', sum(count), 'min', min(min), 'max', max(max), 'mean', round(round(sum(sum), 3) / sum(count), 6),
  'sensors', count(*), 'sensors_outside', sum(outside > 0))`;
const CLINIC = 'GROUP BY clinic, quantity, since';
const finding = (
  kind: string,
  place: 'clinic' | 'region',
  subject: string,
  at: string,
  value: string,
  threshold: string,
  unit = '1',
) =>
  `SELECT json_object('kind', '${kind}', '${place}', ${place}, 'subject', ${subject}, 'at', ${at}, 'value', ${value},
    'threshold', ${threshold}, 'unit', '${unit}')`;

/** A row a minute in which anything of a gateway arrived, and the one before it. */
const HEARD = `WITH minutes AS (SELECT DISTINCT clinic, gateway, t / 60000 m FROM readings),
  heard AS (SELECT *, lead(m) OVER (PARTITION BY clinic, gateway ORDER BY m) next FROM minutes)`;
const STOCK = `WITH once AS (
    SELECT min(n) n, j ->> 'clinic' clinic, j ->> 'sku' sku, j ->> 'on_hand' value, j ->> 'changed_at' at
    FROM inputs WHERE topic = 'erp.inventory' GROUP BY j ->> 'event_id'),
  stock AS (
    SELECT *, lag(value) OVER (PARTITION BY clinic, sku ORDER BY n) before, level
    FROM once LEFT JOIN reorder USING (sku))`;
const SALES = `WITH once AS (
    SELECT j ->> 'clinic' clinic, j ->> 'sku' sku, j ->> 'quantity' value, j ->> 'sold_at' at,
      max(min(j ->> 'sold_at', min(arrived)), min(arrived) - 40000) t
    FROM inputs WHERE topic = 'pos.sales' GROUP BY j ->> 'event_id'),
  sales AS (
    SELECT *, count(*) OVER day n, avg(value) OVER day mean FROM once
    WINDOW day AS (PARTITION BY clinic, sku ORDER BY t RANGE BETWEEN 86400000 PRECEDING AND 1 PRECEDING))`;

/** Topic and statement. */
const EXPECTED: [string, string][] = [
  ['agg.sensor.5m', `SELECT ${SENSOR_ROW} FROM (${sensorWindows(FIXED)})`],
  ['agg.clinic.5m', `SELECT ${CLINIC_ROW} FROM (${sensorWindows(FIXED)}) ${CLINIC}`],
  ['agg.sensor.sliding', `SELECT ${SENSOR_ROW} FROM (${sensorWindows(SLIDING)})`],
  ['agg.clinic.sliding', `SELECT ${CLINIC_ROW} FROM (${sensorWindows(SLIDING)}) ${CLINIC}`],
  [
    'agg.region.5m',
    `SELECT json_object('region', region, 'since', since, 'clinics', clinics, 'clinics_out', count(DISTINCT clinic),
      'share', round(1.0 * count(DISTINCT clinic) / clinics, 6))
    FROM (${sensorWindows(FIXED)}) JOIN regions USING (clinic)
      JOIN (SELECT region, count(*) clinics FROM regions GROUP BY 1) USING (region)
    WHERE quantity = 'temperature' AND ${OUT} GROUP BY region, since`,
  ],
  [
    'stream.findings',
    `${finding('several_out', 'clinic', 'clinic', 'since', 'units', '2')} FROM (${THREE_MINUTES}) WHERE units >= 2`,
  ],
  [
    'stream.findings',
    `${finding('region_out', 'region', 'region', 'since', 'round(1.0 * count(*) / clinics, 6)', '0.3')}
    FROM (${THREE_MINUTES}) JOIN regions USING (clinic)
      JOIN (SELECT region, count(*) clinics FROM regions GROUP BY 1) USING (region)
    GROUP BY region, since HAVING count(*) >= 2 AND 1.0 * count(*) / clinics >= 0.3`,
  ],
  [
    'stream.findings',
    `${HEARD} ${finding('gateway_silent', 'clinic', 'gateway', 'm * 60000', '15', '15', 'min')} FROM heard
    WHERE next IS NULL OR next - m > 15`,
  ],
  [
    'stream.findings',
    `${HEARD} ${finding('gateway_back', 'clinic', 'gateway', 'next * 60000', 'next - m', '15', 'min')} FROM heard
    WHERE next - m > 15`,
  ],
  [
    'stream.findings',
    `${STOCK} ${finding('stock_negative', 'clinic', 'sku', 'at', 'value', '0')} FROM stock WHERE value < 0`,
  ],
  [
    'stream.findings',
    `${STOCK} ${finding('stock_corrected', 'clinic', 'sku', 'at', 'value', '0')} FROM stock
    WHERE value >= 0 AND before < 0`,
  ],
  [
    'stream.findings',
    `${STOCK} ${finding('stock_low', 'clinic', 'sku', 'at', 'value', 'level')} FROM stock
    WHERE value >= 0 AND value < level`,
  ],
  [
    'stream.findings',
    `${STOCK} ${finding('stock_restored', 'clinic', 'sku', 'at', 'value', 'level')} FROM stock
    WHERE value >= level AND before < level`,
  ],
  [
    'stream.findings',
    `${SALES} ${finding('sale_spike', 'clinic', 'sku', 'at', 'value', 'round(2 * mean, 4)')} FROM sales
    WHERE n >= 3 AND value > 2 * mean`,
  ],
];

/** These findings have an expectation here; the others look at single readings. */
export const FORETOLD = [
  'several_out',
  'region_out',
  'gateway_silent',
  'gateway_back',
  'stock_negative',
  'stock_corrected',
  'stock_low',
  'stock_restored',
  'sale_spike',
];

interface Settings {
  reorder: Record<string, number>;
  regions: Record<string, { clinics: string[] }>;
}

/** In one order of fields, and without what floating point leaves behind the sixth digit. */
export const plain = (topic: string, row: object): string =>
  `${topic} ${JSON.stringify(
    Object.entries(row)
      .map(([name, value]) => [name, typeof value === 'number' ? Number(value.toFixed(5)) : value])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  )}`;

/** What must stand in the end, once event time has passed by all of it. */
export function foretell(inputs: readonly Input[], { reorder, regions }: Settings): string[] {
  const db = new Database(':memory:');
  try {
    db.exec(TABLES);
    const insert = db.prepare('INSERT INTO inputs (topic, arrived, j) VALUES (?, ?, ?)');
    const level = db.prepare('INSERT INTO reorder VALUES (?, ?)');
    const place = db.prepare('INSERT INTO regions VALUES (?, ?)');
    db.transaction(() => {
      for (const { topic, arrivedMs, value } of inputs) insert.run(topic, arrivedMs, value);
      for (const one of Object.entries(reorder)) level.run(...one);
      for (const [region, { clinics }] of Object.entries(regions))
        for (const clinic of clinics) place.run(region, clinic);
    })();
    db.exec(FILL);
    return EXPECTED.flatMap(([topic, statement]) =>
      (db.prepare(statement).pluck().all() as string[]).map((row) => plain(topic, JSON.parse(row))),
    ).sort();
  } finally {
    db.close();
  }
}

/** The last record of each key that was not taken back, of what can be foretold. */
export function standing(records: readonly { topic: string; key: string; value: string }[]): string[] {
  const rows = new Map<string, string>();
  for (const { topic, key, value } of records) {
    const name = `${topic} ${key}`;
    if (value === '') rows.delete(name);
    else rows.set(name, plain(topic, JSON.parse(value)));
  }
  return [...rows.values()].filter(isForetold).sort();
}

export const kindOf = (row: string) => /\["kind","(\w+)"\]/.exec(row)?.[1];

function isForetold(row: string): boolean {
  const kind = kindOf(row);
  return kind === undefined || FORETOLD.includes(kind);
}

export const difference = (a: readonly string[], b: readonly string[]) => {
  const has = new Set(b);
  return a.filter((row) => !has.has(row));
};
