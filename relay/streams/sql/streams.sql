-- All streams in one job: the source is read once. Figures and meanings are those of relay/streams/embedded; a test
-- holds both against each other row by row.

-- Once each, whichever way it came: by its place in the gateway's ring.
CREATE VIEW good AS
SELECT clinic, sensor, `value`, measured_at
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY gateway, epoch, seq ORDER BY arrived) AS nth
  FROM readings
  WHERE quantity = 'temperature' AND quality <> 'bad'
)
WHERE nth = 1;

-- Patterns and scores look at what is measured now; what is brought back late is history, and corrects the aggregates.
-- A repeat has its reading's time, so it stands next to it: one remembered number a sensor finds it, and the rows stay
-- append-only, which ROW_NUMBER's do not, and patterns need.
CREATE VIEW live AS
SELECT clinic, gateway, sensor, `value`, measured_at, t
FROM (
  SELECT
    clinic, gateway, sensor, `value`, measured_at, t, seq,
    FIRST_VALUE(seq) OVER w AS before_that, COUNT(*) OVER w AS n
  FROM readings
  WHERE quantity = 'temperature' AND quality <> 'bad' AND NOT backfill
  WINDOW w AS (PARTITION BY clinic, sensor ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
WHERE n = 1 OR before_that <> seq;

CREATE VIEW sold AS
SELECT clinic, sku, quantity, sold_at, t
FROM (
  SELECT
    clinic, sku, quantity, sold_at, t,
    COUNT(*) OVER (PARTITION BY event_id ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
  FROM sales
)
WHERE nth = 1;

-- No window that closes: a reading that comes a week late corrects its five minutes. A unit is out when all that it
-- measured is on one side, for two minutes at least: not a door.
CREATE VIEW by_sensor AS
SELECT
  clinic, sensor, since, n, low, high, total, n_outside,
  CASE WHEN (low > 8 OR high < 2) AND newest - oldest >= 120000 THEN 1 ELSE 0 END AS is_out
FROM (
  SELECT
    clinic, sensor, measured_at - measured_at % 300000 AS since,
    COUNT(*) AS n, MIN(`value`) AS low, MAX(`value`) AS high, SUM(`value`) AS total,
    SUM(CASE WHEN `value` > 8 OR `value` < 2 THEN 1 ELSE 0 END) AS n_outside,
    MIN(measured_at) AS oldest, MAX(measured_at) AS newest
  FROM good
  GROUP BY clinic, sensor, measured_at - measured_at % 300000
);

CREATE VIEW by_clinic AS
SELECT
  clinic, since, SUM(n) AS n, MIN(low) AS low, MAX(high) AS high, SUM(total) AS total,
  COUNT(*) AS sensors, SUM(CASE WHEN n_outside > 0 THEN 1 ELSE 0 END) AS sensors_outside, SUM(is_out) AS sensors_out
FROM by_sensor
GROUP BY clinic, since;

CREATE VIEW by_region AS
SELECT region, since, clinics, clinics_out, ROUND(CAST(clinics_out AS DOUBLE) / clinics, 6) AS share
FROM (
  SELECT region, since, MAX(clinics) AS clinics, SUM(CASE WHEN sensors_out > 0 THEN 1 ELSE 0 END) AS clinics_out
  FROM by_clinic
  JOIN regions ON by_clinic.clinic = regions.clinic
  GROUP BY region, since
);

-- A row a minute and gateway: enough to see who is silent.
CREATE VIEW heard AS
SELECT clinic, gateway, MAX(measured_at) AS measured_at, MIN(measured_at) AS since, window_time AS t
FROM TUMBLE(TABLE live, DESCRIPTOR(t), INTERVAL '1' MINUTE)
GROUP BY clinic, gateway, window_start, window_end, window_time;

-- In the order in which it arrived: stock has no order of its own.
CREATE VIEW stock AS
SELECT clinic, sku, changed_at, on_hand, LAG(on_hand) OVER (PARTITION BY clinic, sku ORDER BY arrived) AS before_that
FROM inventory;

BEGIN STATEMENT SET;

-- No window that closes: a reading that comes a week late corrects its five minutes.
INSERT INTO sensor_5m
SELECT clinic, sensor, since, n, low, high, ROUND(total / n, 6), ROUND(300.0 * n_outside / n, 6)
FROM by_sensor;

INSERT INTO clinic_5m
SELECT clinic, since, n, low, high, ROUND(total / n, 6), sensors, sensors_outside
FROM by_clinic;

INSERT INTO region_5m SELECT region, since, clinics, clinics_out, share FROM by_region;

-- Critical, so whatever comes late counts.
INSERT INTO findings_corrected
SELECT 'several_out', clinic, clinic, since, CAST(sensors_out AS DOUBLE), CAST(2 AS DOUBLE)
FROM by_clinic
WHERE sensors_out >= 2
UNION ALL
SELECT 'region_out', region, region, since, share, 0.3
FROM by_region
WHERE share >= 0.3 AND clinics_out >= 2;

-- The last five minutes, every minute.
INSERT INTO sensor_sliding
SELECT
  clinic, sensor, 1000 * UNIX_TIMESTAMP(CAST(window_start AS STRING)),
  COUNT(*), MIN(`value`), MAX(`value`), ROUND(AVG(`value`), 6),
  ROUND(300.0 * SUM(CASE WHEN `value` > 8 OR `value` < 2 THEN 1 ELSE 0 END) / COUNT(*), 6)
FROM HOP(TABLE live, DESCRIPTOR(t), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
GROUP BY clinic, sensor, window_start, window_end;

INSERT INTO clinic_sliding
SELECT
  clinic, 1000 * UNIX_TIMESTAMP(CAST(window_start AS STRING)),
  COUNT(*), MIN(`value`), MAX(`value`), ROUND(AVG(`value`), 6),
  COUNT(DISTINCT sensor), COUNT(DISTINCT CASE WHEN `value` > 8 OR `value` < 2 THEN sensor END)
FROM HOP(TABLE live, DESCRIPTOR(t), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
GROUP BY clinic, window_start, window_end;

-- One sink: transactions of several with the same name would shut each other out.
INSERT INTO findings
-- Against the five minutes before it, the reading itself left out; a deviation below 0.05 degrees is rounding.
SELECT 'zscore', clinic, sensor, measured_at, ROUND(z, 4), 3
FROM (
  SELECT
    clinic, sensor, measured_at,
    (`value` - (s - `value`) / (n - 1))
      / GREATEST(0.05, SQRT(GREATEST(0, ((q - `value` * `value`) - POWER(s - `value`, 2) / (n - 1)) / (n - 2)))) AS z
  FROM (
    SELECT
      clinic, sensor, measured_at, `value`,
      COUNT(*) OVER w AS n, SUM(`value`) OVER w AS s, SUM(`value` * `value`) OVER w AS q
    FROM live
    WINDOW w AS (PARTITION BY clinic, sensor ORDER BY t RANGE BETWEEN INTERVAL '5' MINUTE PRECEDING AND CURRENT ROW)
  )
  WHERE n >= 4
)
WHERE ABS(z) > 3

UNION ALL
-- Each reading above the one before, for three minutes.
SELECT 'rising', clinic, sensor, measured_at, ROUND(rise, 4), 180
FROM live
MATCH_RECOGNIZE (
  PARTITION BY clinic, sensor
  ORDER BY t
  MEASURES C.measured_at AS measured_at, C.`value` - A.`value` AS rise
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A B+? C)
  DEFINE
    B AS B.`value` > LAST(B.`value`, 1) OR (LAST(B.`value`, 1) IS NULL AND B.`value` > A.`value`),
    C AS C.`value` > LAST(B.`value`) AND C.measured_at >= A.measured_at + 180000
)

UNION ALL
-- Up by two degrees and down again by as much, from one reading to the next.
SELECT 'spike_then_drop', clinic, sensor, measured_at, ROUND(rise, 4), 2
FROM live
MATCH_RECOGNIZE (
  PARTITION BY clinic, sensor
  ORDER BY t
  MEASURES B.measured_at AS measured_at, B.`value` - A.`value` AS rise
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A B C)
  DEFINE
    B AS B.`value` >= A.`value` + 2,
    C AS C.`value` <= B.`value` - 2 AND C.measured_at <= A.measured_at + 600000
)

UNION ALL
-- Nothing of a gateway for fifteen minutes, while others go on; told of the last that it measured.
SELECT 'gateway_silent', clinic, gateway, MAX(measured_at), CAST(15 AS DOUBLE), 15
FROM SESSION(TABLE heard PARTITION BY (clinic, gateway), DESCRIPTOR(t), INTERVAL '15' MINUTE)
GROUP BY clinic, gateway, window_start, window_end

UNION ALL
-- And its first reading after that.
SELECT 'gateway_back', clinic, gateway, since, CAST(minutes AS DOUBLE), 15
FROM (
  SELECT clinic, gateway, since, (measured_at / 60000) - LAG(measured_at / 60000) OVER w AS minutes
  FROM heard
  WINDOW w AS (PARTITION BY clinic, gateway ORDER BY t)
)
WHERE minutes > 15

UNION ALL
-- Above twice what was sold of it on average in the day before.
SELECT 'sale_spike', clinic, sku, sold_at, quantity, ROUND(2 * (s - quantity) / (n - 1), 4)
FROM (
  SELECT
    clinic, sku, sold_at, quantity,
    COUNT(*) OVER w AS n, SUM(quantity) OVER w AS s
  FROM sold
  WINDOW w AS (PARTITION BY clinic, sku ORDER BY t RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW)
)
WHERE n >= 4 AND quantity > 2 * (s - quantity) / (n - 1)

UNION ALL
SELECT CASE WHEN on_hand < 0 THEN 'stock_negative' ELSE 'stock_corrected' END, clinic, sku, changed_at, on_hand, 0
FROM stock
WHERE on_hand < 0 OR before_that < 0

UNION ALL
SELECT CASE WHEN on_hand < level THEN 'stock_low' ELSE 'stock_restored' END, clinic, stock.sku, changed_at, on_hand, level
FROM stock
JOIN reorder ON stock.sku = reorder.sku
WHERE on_hand >= 0 AND (on_hand < level OR before_that < level);

END;
