import {
  alertMessageSchema,
  readingMessageSchema,
  summaryMessageSchema,
  TOPICS,
} from '../../../core/contract/messages.js';
import { sensorMessageSchema } from '../../../core/contract/sensors.js';
import {
  deadLetterSchema,
  inventorySchema,
  SOURCE_TOPICS,
  saleSchema,
  webhookEventSchema,
} from '../../../core/contract/sources.js';
import {
  clinicAggregateSchema,
  findingSchema,
  regionAggregateSchema,
  STREAM_TOPICS,
  sensorAggregateSchema,
} from '../../../core/contract/streams.js';
import { type AvroRecord, avroOf } from './avro.js';

/** The Avro schema of each topic's values, by topic: written beside this file by `npm run schemas`. */
export function avroSchemas(): Map<string, AvroRecord> {
  return new Map([
    [TOPICS.temperature, avroOf('Reading', readingMessageSchema, 'One measured value of a sensor.')],
    [
      TOPICS.status,
      avroOf('Status', readingMessageSchema, 'One measured value that is no temperature or humidity.'),
    ],
    [
      TOPICS.summary,
      avroOf('Summary', summaryMessageSchema, 'What is left of readings that a full ring could not keep.'),
    ],
    [
      TOPICS.sensors,
      avroOf('Sensor', sensorMessageSchema, 'What a sensor is, and between which values it should be.'),
    ],
    [
      TOPICS.alerts,
      avroOf('Alert', alertMessageSchema, 'An alert, raised, escalated, acknowledged or cleared.'),
    ],
    [SOURCE_TOPICS.sales, avroOf('SaleEvent', saleSchema, 'A sale at a point of sale.')],
    [SOURCE_TOPICS.inventory, avroOf('InventoryChange', inventorySchema, 'A change of stock.')],
    [SOURCE_TOPICS.webhooks, avroOf('WebhookEvent', webhookEventSchema, 'What a webhook delivered.')],
    [
      SOURCE_TOPICS.deadLetter,
      avroOf('DeadLetter', deadLetterSchema, 'What a source sent and nobody could take.'),
    ],
    [STREAM_TOPICS.sensor5m, avroOf('SensorAggregate', sensorAggregateSchema, 'Five minutes of a sensor.')],
    [STREAM_TOPICS.clinic5m, avroOf('ClinicAggregate', clinicAggregateSchema, 'Five minutes of a clinic.')],
    [
      STREAM_TOPICS.region5m,
      avroOf('RegionAggregate', regionAggregateSchema, 'How many clinics of a region have a unit out.'),
    ],
    [
      STREAM_TOPICS.sensorSliding,
      avroOf('SensorSliding', sensorAggregateSchema, 'Five minutes of a sensor, every minute.'),
    ],
    [
      STREAM_TOPICS.clinicSliding,
      avroOf('ClinicSliding', clinicAggregateSchema, 'Five minutes of a clinic, every minute.'),
    ],
    [STREAM_TOPICS.findings, avroOf('Finding', findingSchema, 'What a pattern or score found.')],
  ]);
}
