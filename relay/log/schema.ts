import { DAY } from '../../core/durations.js';
import { duration } from '../../core/schema.js';
import type { KafkaConfig } from './kafka/schema.js';

const DAYS_KEPT = 30;

/** Of the embedded log, ms. */
export const retentionSchema = duration.default(DAYS_KEPT * DAY);

/** What of the relay's file says where its log is. */
export interface LogConfig {
  /** Folder of the embedded log. */
  data: string;
  /** How long the embedded log keeps records, ms. */
  retention: number;
  kafka?: KafkaConfig | undefined;
  http: { public_url?: string | undefined };
}
