import type { Admin, Kafka } from 'kafkajs';
import type { Clock } from '../../../core/clock/clock.js';
import type { ValueCodec } from './codec.js';
import type { TopicLimits } from './limits.js';
import type { Names } from './names.js';

/** What the parts of this log share. */
export interface Kit {
  kafka: Kafka;
  admin: Admin;
  names: Names;
  clock: Clock;
  codec: ValueCodec;
  limits: TopicLimits;
  /** Kafka's number for how batches are compressed. */
  compression: number;
}
