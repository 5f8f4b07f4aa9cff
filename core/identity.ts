import { z } from 'zod';
import { STREAMS } from './stream.js';

const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Clinics, gateways and sensors: they become Kafka keys, metric labels and parts of URLs. */
export const idSchema = z
  .string()
  .regex(ID, 'expected 1 to 63 of a-z, 0-9, "-" and "_", starting with a letter or digit');

/** A ring's epoch: 16 hex digits, drawn when its file is made. A new epoch means a new ring, numbered afresh. */
export const epochSchema = z.string().regex(/^[0-9a-f]{16}$/, 'expected 16 hex digits');

export const streamSchema = z.enum(STREAMS);

/** W3C trace context of one row: derived from its identity, so that every hop agrees without asking. */
export function traceparent(epoch: string, seq: number): string {
  const n = seq.toString(16).padStart(16, '0');
  return `00-${epoch}${n}-${n}-01`;
}
