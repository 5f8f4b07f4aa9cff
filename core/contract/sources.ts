import { z } from 'zod';
import { idSchema } from '../identity.js';

/** Topics of sources other than gateways. */
export const SOURCE_TOPICS = {
  sales: 'pos.sales',
  inventory: 'erp.inventory',
  webhooks: 'webhooks',
  deadLetter: 'dead.letter',
} as const;
export type SourceTopic = (typeof SOURCE_TOPICS)[keyof typeof SOURCE_TOPICS];

const sku = z.string().min(1).max(80);
/** Chosen by the sender; the same again is the same event, and does nothing. */
const eventId = z.string().regex(/^[\x21-\x7e]{1,128}$/, 'expected 1 to 128 visible ASCII characters');
/** Milliseconds since 1970; years before 2000 or after 2100 are another unit. */
const time = z
  .int()
  .min(946_684_800_000, 'expected milliseconds since 1970')
  .max(4_102_444_800_000, 'expected milliseconds since 1970');

/** SaleEvent, topic `pos.sales`, key `clinic/sku`. */
export const saleSchema = z.strictObject({
  clinic: idSchema,
  sku,
  quantity: z.number().positive().max(1e9),
  unit_price: z.number().min(0).max(1e12),
  currency: z.string().regex(/^[A-Z]{3}$/, 'expected an ISO 4217 code such as "KES"'),
  sold_at: time,
  event_id: eventId,
});
export type SaleEvent = z.output<typeof saleSchema>;

/** InventoryChange, topic `erp.inventory`, key `clinic/sku`. */
export const inventorySchema = z.strictObject({
  clinic: idSchema,
  sku,
  delta: z.number().min(-1e9).max(1e9),
  on_hand: z.number().min(-1e9).max(1e9).describe('after the change'),
  changed_at: time,
  event_id: eventId,
});
export type InventoryChange = z.output<typeof inventorySchema>;

/** Topic `webhooks`, key the webhook's name. */
export const webhookEventSchema = z.strictObject({
  webhook: idSchema,
  event_id: eventId,
  received_at: time,
  payload: z.record(z.string(), z.unknown()),
});
export type WebhookEvent = z.output<typeof webhookEventSchema>;

/** What a source sent and nobody could take, topic `dead.letter`, key the source: kept as it came, with the reasons. */
export const deadLetterSchema = z.strictObject({
  id: z.string().min(1).max(80),
  /** `pos/sales`, `erp/inventory` or `webhook/<name>`. */
  source: z.string().min(1).max(80),
  received_at: time,
  problems: z.array(z.strictObject({ path: z.string(), got: z.string(), expected: z.string() })).min(1),
  body: z.string(),
  /** Longer than is kept. */
  cut: z.boolean(),
});
export type DeadLetter = z.output<typeof deadLetterSchema>;

export { eventId as eventIdSchema };
