import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/*
 * Kafka's record batch, magic 2 (https://kafka.apache.org/documentation/#recordbatch):
 *
 *   baseOffset int64 | length int32 | partitionLeaderEpoch int32 | magic int8 | crc uint32 (CRC-32C of what follows)
 *   | attributes int16 | lastOffsetDelta int32 | baseTimestamp int64 | maxTimestamp int64 | producerId int64
 *   | producerEpoch int16 | baseSequence int32 | count int32 | records
 *   record: length varint | attributes int8 | timestampDelta varlong | offsetDelta varint | key | value | headers
 *   key, value: length varint (-1: null) and bytes; headers: count varint, each a key and a value
 *
 * kafkajs makes a zeroed buffer of 512 bytes for each record and each of its headers, and copies them together: most of
 * a relay's time (see `fleet.cpu` in bench/). This writes a whole batch into one buffer; a test holds both to the same
 * bytes. Compression is of the records alone.
 */
export interface KafkaRecord {
  key: string | Buffer | null;
  value: string | Buffer | null;
  headers: Record<string, string | Buffer | (string | Buffer)[]>;
  timestampDelta: number;
  offsetDelta: number;
}

export interface KafkaBatch {
  compression?: number;
  firstTimestamp: string | number;
  maxTimestamp: string | number;
  lastOffsetDelta: number;
  transactional: boolean;
  /** A Long of kafkajs. */
  producerId: { toString(): string };
  producerEpoch: number;
  firstSequence: number;
  records: KafkaRecord[];
}

export const BATCH_HEAD_BYTES = 61;
const LENGTH_AT = 8;
const CRC_AT = 17;
const BODY_AT = 21;
const MAGIC = 2;
const TRANSACTIONAL = 16;
/** Shorter strings are faster written here than handed to the buffer. */
const SHORT = 48;
/** More records than a batch ever has. */
const DELTA_MAX = 1_000_000;

type Crc = (buffer: Buffer) => number;

/**
 * Kafka's numbers. 5000 readings as JSON (421 bytes each with their headers) and as Avro (278) become, by node:zlib on
 * one slow core: gzip 1 a 17th and an 11th at 150 to 300 MB/s, gzip 6 a 20th and a 13th at 50 to 70, zstd 1 a 20th and a
 * 14th at 260 to 290. zstd would not be worth what Flink and Java clients then need besides; lz4 is not in Node.
 */
export const COMPRESSION = { none: 0, gzip: 1 } as const;
const GZIP_LEVEL = 1;
/** Smaller ones gain nothing. */
const COMPRESSED_MIN = 512;
const squeeze = promisify(gzip);

export async function encodeBatch(batch: KafkaBatch, crc: Crc): Promise<Buffer> {
  const plain = encodeRecords(batch.records);
  const compressed = batch.compression === COMPRESSION.gzip && plain.length >= COMPRESSED_MIN;
  if (!compressed) return finished(plain, batch, COMPRESSION.none, crc);
  const packed = await squeeze(plain.subarray(BATCH_HEAD_BYTES), { level: GZIP_LEVEL });
  const buffer = Buffer.allocUnsafe(BATCH_HEAD_BYTES + packed.length);
  packed.copy(buffer, BATCH_HEAD_BYTES);
  return finished(buffer, batch, COMPRESSION.gzip, crc);
}

/** The records, behind room for the head. */
function encodeRecords(records: readonly KafkaRecord[]): Buffer {
  const sizes = records.map(bodySize);
  const total = sizes.reduce((sum, size) => sum + varintSize(size) + size, BATCH_HEAD_BYTES);
  const buffer = Buffer.allocUnsafe(total);
  let at = BATCH_HEAD_BYTES;
  for (const [i, record] of records.entries()) at = writeRecord(buffer, at, record, sizes[i]!);
  return buffer;
}

function finished(buffer: Buffer, batch: KafkaBatch, compression: number, crc: Crc): Buffer {
  buffer.writeBigInt64BE(0n, 0);
  buffer.writeInt32BE(buffer.length - LENGTH_AT - 4, LENGTH_AT);
  buffer.writeInt32BE(0, 12);
  buffer.writeInt8(MAGIC, 16);
  buffer.writeInt16BE(compression | (batch.transactional ? TRANSACTIONAL : 0), BODY_AT);
  buffer.writeInt32BE(batch.lastOffsetDelta, 23);
  buffer.writeBigInt64BE(BigInt(batch.firstTimestamp), 27);
  buffer.writeBigInt64BE(BigInt(batch.maxTimestamp), 35);
  buffer.writeBigInt64BE(BigInt(batch.producerId.toString()), 43);
  buffer.writeInt16BE(batch.producerEpoch, 51);
  buffer.writeInt32BE(batch.firstSequence, 53);
  buffer.writeInt32BE(batch.records.length, 57);
  buffer.writeUInt32BE(crc(buffer.subarray(BODY_AT)), CRC_AT);
  return buffer;
}

