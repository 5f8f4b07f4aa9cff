import { remember, touch } from '../../../core/bounded.js';
import type { InventoryChange, SaleEvent } from '../../../core/contract/sources.js';
import type { Finding, FindingKind } from '../../../core/contract/streams.js';
import { DAY } from '../../../core/durations.js';
import { own } from '../../../core/own.js';
import { idOf } from '../../alerts/port.js';
import type { Begun } from './standing.js';
import { roundTo } from './sums.js';

/** Sales of one SKU remembered within a day. */
const SALES_MAX = 10_000;
const SKUS_MAX = 20_000;

/** Sales far above their day's average, in the order of event time. */
export class Sales {
  readonly #bySku = new Map<string, (SaleEvent & { t: number })[]>();

  take(sale: SaleEvent & { t: number }): Finding | undefined {
    const { clinic, sku, quantity, sold_at: at, t } = sale;
    const key = `${clinic}/${sku}`;
    const before = (this.#bySku.get(key) ?? []).filter((s) => s.t >= t - DAY).slice(-SALES_MAX);
    remember(this.#bySku, key, [...before, sale], SKUS_MAX);
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

/** Stock below zero or below what must be ordered, and its return; in the order in which it arrived. */
export class Stock {
  readonly #reorder: Readonly<Record<string, number>>;
  readonly #before = new Map<string, number>();
  /** By clinic and the SKU's name in alerts; as many as stand at most. */
  readonly #begun = new Map<string, number>();

  /** `reorder`: below how many units of a SKU somebody must order. */
  constructor(reorder: Readonly<Record<string, number>>) {
    this.#reorder = reorder;
  }

  /** Low or below zero since before anything that is taken here; of both, what is lower. */
  begun({ clinic, subject, value }: Begun): void {
    const key = `${clinic}/${subject}`;
    this.#begun.set(key, Math.min(value, this.#begun.get(key) ?? Number.POSITIVE_INFINITY));
  }

  take({ clinic, sku, on_hand: value, changed_at: at }: InventoryChange): Finding[] {
    const key = `${clinic}/${sku}`;
    const begun = () => this.#begun.get(`${clinic}/${idOf(sku)}`);
    const before = this.#before.get(key) ?? begun() ?? Number.POSITIVE_INFINITY;
    this.#before.delete(key);
    touch(this.#before, key, SKUS_MAX, () => value);
    const found: Finding[] = [];
    const add = (kind: FindingKind, threshold: number) =>
      found.push({ kind, clinic, subject: sku, at, value, threshold });
    if (value < 0) add('stock_negative', 0);
    else if (before < 0) add('stock_corrected', 0);
    const level = own(this.#reorder, sku);
    if (level !== undefined && value >= 0) {
      if (value < level) add('stock_low', level);
      else if (before < level) add('stock_restored', level);
    }
    return found;
  }
}
