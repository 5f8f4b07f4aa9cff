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

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');

/** The trace and span of one row. */
export interface TraceContext {
  /** 32 hex digits. */
  trace: string;
  /** 16 hex digits. */
  span: string;
  /** Of the reading that brought an alert. */
  parent?: string;
}

/** Of a reading: derived from its identity, so that every hop agrees without asking. */
export const readingTrace = (epoch: string, seq: number): TraceContext => ({
  trace: `${epoch}${hex(seq, 16)}`,
  span: hex(seq, 16),
});

/** Of an event or summary: an alert belongs to the trace of the reading that brought it. */
export function eventTrace(epoch: string, seq: number, readingSeq?: number): TraceContext {
  const span = `e${hex(seq, 15)}`;
  if (readingSeq === undefined) return { trace: `${epoch}${span}`, span };
  const { trace, span: parent } = readingTrace(epoch, readingSeq);
  return { trace, span, parent };
}

/** W3C trace context (https://www.w3.org/TR/trace-context/), as the header of a record. */
export const traceparent = ({ trace, span }: TraceContext) => `00-${trace}-${span}-01`;
