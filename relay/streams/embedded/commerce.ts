import type { InventoryChange, SaleEvent } from '../../../core/contract/sources.js';
import type { Finding } from '../../../core/contract/streams.js';
import { roundTo } from './aggregates.js';

const DAY_MS = 86_400_000;
/** Sales of one SKU remembered within a day. */
const SALES_MAX = 10_000;
const SKUS_MAX = 20_000;

/** Sales far above their day's average, in the order of event time. */
export class Sales {
  readonly #bySku = new Map<string, SaleEvent[]>();

  take(sale: SaleEvent): Finding | undefined {
    const { clinic, sku, quantity, sold_at: at } = sale;
    const key = `${clinic}/${sku}`;
    const before = (this.#bySku.get(key) ?? []).filter((s) => s.sold_at >= at - DAY_MS).slice(-SALES_MAX);
    this.#bySku.delete(key);
    this.#bySku.set(key, [...before, sale]);
    if (this.#bySku.size > SKUS_MAX) this.#bySku.delete(this.#bySku.keys().next().value!);
    if (before.length < 3) return undefined;
    const threshold = (2 * before.reduce((sum, s) => sum + s.quantity, 0)) / before.length;
    if (quantity <= threshold) return undefined;
    return {
      kind: 'sale_spike',
      clinic,
      subject: sku,
      at,
      value: quantity,
      threshold: roundTo(threshold, 4),
    };
  }
}

/** `reorder`: below how many units of a SKU somebody must order. */
export function stockFinding(
  { clinic, sku, on_hand: value, changed_at: at }: InventoryChange,
  reorder: Readonly<Record<string, number>>,
): Finding | undefined {
  if (value < 0) return { kind: 'stock_negative', clinic, subject: sku, at, value, threshold: 0 };
  const threshold = reorder[sku];
  if (threshold === undefined || value >= threshold) return undefined;
  return { kind: 'stock_low', clinic, subject: sku, at, value, threshold };
}
