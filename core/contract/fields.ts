import { z } from 'zod';
import { epochSchema, idSchema } from '../identity.js';
import { QUANTITY_NAMES, UNITS } from '../units.js';
import { seqSchema } from './range-schema.js';

/** Fields that many messages have, with the words that describe them. */
export const clinic = idSchema.describe('whose');
export const gateway = idSchema.describe('who sent it');
export const sensor = idSchema.describe('which sensor or contact');
export const quantity = z.enum(QUANTITY_NAMES).describe('what was measured');
export const unit = z.enum(UNITS).describe('of the values, by UCUM: `Cel` is °C, `1` has none');
export const timeQuality = z
  .enum(['synchronised', 'estimated'])
  .describe('estimated: the gateway’s clock was not set, times may be off');
/** Who numbered a row, and as what: once in the whole log. */
export const numbered = {
  epoch: epochSchema.describe('the ring that numbered it'),
  seq: seqSchema.describe('its number there'),
};
