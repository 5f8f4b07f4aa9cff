-- What the jobs read and write. scripts/services puts in ${BROKERS}, ${PREFIX}, ${REORDER} and ${REGIONS}, ${TIME} here and
-- ${SINCE} and ${AT} in streams.sql; `scripts/services flink sql` prints what a cluster takes.
-- Values are checked before they come here; what is not JSON all the same is passed over, as one bad record must not
-- stop all streams.

-- A record without a clinic or a sensor is none of ours.
SET 'table.exec.sink.not-null-enforcer' = 'DROP';
SET 'table.local-time-zone' = 'UTC';
-- Changes of a second are folded: what is the same after it as before is said to nobody.
SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '1 s';
SET 'table.exec.mini-batch.size' = '50000';

CREATE TABLE readings (
  clinic STRING,
  gateway STRING,
  sensor STRING,
  quantity STRING,
  unit STRING,
  `value` DOUBLE,
  quality STRING,
  measured_at BIGINT,
  epoch STRING,
  seq BIGINT,
  backfill BOOLEAN,
  stored_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  -- Not after it came, nor longer before that than the streams wait (PATIENCE_MS): nobody's clock or link has a say in
  -- others' event time, and no live reading is ever late.
  t AS GREATEST(LEAST(TO_TIMESTAMP_LTZ(measured_at, 3), stored_at), stored_at - INTERVAL '40' SECOND),
  arrived AS PROCTIME(),
  WATERMARK FOR t AS stored_at - INTERVAL '41' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '${PREFIX}iot.temperature;${PREFIX}iot.status',
  'properties.bootstrap.servers' = '${BROKERS}',
  'properties.group.id' = '${PREFIX}coldwatch-streams',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'scan.watermark.idle-timeout' = '60 s',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

-- What gateways say of their sensors. A sensor that was taken back keeps its limits: what it measured was measured.
CREATE TABLE sensors (
  clinic STRING,
  sensor STRING,
  every_ms BIGINT,
  channels ARRAY<ROW<quantity STRING, unit STRING, low DOUBLE, high DOUBLE>>,
  announced_at BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = '${PREFIX}iot.sensors',
  'properties.bootstrap.servers' = '${BROKERS}',
  'properties.group.id' = '${PREFIX}coldwatch-streams',
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
  t AS GREATEST(LEAST(TO_TIMESTAMP_LTZ(sold_at, 3), stored_at), stored_at - INTERVAL '40' SECOND),
  arrived AS PROCTIME(),
  WATERMARK FOR t AS stored_at - INTERVAL '41' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '${PREFIX}pos.sales',
  'properties.bootstrap.servers' = '${BROKERS}',
  'properties.group.id' = '${PREFIX}coldwatch-streams',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'scan.watermark.idle-timeout' = '60 s',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE inventory (
  clinic STRING,
  sku STRING,
  on_hand DOUBLE,
  changed_at BIGINT,
  event_id STRING,
  arrived AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = '${PREFIX}erp.inventory',
  'properties.bootstrap.servers' = '${BROKERS}',
  'properties.group.id' = '${PREFIX}coldwatch-streams',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

-- Below how many units of a product somebody must order.
CREATE VIEW reorder (sku, level) AS SELECT * FROM (VALUES ${REORDER}) AS r (sku, level);

-- Which region a clinic lies in, and how many clinics that region has.
CREATE VIEW regions (clinic, region, clinics) AS SELECT * FROM (VALUES ${REGIONS}) AS r (clinic, region, clinics);

-- Keys are text: the parts of `k_`, a slash between them. In values times are what their format has for them: ${TIME} is
-- BIGINT (ms since 1970) in JSON, and TIMESTAMP(3) in Avro.

CREATE TABLE sensor_5m (
  k_clinic STRING,
  k_sensor STRING,
  k_quantity STRING,
  k_since BIGINT,
  clinic STRING,
  sensor STRING,
  quantity STRING,
  since ${TIME},
  unit STRING,
  `count` BIGINT,
  `min` DOUBLE,
  `max` DOUBLE,
  mean DOUBLE,
  low DOUBLE,
  high DOUBLE,
  seconds_covered DOUBLE,
  seconds_outside DOUBLE,
  PRIMARY KEY (k_clinic, k_sensor, k_quantity, k_since) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${PREFIX}agg.sensor.5m',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'csv',
  'key.csv.field-delimiter' = '/',
  'key.csv.disable-quote-character' = 'true',
  'key.fields-prefix' = 'k_',
  'value.fields-include' = 'EXCEPT_KEY',
  'value.format' = 'json'
);

CREATE TABLE clinic_5m (
  k_clinic STRING,
  k_quantity STRING,
  k_since BIGINT,
  clinic STRING,
  quantity STRING,
  since ${TIME},
  unit STRING,
  `count` BIGINT,
  `min` DOUBLE,
  `max` DOUBLE,
  mean DOUBLE,
  sensors BIGINT,
  sensors_outside BIGINT,
  PRIMARY KEY (k_clinic, k_quantity, k_since) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${PREFIX}agg.clinic.5m',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'csv',
  'key.csv.field-delimiter' = '/',
  'key.csv.disable-quote-character' = 'true',
  'key.fields-prefix' = 'k_',
  'value.fields-include' = 'EXCEPT_KEY',
  'value.format' = 'json'
);

CREATE TABLE region_5m (
  k_region STRING,
  k_since BIGINT,
  region STRING,
  since ${TIME},
  clinics BIGINT,
  clinics_out BIGINT,
  share DOUBLE,
  PRIMARY KEY (k_region, k_since) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${PREFIX}agg.region.5m',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'csv',
  'key.csv.field-delimiter' = '/',
  'key.csv.disable-quote-character' = 'true',
  'key.fields-prefix' = 'k_',
  'value.fields-include' = 'EXCEPT_KEY',
  'value.format' = 'json',
  'sink.buffer-flush.max-rows' = '1000',
  'sink.buffer-flush.interval' = '500 ms'
);

CREATE TABLE sensor_sliding (
  k_clinic STRING,
  k_sensor STRING,
  k_quantity STRING,
  k_since BIGINT,
  clinic STRING,
  sensor STRING,
  quantity STRING,
  since ${TIME},
  unit STRING,
  `count` BIGINT,
  `min` DOUBLE,
  `max` DOUBLE,
  mean DOUBLE,
  low DOUBLE,
  high DOUBLE,
  seconds_covered DOUBLE,
  seconds_outside DOUBLE,
  PRIMARY KEY (k_clinic, k_sensor, k_quantity, k_since) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${PREFIX}agg.sensor.sliding',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'csv',
  'key.csv.field-delimiter' = '/',
  'key.csv.disable-quote-character' = 'true',
  'key.fields-prefix' = 'k_',
  'value.fields-include' = 'EXCEPT_KEY',
  'value.format' = 'json'
);

CREATE TABLE clinic_sliding (
  k_clinic STRING,
  k_quantity STRING,
  k_since BIGINT,
  clinic STRING,
  quantity STRING,
  since ${TIME},
  unit STRING,
  `count` BIGINT,
  `min` DOUBLE,
  `max` DOUBLE,
  mean DOUBLE,
  sensors BIGINT,
  sensors_outside BIGINT,
  PRIMARY KEY (k_clinic, k_quantity, k_since) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${PREFIX}agg.clinic.sliding',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'csv',
  'key.csv.field-delimiter' = '/',
  'key.csv.disable-quote-character' = 'true',
  'key.fields-prefix' = 'k_',
  'value.fields-include' = 'EXCEPT_KEY',
  'value.format' = 'json'
);

-- Seconds after they are found, not after the next checkpoint: the key makes what is written again after a restart the
-- same finding.
CREATE TABLE findings (
  k_clinic STRING NOT NULL,
  k_subject STRING NOT NULL,
  k_kind STRING NOT NULL,
  k_at BIGINT NOT NULL,
  kind STRING NOT NULL,
  clinic STRING,
  region STRING,
  subject STRING NOT NULL,
  `at` ${TIME} NOT NULL,
  `value` DOUBLE,
  threshold DOUBLE,
  unit STRING
) WITH (
  'connector' = 'kafka',
  'topic' = '${PREFIX}stream.findings',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'csv',
  'key.csv.field-delimiter' = '/',
  'key.csv.disable-quote-character' = 'true',
  'key.fields' = 'k_clinic;k_subject;k_kind;k_at',
  'key.fields-prefix' = 'k_',
  'value.fields-include' = 'EXCEPT_KEY',
  'value.format' = 'json',
  'value.json.encode.ignore-null-fields' = 'true',
  'sink.delivery-guarantee' = 'at-least-once'
);

-- Findings that later readings may correct or take back: the same topic and keys, written over. Of the changes of a
-- moment the last is written: a change is no taking back and finding again. The place is a clinic or a region.
CREATE TABLE findings_corrected (
  k_place STRING,
  k_subject STRING,
  k_kind STRING,
  k_at BIGINT,
  kind STRING NOT NULL,
  clinic STRING,
  region STRING,
  subject STRING NOT NULL,
  `at` ${TIME} NOT NULL,
  `value` DOUBLE,
  threshold DOUBLE,
  unit STRING,
  PRIMARY KEY (k_place, k_subject, k_kind, k_at) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${PREFIX}stream.findings',
  'properties.bootstrap.servers' = '${BROKERS}',
  'key.format' = 'csv',
  'key.csv.field-delimiter' = '/',
  'key.csv.disable-quote-character' = 'true',
  'key.fields-prefix' = 'k_',
  'value.fields-include' = 'EXCEPT_KEY',
  'value.format' = 'json',
  'value.json.encode.ignore-null-fields' = 'true',
  'sink.buffer-flush.max-rows' = '1000',
  'sink.buffer-flush.interval' = '500 ms'
);
