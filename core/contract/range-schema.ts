import { z } from 'zod';
import { RANGES_MAX } from './ranges.js';

export const seqSchema = z.int().min(1);
const rangeSchema = z.tuple([seqSchema, seqSchema]).refine(([from, to]) => from <= to, 'expected from <= to');
export const rangeSetSchema = z.array(rangeSchema).max(RANGES_MAX);
