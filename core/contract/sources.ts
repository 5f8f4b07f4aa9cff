import { z } from 'zod';
import { idSchema } from '../identity.js';
import { clinic } from './fields.js';
import { epochMs } from './time.js';

/** Topics of sources other than gateways. */
export const SOURCE_TOPICS = {
  sales: 'pos.sales',
  inventory: 'erp.inventory',
  webhooks: 'webhooks',
  deadLetter: 'dead.letter',
} as const;
/** A topic that other sources’ events go to. */
export type SourceTopic = (typeof SOURCE_TOPICS)[keyof typeof SOURCE_TOPICS];

const sku = z.string().min(1).max(80).describe('what was sold or stocked');
const eventId = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'expected 1 to 128 visible ASCII characters')
  .describe('chosen by the sender; the same again does nothing');
/** Milliseconds since 1970; years before 2000 or after 2100 are another unit. */
const time = epochMs
  .min(946_684_800_000, 'expected milliseconds since 1970')
  .max(4_102_444_800_000, 'expected milliseconds since 1970')
  .meta(epochMs.meta()!);

/** SaleEvent, topic `pos.sales`, key `clinic/sku`. */
export const saleSchema = z.strictObject({
  clinic,
  sku,
  quantity: z.number().positive().max(1e9).describe('units'),
  unit_price: z.number().min(0).max(1e12).describe('of one unit'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'expected an ISO 4217 code such as "KES"')
    .describe('ISO 4217, such as `KES`'),
  sold_at: time.describe('when'),
  event_id: eventId,
});
/** A sale: units, price of one in `currency`, ms since 1970. */
export type SaleEvent = z.output<typeof saleSchema>;

/** InventoryChange, topic `erp.inventory`, key `clinic/sku`. */
export const inventorySchema = z.strictObject({
  clinic,
  sku,
  delta: z.number().min(-1e9).max(1e9).describe('units more, or below 0 fewer'),
  on_hand: z.number().min(-1e9).max(1e9).describe('units, after the change'),
  changed_at: time.describe('when'),
  event_id: eventId,
});
/** A change of stock: units, ms since 1970. */
export type InventoryChange = z.output<typeof inventorySchema>;

/** Topic `webhooks`, key the webhook's name. */
export const webhookEventSchema = z.strictObject({
  webhook: idSchema.describe('which'),
  event_id: eventId,
  received_at: time.describe('when it came'),
  payload: z.record(z.string(), z.unknown()).describe('as it was sent, checked by its JSON Schema'),
});
/** What a webhook delivered: ms since 1970. */
export type WebhookEvent = z.output<typeof webhookEventSchema>;

/** What a source sent and nobody could take, topic `dead.letter`, key the source: kept as it came, with the reasons. */
export const deadLetterSchema = z.strictObject({
  id: z.string().min(1).max(80).describe('for `relay dead-letters --replay`'),
  source: z.string().min(1).max(80).describe('`pos/sales`, `erp/inventory`, `webhook/NAME` or `mqtt/NAME`'),
  received_at: time.describe('when it came'),
  problems: z
    .array(
      z.strictObject({
        path: z.string().describe('where'),
        got: z.string().describe('what stood there'),
        expected: z.string().describe('what should'),
      }),
    )
    .min(1)
    .describe('why nobody could take it'),
  body: z.string().describe('as it was sent'),
  cut: z.boolean().describe('it was longer than is kept'),
});
/** What a source sent and nobody could take: ms since 1970. */
export type DeadLetter = z.output<typeof deadLetterSchema>;

export { eventId as eventIdSchema };