/** What a record takes in a batch at most, before compression. */
export function recordBytes(of: Pick<KafkaRecord, 'key' | 'value' | 'headers'>): number {
  const size = bodySize({
    key: of.key,
    value: of.value,
    headers: of.headers ?? {},
    timestampDelta: 0,
    offsetDelta: DELTA_MAX,
  });
  return varintSize(size) + size;
}

function bodySize({ key, value, headers, timestampDelta, offsetDelta }: KafkaRecord): number {
  let size = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + bytesSize(key) + bytesSize(value);
  let count = 0;
  for (const name in headers) {
    for (const one of many(headers[name]!)) {
      size += bytesSize(name) + bytesSize(one);
      count += 1;
    }
  }
  return size + varintSize(count);
}

function writeRecord(buffer: Buffer, from: number, record: KafkaRecord, size: number): number {
  const { key, value, headers, timestampDelta, offsetDelta } = record;
  let at = writeVarint(buffer, from, size);
  buffer[at++] = 0;
  at = writeVarint(buffer, at, timestampDelta);
  at = writeVarint(buffer, at, offsetDelta);
  at = writeBytes(buffer, writeBytes(buffer, at, key), value);
  let count = 0;
  for (const name in headers) count += many(headers[name]!).length;
  at = writeVarint(buffer, at, count);
  for (const name in headers) {
    for (const one of many(headers[name]!)) at = writeBytes(buffer, writeBytes(buffer, at, name), one);
  }
  return at;
}

const many = (value: KafkaRecord['headers'][string]) => (Array.isArray(value) ? value : [value]);

const bytesSize = (value: string | Buffer | null): number => {
  if (value === null) return 1;
  const length = Buffer.byteLength(value);
  return varintSize(length) + length;
};

/** Zigzag, seven bits a byte; beyond 32 bits with the arithmetic of doubles, exact to 2^53. */
function varintSize(value: number): number {
  let rest = zigzag(value);
  let bytes = 1;
  while (rest >= 128) {
    rest = Math.floor(rest / 128);
    bytes += 1;
  }
  return bytes;
}

function writeVarint(buffer: Buffer, from: number, value: number): number {
  let rest = zigzag(value);
  let at = from;
  while (rest >= 128) {
    buffer[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  buffer[at] = rest;
  return at + 1;
}

const zigzag = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value);

function writeBytes(buffer: Buffer, from: number, value: string | Buffer | null): number {
  if (value === null) return writeVarint(buffer, from, -1);
  const length = Buffer.byteLength(value);
  const at = writeVarint(buffer, from, length);
  if (typeof value !== 'string') value.copy(buffer, at);
  // As many bytes as characters: ASCII.
  else if (length > value.length) buffer.utf8Write(value, at, length);
  else if (length > SHORT) buffer.latin1Write(value, at, length);
  else for (let i = 0; i < length; i++) buffer[at + i] = value.charCodeAt(i);
  return at + length;
}

declare global {
  // Node's own, which its types leave out.
  interface Buffer {
    latin1Write(text: string, offset: number, length: number): number;
    utf8Write(text: string, offset: number, length: number): number;
  }
}

const require = createRequire(import.meta.url);
const BATCH = 'kafkajs/src/protocol/recordBatch/v0/index.js';
const RECORD = 'kafkajs/src/protocol/recordBatch/record/v0/index.js';

/** What kafkajs writes into: `buffer` is `buf` up to `offset`. */
interface Encoded {
  buf: Buffer;
  offset: number;
  readonly buffer: Buffer;
}

/** kafkajs's own, for the test. */
export interface Original {
  Record: (record: KafkaRecord) => unknown;
  RecordBatch: (batch: object) => Promise<Encoded>;
  crc32C: Crc;
}

let original: Original | undefined;

/** Puts this in the place of kafkajs's encoder, before its first request. kafkajs is pinned by the lockfile. */
export function replaceEncoder(): Original {
  if (original) return original;
  const batch = require(BATCH) as { RecordBatch: Original['RecordBatch'] };
  const Record = require(RECORD) as Original['Record'];
  const Encoder = require('kafkajs/src/protocol/encoder.js') as new () => Encoded;
  const crc32C = require('kafkajs/src/protocol/recordBatch/crc32C/index.js') as Crc;
  const own = batch.RecordBatch;
  original = { Record, RecordBatch: own, crc32C };
  // Records stay as they are until their batch is written.
  require.cache[require.resolve(RECORD)]!.exports = (record: Partial<KafkaRecord>): KafkaRecord => ({
    key: record.key ?? null,
    value: record.value ?? null,
    headers: record.headers ?? {},
    timestampDelta: record.timestampDelta ?? 0,
    offsetDelta: record.offsetDelta ?? 0,
  });
  batch.RecordBatch = async (of: object) => {
    const buffer = await encodeBatch(of as KafkaBatch, crc32C);
    return Object.assign(new Encoder(), { buf: buffer, offset: buffer.length });
  };
  return original;
}
