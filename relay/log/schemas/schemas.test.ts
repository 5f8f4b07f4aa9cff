import { readdirSync, readFileSync } from 'node:fs';
import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type AvroRecord, avroOf, fromAvro, incompatibilities, toAvro } from './avro.js';
import { avroSchemas, formerSchemas } from './schemas.js';

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');

it.each([...avroSchemas()])('%s.avsc is as generated (npm run schemas)', (topic, schema) => {
  expect(read(`${topic}.avsc`)).toBe(`${JSON.stringify(schema, null, 2)}\n`);
});

// A released schema is never edited: what is in topics for a month was written with it.
const readable = new Map([...avroSchemas(), ...formerSchemas()]);

/** What of a record of before is still looked at. */
const sharedFields = (value: object, { fields }: AvroRecord) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => fields.some((field) => field.name === name)));

describe('what was written with every released schema can be read', () => {
  it.each(readdirSync(new URL('released', import.meta.url)))('%s', (file) => {
    const topic = file.replace(/\.v\d+\.avsc$/, '');
    const now = readable.get(topic);
    expect(now, 'a topic that was released stays').toBeDefined();
    const before = JSON.parse(read(`released/${file}`)) as AvroRecord;
    expect(incompatibilities(now!, before)).toEqual([]);
    // And so says an Avro library, of values too.
    const [reader, writer] = [now!, before].map((of) => avsc.Type.forSchema(of as avsc.Schema));
    const resolver = reader!.createResolver(writer!);
    for (let i = 0; i < 50; i++) {
      const value = writer!.random();
      expect(reader!.fromBuffer(writer!.toBuffer(value), resolver)).toMatchObject(sharedFields(value, now!));
    }
  });

  it('and every topic has one', () => {
    const released = new Set(
      readdirSync(new URL('released', import.meta.url)).map((file) => file.replace(/\.v\d+\.avsc$/, '')),
    );
    expect([...avroSchemas().keys()].filter((topic) => !released.has(topic))).toEqual([]);
  });
});

it('every time is one to Avro, and nothing else is', () => {
  const times = [...avroSchemas()].flatMap(([topic, { fields }]) =>
    fields
      .filter(({ type }) => JSON.stringify(type).includes('"timestamp-millis"'))
      .map(({ name }) => `${topic} ${name}`),
  );
  const named = [...avroSchemas()].flatMap(([topic, { fields }]) =>
    fields
      .filter(({ name, type }) => /_at$|^(at|since|until)$/.test(name) && type !== 'string')
      .map(({ name }) => `${topic} ${name}`),
  );
  expect(times).toEqual(named);
  expect(times).toHaveLength(16);
});

it('a nullable number is null or a double', () => {
  const alert = avroSchemas().get('alerts')!;
  const kpi = alert.fields.find(({ name }) => name === 'kpi')!.type as AvroRecord;
  expect(kpi.fields.find(({ name }) => name === 'value')!.type).toEqual(['null', 'double']);
});

describe('compatibility', () => {
  const before = { a: z.int(), kind: z.enum(['x', 'y']), note: z.string().optional() };
  const verdict = (fields: z.ZodRawShape) =>
    incompatibilities(avroOf('T', z.strictObject(fields), ''), avroOf('T', z.strictObject(before), ''));
  it.each([
    ['nothing changed', before, []],
    ['an optional field', { ...before, b: z.string().optional() }, []],
    ['an integer made a number', { ...before, a: z.number() }, []],
    ['a field made nullable', { ...before, a: z.int().nullable() }, []],
    ['a field left out', { kind: before.kind }, []],
    ['a field that old records lack', { ...before, b: z.string() }, [/\.b: is new and has no default/]],
    ['another type', { ...before, a: z.string() }, [/\.a: long was written, string cannot read it/]],
    ['an optional field made required', { ...before, note: z.string() }, [/\.note: null was written/]],
  ] as const)('%s', (_what, fields, expected) => {
    const found = verdict(fields as z.ZodRawShape);
    expect(found).toHaveLength(expected.length);
    expected.forEach((pattern, i) => {
      expect(found[i]).toMatch(pattern);
    });
  });
});

it.each([
  [
    'alerts',
    {
      alert_id: 'a',
      episode_id: 'e',
      alert_type: 'excursion',
      timestamp: '2026-11-21T06:00:00.000Z',
      kpi: { name: 'temperature', value: null, threshold: 8, unit: 'Cel' },
      severity: 'critical',
      state: 'raised',
      rule: 'warm',
      since: '2026-11-21T06:00:00.000Z',
      sensor: 'fridge-1',
      summary: 'Fridge 1: 9 C',
      clinic: 'c',
      gateway: 'g',
      epoch: '00000000000000aa',
      seq: 1,
    },
  ],
  [
    'webhooks',
    { webhook: 'w', event_id: '1', received_at: 1_763_696_400_000, payload: { a: [1, null, 'ü'] } },
  ],
])('a record of %s comes back from Avro as it was', (topic, message) => {
  const schema = readable.get(topic)!;
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  expect(fromAvro(schema, type.fromBuffer(type.toBuffer(toAvro(schema, message))))).toEqual(message);
});
