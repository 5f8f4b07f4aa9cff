import { z } from 'zod';

/** Avro 1.11 schemas, as far as ours need them. */
export type Avro =
  | 'null'
  | 'boolean'
  | 'long'
  | 'double'
  | 'string'
  | AvroRecord
  | { type: 'array'; items: Avro }
  | { type: 'string'; logicalType: 'json' }
  | { type: 'long'; logicalType: 'timestamp-millis' }
  | Avro[];

interface AvroField {
  name: string;
  type: Avro;
  default?: null | string;
  doc?: string;
}

export interface AvroRecord {
  type: 'record';
  name: string;
  namespace?: string;
  doc?: string;
  fields: AvroField[];
}

interface Json {
  type?: string | string[];
  properties?: Record<string, Json>;
  required?: string[];
  items?: Json;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Json[];
  oneOf?: Json[];
  description?: string;
  default?: unknown;
  /** `epochMs` has it. */
  logicalType?: string;
}

/**
 * The Avro schema of a message that a zod schema describes: the same fields with the same names. What may be absent is
 * null, or its default where that is a text; a time has its logical type; an object of unknown fields, or one of several
 * shapes, is its JSON as a string (logical type `json`), which Avro has no type for. Enumerations are strings: Flink reads them as such, and Avro lets no reader take an enum for one.
 */
export function avroOf(name: string, schema: z.ZodType, doc: string): AvroRecord {
  const json = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }) as Json;
  const record = typeOf(json, name);
  if (typeof record !== 'object' || Array.isArray(record) || record.type !== 'record') {
    throw new RangeError(`${name}: expected a schema of an object`);
  }
  return { type: 'record', name, namespace: 'org.coldwatch', doc, fields: record.fields };
}

function typeOf(json: Json, name: string): Avro {
  const union = json.anyOf ?? json.oneOf;
  if (union) return unionOf(union, name);
  if (Array.isArray(json.type))
    return unionOf(
      json.type.map((type) => ({ ...json, type })),
      name,
    );
  if (json.enum) return 'string';
  if (json.const !== undefined) return typeof json.const === 'string' ? 'string' : 'long';
  switch (json.type) {
    case 'object':
      return json.properties ? recordOf(json, name) : AS_JSON;
    case 'array':
      return { type: 'array', items: typeOf(json.items ?? {}, `${name}Item`) };
    case 'integer':
      return json.logicalType === AS_TIME.logicalType ? AS_TIME : 'long';
    case 'number':
      return 'double';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    default:
      return 'string';
  }
}

function unionOf(members: Json[], name: string): Avro {
  const others = members.filter(({ type }) => type !== 'null');
  const [only] = others;
  const type = others.length === 1 && only ? typeOf(only, name) : AS_JSON;
  return others.length < members.length ? ['null', type] : type;
}

const AS_JSON: Avro = { type: 'string', logicalType: 'json' };
const AS_TIME = { type: 'long', logicalType: 'timestamp-millis' } as const;

function recordOf({ properties, required }: Json, name: string): AvroRecord {
  const fields = Object.entries(properties ?? {}).map(([field, json]): AvroField => {
    const type = typeOf(json, name + field[0]!.toUpperCase() + field.slice(1));
    const doc = json.description === undefined ? {} : { doc: json.description };
    if (typeof json.default === 'string') return { name: field, type, default: json.default, ...doc };
    if (required?.includes(field) && json.default === undefined) return { name: field, type, ...doc };
    const optional: Avro = Array.isArray(type) ? type : ['null', type];
    return { name: field, type: optional, default: null, ...doc };
  });
  return { type: 'record', name, fields };
}

/**
 * Why a reader with `reader` could not read what was written with `writer` (Avro's schema resolution); empty when it
 * can. Widening is allowed as in the specification: long to double, a type to a union that has it.
 */
export function incompatibilities(of: Avro, written: Avro, path = '(record)'): string[] {
  const [reader, writer] = [plain(of), plain(written)];
  if (Array.isArray(writer)) return writer.flatMap((member) => incompatibilities(reader, member, path));
  if (Array.isArray(reader)) {
    const fits = reader.some((member) => incompatibilities(member, writer, path).length === 0);
    return fits
      ? []
      : [`${path}: ${nameOf(writer)} was written, and none of ${reader.map(nameOf).join(', ')} reads it`];
  }
  if (typeof reader === 'string' || typeof writer === 'string') {
    const same = reader === writer || (reader === 'double' && writer === 'long');
    return same ? [] : [`${path}: ${nameOf(writer)} was written, ${nameOf(reader)} cannot read it`];
  }
  if (reader.type === 'record' && writer.type === 'record') return ofRecords(reader, writer, path);
  if (reader.type === 'array' && writer.type === 'array') {
    return incompatibilities(reader.items, writer.items, `${path}[]`);
  }
  if (reader.type === 'string' && writer.type === 'string') return [];
  return [`${path}: ${nameOf(writer)} was written, ${nameOf(reader)} cannot read it`];
}

function ofRecords(reader: AvroRecord, writer: AvroRecord, path: string): string[] {
  return reader.fields.flatMap((field) => {
    const written = writer.fields.find(({ name }) => name === field.name);
    const at = `${path}.${field.name}`;
    if (written) return incompatibilities(field.type, written.type, at);
    return 'default' in field ? [] : [`${at}: is new and has no default, so old records have nothing for it`];
  });
}

/** A logical type is written as what it is made of. */
const plain = (type: Avro): Avro =>
  typeof type === 'object' && !Array.isArray(type) && type.type === 'long' ? 'long' : type;

const nameOf = (type: Avro): string =>
  typeof type === 'string' ? type : Array.isArray(type) ? type.map(nameOf).join('|') : type.type;

/** A message of JSON → the same as Avro has it. */
export function toAvro(schema: Avro, value: unknown): unknown {
  if (Array.isArray(schema)) {
    return value === undefined || value === null ? null : toAvro(schema.find((s) => s !== 'null')!, value);
  }
  if (typeof schema === 'string') return value;
  if (schema.type === 'long') return value;
  if (schema.type === 'string') return JSON.stringify(value);
  if (schema.type === 'array') return (value as unknown[]).map((item) => toAvro(schema.items, item));
  const fields = value as Record<string, unknown>;
  return Object.fromEntries(schema.fields.map(({ name, type }) => [name, toAvro(type, fields[name])]));
}

/** And back: what was absent is absent again. */
export function fromAvro(schema: Avro, value: unknown): unknown {
  if (Array.isArray(schema)) {
    return value === null || value === undefined ? null : fromAvro(schema.find((s) => s !== 'null')!, value);
  }
  if (typeof schema === 'string') return value;
  if (schema.type === 'long') return value;
  if (schema.type === 'string') return JSON.parse(value as string) as unknown;
  if (schema.type === 'array') return (value as unknown[]).map((item) => fromAvro(schema.items, item));
  const fields = value as Record<string, unknown>;
  const absent = (value: unknown) => value === undefined || value === null;
  const present = schema.fields.filter((field) => !absent(fields[field.name]) || !('default' in field));
  return Object.fromEntries(present.map(({ name, type }) => [name, fromAvro(type, fields[name])]));
}
