import type { KafkaMessage } from 'kafkajs';
import { sleep } from '../../../core/clock/clock.js';
import {
  AGAIN_MS,
  type Behind,
  type From,
  type Hole,
  type LogTopic,
  type OnRecords,
  type StoredRecord,
  type Tail,
} from '../port.js';
import { type Cluster, clusterOf } from './client.js';
import type { ValueCodec } from './codec.js';
import { Cursor } from './cursor.js';
import type { Kit } from './kit.js';
import { type Place, placeOf, startsOf } from './starts.js';

/** Where compaction dropped the last records of a partition, nothing will come: known after so long and so many answers. */
const NOTHING_MORE_MS = 3000;
const NOTHING_MORE_ANSWERS = 3;

/** Leaders are chosen within a second or two. */
const LEADER_TRIES = 10;
const LEADER_PAUSE_MS = 300;
/** A relay that died leaves a transaction open, which Kafka ends within 20 s (10 s, looked at each 10 s). */
const HELD_BACK_MS = 30_000;

/** Records from there, and all that follow. */
export async function tailTopics(
  reader: Kit,
  topics: readonly LogTopic[],
  from: From,
  onRecords: OnRecords,
  onHole: (hole: Hole) => void = () => {},
): Promise<Tail> {
  const { clock, codec } = reader;
  const stop = new AbortController();
  const openedMs = clock.wall();
  const arrived = new Map<Place, number>();
  const starts = await startsOf(reader, topics, from, onHole);
  const cursor = new Cursor(reader, topics, starts, async (place, messages) => {
    while (!stop.signal.aborted) {
      try {
        const records = await allStored(place, messages, codec);
        await onRecords(records);
        arrived.set(placeOf(place.topic, place.partition), records.at(-1)!.arrivedMs);
        return true;
      } catch {
        await sleep(clock, AGAIN_MS, stop.signal);
      }
    }
    return false;
  });
  await cursor.open();
  return {
    behind: async (): Promise<Behind> => {
      const behind = await cursor.behind(onHole);
      const since = behind.places.map((place) => arrived.get(place) ?? openedMs);
      return { records: behind.records, sinceMs: since.length > 0 ? Math.min(...since) : null };
    },
    stop: async () => {
      stop.abort();
      await cursor.close();
    },
  };
}

/** Records from there, up to what is the end now. */
export async function readTopics(
  reader: Kit,
  topics: readonly LogTopic[],
  from: From,
  onRecords: OnRecords,
): Promise<void> {
  const { clock, codec } = reader;
  const starts = await startsOf(reader, topics, from, () => {});
  const ends = await endsOf(reader, topics, starts);
  if (ends.size === 0) return;
  let heardMs = clock.mono();
  let answers = 0;
  let busy = false;
  let end: (error?: unknown) => void = () => {};
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error as Error));
  });
  const deliver: ConstructorParameters<typeof Cursor>[3] = async (place, messages) => {
    const last = ends.get(placeOf(place.topic, place.partition));
    const before = messages.filter(({ offset }) => last !== undefined && BigInt(offset) < last);
    busy = true;
    try {
      if (before.length > 0) await onRecords(await allStored(place, before, codec));
      return true;
    } catch (error) {
      end(error);
      return false;
    } finally {
      busy = false;
      heardMs = clock.mono();
      answers = 0;
    }
  };
  const cursor = new Cursor(reader, topics, starts, deliver, {
    onPassed: (place, next) => {
      if (next >= (ends.get(place) ?? next)) ends.delete(place);
      if (ends.size === 0) end();
    },
    onAnswer: () => {
      answers += 1;
      const quietMs = busy ? 0 : clock.mono() - heardMs;
      if (quietMs <= NOTHING_MORE_MS || answers <= NOTHING_MORE_ANSWERS) return;
      answers = 0;
      heldBack(reader, ends).then((place) => {
        if (place === undefined) end();
        else if (quietMs > HELD_BACK_MS)
          end(new Error(`${place} is held back by a transaction that stays open`));
      }, end);
    },
    onGone: end,
  });
  try {
    await cursor.open();
    await ended;
  } finally {
    await cursor.close();
  }
}

/** A partition where an open transaction keeps readers from what they are to read. */
async function heldBack({ admin, names }: Kit, ends: ReadonlyMap<Place, bigint>): Promise<Place | undefined> {
  for (const topic of new Set(
    [...ends.keys()].map((place) => place.slice(0, place.lastIndexOf('/')) as LogTopic),
  )) {
    // To kafkajs's admin a partition ends where its committed part does.
    for (const { partition, high } of await admin.fetchTopicOffsets(names.topic(topic))) {
      const place = placeOf(topic, partition);
      if (BigInt(high) < (ends.get(place) ?? 0n)) return place;
    }
  }
  return undefined;
}

/**
 * Where what is written ends, not what is committed: a transaction counts as open for a moment after its writer was told
 * that it is committed, and what this relay was told is there must be read.
 */
async function endsOf(kit: Kit, topics: readonly LogTopic[], starts: ReadonlyMap<Place, bigint>) {
  const ends = new Map<Place, bigint>();
  const cluster = clusterOf(kit.kafka, 'written');
  try {
    await cluster.connect();
    for (const topic of topics) {
      for (const { partition, offset } of await writtenEnds(cluster, kit, topic)) {
        const place = placeOf(topic, partition);
        if (BigInt(offset) > (starts.get(place) ?? 0n)) ends.set(place, BigInt(offset));
      }
    }
  } finally {
    await cluster.disconnect();
  }
  return ends;
}

/** A partition's leader may just have changed, or be about to be chosen. */
async function writtenEnds(cluster: Cluster, { names, clock }: Kit, topic: LogTopic) {
  const name = names.topic(topic);
  for (let left = LEADER_TRIES; ; left--) {
    try {
      await cluster.addTargetTopic(name);
      const partitions = cluster
        .findTopicPartitionMetadata(name)
        .map(({ partitionId }) => ({ partition: partitionId }));
      const [found] = await cluster.fetchTopicsOffset([{ topic: name, partitions, fromBeginning: false }]);
      return found?.partitions ?? [];
    } catch (error) {
      if (left === 0) throw error;
      await sleep(clock, LEADER_PAUSE_MS);
      await cluster.refreshMetadata();
    }
  }
}

function allStored(
  place: { topic: LogTopic; partition: number },
  messages: readonly KafkaMessage[],
  codec: ValueCodec,
) {
  return Promise.all(messages.map((message) => toStored(place, message, codec)));
}

async function toStored(
  { topic, partition }: { topic: LogTopic; partition: number },
  message: KafkaMessage,
  codec: ValueCodec,
): Promise<StoredRecord> {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
  const arrivedMs = Number(message.timestamp);
  return {
    topic,
    partition,
    key: message.key?.toString() ?? '',
    value: message.value ? await codec.decode(topic, message.value) : '',
    headers: Object.fromEntries(headers) as Record<string, string>,
    timestamp: arrivedMs,
    offset: message.offset,
    arrivedMs,
  };
}
