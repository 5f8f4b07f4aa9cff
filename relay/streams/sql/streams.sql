-- All streams in one job: the source is read once. Figures and meanings are those of relay/streams/embedded.ts; a test
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
-- (Counting within a partition keeps the rows append-only, which ROW_NUMBER above does not, and patterns need.)
CREATE VIEW live AS
SELECT clinic, gateway, sensor, `value`, measured_at, t
FROM (
  SELECT
    clinic, gateway, sensor, `value`, measured_at, t,
    COUNT(*) OVER (PARTITION BY gateway, epoch, seq ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
  FROM readings
  WHERE quantity = 'temperature' AND quality <> 'bad' AND NOT backfill
)
WHERE nth = 1;

CREATE VIEW sold AS
SELECT clinic, sku, quantity, sold_at, t
FROM (
  SELECT
    clinic, sku, quantity, sold_at, t,
    COUNT(*) OVER (PARTITION BY event_id ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
  FROM sales
)
WHERE nth = 1;

BEGIN STATEMENT SET;

-- No window that closes: a reading that comes a week late corrects its five minutes.
INSERT INTO sensor_5m
SELECT
  clinic, sensor, measured_at - measured_at % 300000,
  COUNT(*), MIN(`value`), MAX(`value`), ROUND(AVG(`value`), 6),
  ROUND(300.0 * SUM(CASE WHEN `value` > 8 OR `value` < 2 THEN 1 ELSE 0 END) / COUNT(*), 6)
FROM good
GROUP BY clinic, sensor, measured_at - measured_at % 300000;

INSERT INTO clinic_5m
SELECT
  clinic, measured_at - measured_at % 300000,
  COUNT(*), MIN(`value`), MAX(`value`), ROUND(AVG(`value`), 6),
  COUNT(DISTINCT sensor), COUNT(DISTINCT CASE WHEN `value` > 8 OR `value` < 2 THEN sensor END)
FROM good
GROUP BY clinic, measured_at - measured_at % 300000;

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
FROM SESSION(TABLE live PARTITION BY (clinic, gateway), DESCRIPTOR(t), INTERVAL '15' MINUTE)
GROUP BY clinic, gateway, window_start, window_end

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
SELECT 'stock_negative', clinic, sku, changed_at, on_hand, 0 FROM inventory WHERE on_hand < 0
UNION ALL
SELECT 'stock_low', i.clinic, i.sku, i.changed_at, i.on_hand, r.level
FROM inventory AS i
JOIN reorder AS r ON i.sku = r.sku
WHERE i.on_hand >= 0 AND i.on_hand < r.level;

END;
