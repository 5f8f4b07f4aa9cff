import { z } from 'zod';
import type { Clock } from '../../core/clock/clock.js';
import {
  eventIdSchema,
  inventorySchema,
  SOURCE_TOPICS,
  saleSchema,
  type WebhookEvent,
} from '../../core/contract/sources.js';
import { messageOf } from '../../core/errors.js';
import { parseJson } from '../../core/payload.js';
import { type Problem, problemsOf } from '../../core/schema.js';
import type { Published } from '../log/port.js';
import type { SourcesConfig } from './schema.js';

/** One kind of thing that is taken: who may send it, and what becomes of a line of it. */
export interface Source {
  /** As it stands in the path and in a dead letter: `pos/sales`. */
  name: string;
  scope: string;
  secret?: string | undefined;
  /** `id`: the webhook's own, where it has one. */
  read(value: unknown, id: string | undefined): Published | { problems: Problem[] };
}

export interface SourceCounts {
  accepted: number;
  repeated: number;
  refused: number;
}

/** By source: `pos/sales`, `webhook/NAME`, `mqtt/NAME`. */
export type SourceStats = Map<string, SourceCounts>;

export function countsOf(stats: SourceStats, name: string): SourceCounts {
  const counts = stats.get(name) ?? { accepted: 0, repeated: 0, refused: 0 };
  stats.set(name, counts);
  return counts;
}

/** By name, also for what is replayed out of dead letters. */
export function sourcesOf(config: SourcesConfig, clock: Clock): Map<string, Source> {
  const webhooks = Object.entries(config.webhooks).map(([name, { secret, schema }]) =>
    webhook(name, secret, schema, clock),
  );
  const all = [
    eventSource('pos/sales', 'pos', saleSchema, SOURCE_TOPICS.sales, (sale) => sale.sold_at),
    eventSource(
      'erp/inventory',
      'erp',
      inventorySchema,
      SOURCE_TOPICS.inventory,
      (change) => change.changed_at,
    ),
    ...webhooks,
  ];
  return new Map(all.map((source) => [source.name, source]));
}

function eventSource<S extends z.ZodType<{ clinic: string; sku: string; event_id: string }>>(
  name: string,
  scope: string,
  schema: S,
  topic: Published['topic'],
  at: (event: z.output<S>) => number,
): Source {
  return {
    name,
    scope,
    read: (value) => {
      const parsed = schema.safeParse(value);
      if (!parsed.success) return { problems: problemsOf(parsed.error, value) };
      const { clinic, sku, event_id } = parsed.data;
      const record = {
        topic,
        key: `${clinic}/${sku}`,
        value: JSON.stringify(parsed.data),
        timestamp: at(parsed.data),
      };
      return { ...record, id: `${name}/${event_id}`, headers: { source: name, event_id } };
    },
  };
}

function webhook(name: string, secret: string | undefined, schema: object, clock: Clock): Source {
  const payload = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  const source = `webhook/${name}`;
  return {
    name: source,
    scope: `webhook:${name}`,
    secret,
    read: (value, given) => {
      const parsed = payload.safeParse(value);
      if (!parsed.success) return { problems: problemsOf(parsed.error, value) };
      const id = eventIdSchema.safeParse(given ?? (value as { event_id?: unknown }).event_id);
      if (!id.success) {
        const expected = 'the header webhook-id, or a field event_id in the payload';
        return { problems: [{ path: 'event_id', got: 'nothing', expected }] };
      }
      const received = clock.wall();
      const event: WebhookEvent = {
        webhook: name,
        event_id: id.data,
        received_at: received,
        payload: parsed.data as Record<string, unknown>,
      };
      return {
        topic: SOURCE_TOPICS.webhooks,
        key: name,
        value: JSON.stringify(event),
        timestamp: received,
        id: `${source}/${id.data}`,
        headers: { source, event_id: id.data },
      };
    },
  };
}

export function readLine(
  source: Source,
  text: string,
  id: string | undefined,
): Published | { problems: Problem[] } {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    return { problems: [{ path: '(line)', got: messageOf(error), expected: 'one object as JSON' }] };
  }
  return source.read(value, id);
}
