import { z } from 'zod';
import { DEVICE_UNIT_NAMES, QUANTITY_NAMES } from '../../core/units.js';

/** Names one of several places that one device measures: `probe`, `internal`, `probe-3`. */
export const channelSchema = z
  .string()
  .regex(/^[a-z0-9:_-]{1,40}$/i, 'expected 1 to 40 letters, digits, ":", "_" and "-"');

/** What models say of each value, with the words that describe it. */
export const quantity = z.enum(QUANTITY_NAMES).describe('what is measured');
export const deviceUnit = z.enum(DEVICE_UNIT_NAMES).describe('in which the device says it');
export const channel = channelSchema.optional().describe('a name for this place of several');
