import { z } from 'zod';
import { ALERTING_KINDS } from './episodes.js';

export const alertOnSchema = z.array(z.enum(ALERTING_KINDS)).default(ALERTING_KINDS);
