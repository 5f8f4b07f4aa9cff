import { TOPICS } from '../../../core/contract/messages.js';
import { SOURCE_TOPICS } from '../../../core/contract/sources.js';
import { STREAM_TOPICS } from '../../../core/contract/streams.js';
import { VALUE_SCHEMAS, type ValueTopic } from '../decode.js';
import { type AvroRecord, avroOf } from './avro.js';

/** What the record of each topic is called, and is. */
const NAMES: Record<
  Exclude<ValueTopic, typeof SOURCE_TOPICS.webhooks>,
  readonly [name: string, doc: string]
> = {
  [TOPICS.temperature]: ['Reading', 'One measured value of a sensor.'],
  [TOPICS.status]: ['Status', 'One measured value that is no temperature or humidity.'],
  [TOPICS.summary]: ['Summary', 'What is left of readings that a full ring could not keep.'],
  [TOPICS.sensors]: ['Sensor', 'What a sensor is, and between which values it should be.'],
  [TOPICS.alerts]: ['Alert', 'An alert, raised, escalated, acknowledged or cleared.'],
  [SOURCE_TOPICS.sales]: ['SaleEvent', 'A sale at a point of sale.'],
  [SOURCE_TOPICS.inventory]: ['InventoryChange', 'A change of stock.'],
  [SOURCE_TOPICS.deadLetter]: ['DeadLetter', 'What a source sent and nobody could take.'],
  [STREAM_TOPICS.sensor5m]: ['SensorAggregate', 'Five minutes of a sensor.'],
  [STREAM_TOPICS.clinic5m]: ['ClinicAggregate', 'Five minutes of a clinic.'],
  [STREAM_TOPICS.region5m]: ['RegionAggregate', 'How many clinics of a region have a unit out.'],
  [STREAM_TOPICS.sensorSliding]: ['SensorSliding', 'Five minutes of a sensor, every minute.'],
  [STREAM_TOPICS.clinicSliding]: ['ClinicSliding', 'Five minutes of a clinic, every minute.'],
  [STREAM_TOPICS.findings]: ['Finding', 'What a pattern or score found.'],
};

/** The Avro schema of each topic's values, by topic: written beside this file by `npm run schemas`. */
export function avroSchemas(): Map<string, AvroRecord> {
  return new Map(
    Object.entries(NAMES).map(([topic, [name, doc]]) => [
      topic,
      avroOf(name, VALUE_SCHEMAS[topic as ValueTopic], doc),
    ]),
  );
}

/**
 * Of topics that are JSON now and were Avro before: what was written then is read by these. What a webhook delivers has its
 * sender's shape, which no schema of the topic has.
 */
export const formerSchemas = (): Map<string, AvroRecord> =>
  new Map([
    [
      SOURCE_TOPICS.webhooks,
      avroOf('WebhookEvent', VALUE_SCHEMAS[SOURCE_TOPICS.webhooks], 'What a webhook delivered.'),
    ],
  ]);
