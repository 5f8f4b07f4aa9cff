import type { PartitionAssigner } from 'kafkajs';
import { z } from 'zod';
import { AssignerProtocol } from './client.js';

/** A relay as its group sees it: where it can be reached, and the lanes that it serves now. */
const memberSchema = z.object({ url: z.string().nullable(), lanes: z.array(z.int().min(0)) });
export type Member = z.output<typeof memberSchema>;

const PROTOCOL_VERSION = 1;
const { MemberMetadata, MemberAssignment } = AssignerProtocol;

/**
 * Spreads lanes over members so that none has two more than another, and as few as possible move: each move costs
 * the reading of a partition. Members are taken in the order of their ids, so any leader comes to the same result.
 */
export function spreadLanes(
  lanes: number,
  members: ReadonlyMap<string, readonly number[]>,
): Map<string, number[]> {
  const ids = [...members.keys()].sort();
  const spread = new Map(ids.map((id): [string, number[]] => [id, []]));
  if (ids.length === 0) return spread;
  const most = Math.ceil(lanes / ids.length);
  const free = new Set(Array.from({ length: lanes }, (_, lane) => lane));
  for (const id of ids) {
    for (const lane of members.get(id)!) {
      if (spread.get(id)!.length < most && free.delete(lane)) spread.get(id)!.push(lane);
    }
  }
  const byLoad = () => ids.map((id) => spread.get(id)!).sort((a, b) => a.length - b.length);
  for (const lane of free) byLoad()[0]!.push(lane);
  for (;;) {
    const [least, fullest] = [byLoad()[0]!, byLoad().at(-1)!];
    if (fullest.length - least.length <= 1) return spread;
    least.push(fullest.pop()!);
  }
}

/** The group protocol of kafkajs around `spreadLanes`. `topic` has the lanes; `self` is asked at each joining. */
export function laneAssigner(topic: string, lanes: number, self: () => Member): PartitionAssigner {
  return () => ({
    name: 'coldwatch-lanes',
    version: PROTOCOL_VERSION,
    protocol: ({ topics }) => ({
      name: 'coldwatch-lanes',
      metadata: MemberMetadata.encode({
        version: PROTOCOL_VERSION,
        topics,
        userData: Buffer.from(JSON.stringify(self())),
      }),
    }),
    assign: async ({ members }) => {
      const held = new Map(
        members.map(({ memberId, memberMetadata }) => [memberId, memberOf(memberMetadata).lanes]),
      );
      return [...spreadLanes(lanes, held)].map(([memberId, assigned]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: PROTOCOL_VERSION,
          assignment: { [topic]: assigned },
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

/** What a member said of itself when it joined. */
export function memberOf(metadata: Buffer): Member {
  const userData = MemberMetadata.decode(metadata)?.userData.toString();
  const parsed = memberSchema.safeParse(userData ? JSON.parse(userData) : undefined);
  return parsed.success ? parsed.data : { url: null, lanes: [] };
}

/** The lanes that a member was given. */
export function lanesOf(assignment: Buffer, topic: string): number[] {
  return assignment.length === 0 ? [] : (MemberAssignment.decode(assignment)?.assignment[topic] ?? []);
}
