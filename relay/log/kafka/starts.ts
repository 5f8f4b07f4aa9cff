import { STREAM_TOPICS } from '../../../core/contract/streams.js';
import type { From, Hole, LogTopic, Position } from '../port.js';
import type { Kit } from './kit.js';

/** `topic/partition` */
export type Place = string;
export const placeOf = (topic: string, partition: number): Place => `${topic}/${partition}`;

/** Topics that are dated by whoever writes: two writers' clocks may differ so much, so their order proves less. */
const WRITERS_DIFFER_MS = 600_000;
const DATED_BY_WRITER = new Set<string>(Object.values(STREAM_TOPICS));

/** The next offset of each partition there is. Positions that Kafka does not have (any more) are told to `onHole`. */
export async function startsOf(
  kit: Kit,
  topics: readonly LogTopic[],
  from: From,
  onHole: (hole: Hole) => void,
): Promise<Map<Place, bigint>> {
  const all = await Promise.all(
    topics.map((topic) =>
      typeof from === 'number'
        ? startsAt(kit, topic, from)
        : startsFrom(
            kit,
            topic,
            from.filter((position) => position.topic === topic),
            onHole,
          ),
    ),
  );
  return new Map(all.flat());
}

async function startsAt({ admin, names }: Kit, topic: LogTopic, sinceMs: number): Promise<[Place, bigint][]> {
  const offsets = await admin.fetchTopicOffsetsByTimestamp(names.topic(topic), sinceMs);
  return offsets.map(({ partition, offset }) => [placeOf(topic, partition), BigInt(offset)]);
}

async function startsFrom(
  kit: Kit,
  topic: LogTopic,
  positions: readonly Position[],
  onHole: (hole: Hole) => void,
): Promise<[Place, bigint][]> {
  const later = await offsetsAfter(kit, topic, positions);
  const wanted = new Map(positions.map(({ partition, offset }) => [partition, BigInt(offset)]));
  return (await kit.admin.fetchTopicOffsets(kit.names.topic(topic))).map(({ partition, low, high }) => {
    const found = BigInt(low);
    const next = wanted.get(partition);
    if (next === undefined) return [placeOf(topic, partition), found];
    const anew = next > BigInt(high) || (later.get(partition) ?? next) < next;
    if (!anew && next >= found) return [placeOf(topic, partition), next];
    onHole({ topic, partition, why: anew ? 'anew' : 'gone', wanted: String(next), found: low });
    return [placeOf(topic, partition), found];
  });
}

/** Where what arrived after all that was read begins: before what was read, and it is another topic of that name. */
async function offsetsAfter({ admin, names }: Kit, topic: LogTopic, positions: readonly Position[]) {
  if (positions.length === 0) return new Map<number, bigint>();
  const spare = DATED_BY_WRITER.has(topic) ? WRITERS_DIFFER_MS : 0;
  const last = Math.max(...positions.map(({ arrivedMs }) => arrivedMs)) + spare;
  const offsets = await admin.fetchTopicOffsetsByTimestamp(names.topic(topic), last + 1);
  return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]));
}
