import type { ChannelId } from './limits.js';
import type { Timed } from './order.js';

/** A good reading of what is measured now. */
export interface LiveRow extends ChannelId, Timed {
  gateway: string;
  unit: string;
  /** When it was measured, by its gateway. */
  at: number;
  value: number;
}
