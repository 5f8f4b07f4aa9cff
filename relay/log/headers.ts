import { type TraceContext, traceparent } from '../../core/identity.js';

export interface Numbered {
  gateway: string;
  epoch: string;
  seq: number;
  backfill: boolean;
}

/** The headers of whatever has a place in a gateway's ring. */
export const headersOf = (
  { gateway, epoch, seq, backfill }: Numbered,
  trace: TraceContext,
): Record<string, string> => ({
  gateway,
  epoch,
  seq: String(seq),
  backfill: String(backfill),
  traceparent: traceparent(trace),
});
