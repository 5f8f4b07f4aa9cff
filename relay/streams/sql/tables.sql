-- What the jobs read and write. ${BROKERS} and ${REORDER} are put in by whoever starts a job (scripts/services).
-- Values are checked before they come here; what is not JSON all the same is passed over, as one bad record must not
-- stop all streams.

CREATE TABLE readings (
  clinic STRING,
  gateway STRING,
  sensor STRING,
  quantity STRING,
  `value` DOUBLE,
  quality STRING,
  measured_at BIGINT,
  epoch STRING,
  seq BIGINT,
  backfill BOOLEAN,
  stored_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  -- A clock that runs ahead must not carry everybody's event time with it.
  t AS LEAST(TO_TIMESTAMP_LTZ(measured_at, 3), stored_at),
  arrived AS PROCTIME(),
  -- Probes of a clinic report seconds apart, and not in order.
  WATERMARK FOR t AS t - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'iot.temperature',
  'properties.bootstrap.servers' = '${BROKERS}',
  'properties.group.id' = 'coldwatch-streams',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE sales (
  clinic STRING,
  sku STRING,
  quantity DOUBLE,
  sold_at BIGINT,
  event_id STRING,
  stored_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  t AS LEAST(TO_TIMESTAMP_LTZ(sold_at, 3), stored_at),
  arrived AS PROCTIME(),
  WATERMARK FOR t AS t - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'pos.sales',
  'properties.bootstrap.servers' = '${BROKERS}',
  'properties.group.id' = 'coldwatch-streams',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE inventory (
  clinic STRING,
  sku STRING,
  on_hand DOUBLE,
  changed_at BIGINT,
  event_id STRING
) WITH (
  'connector' = 'kafka',
  'topic' = 'erp.inventory',
  'properties.bootstrap.servers' = '${BROKERS}',
  'properties.group.id' = 'coldwatch-streams',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

-- Below how many units of a product somebody must order.
CREATE VIEW reorder (sku, level) AS SELECT * FROM (VALUES ${REORDER}) AS r (sku, level);

CREATE TABLE sensor_5m (
  clinic STRING,
  sensor STRING,
  since BIGINT,
  `count` BIGINT,
  `min` DOUBLE,
  `max` DOUBLE,
  mean DOUBLE,
  seconds_outside DOUBLE,
  PRIMARY KEY (clinic, sensor, since) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'agg.sensor.5m',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'json',
  'value.format' = 'json'
);

CREATE TABLE clinic_5m (
  clinic STRING,
  since BIGINT,
  `count` BIGINT,
  `min` DOUBLE,
  `max` DOUBLE,
  mean DOUBLE,
  sensors BIGINT,
  sensors_outside BIGINT,
  PRIMARY KEY (clinic, since) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'agg.clinic.5m',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'json',
  'value.format' = 'json'
);

CREATE TABLE findings (
  kind STRING,
  clinic STRING,
  subject STRING,
  `at` BIGINT,
  `value` DOUBLE,
  threshold DOUBLE
) WITH (
  'connector' = 'kafka',
  'topic' = 'stream.findings',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'json',
  'key.fields' = 'kind;clinic;subject;at',
  'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'coldwatch-findings',
  'properties.transaction.timeout.ms' = '600000'
);
