-- All streams in one job: the source is read once. Figures and meanings are those of relay/streams/meaning.ts and
-- relay/streams/embedded; tests hold them against each other.

-- Once each, whichever way it came: by its place in the gateway's ring.
CREATE VIEW good AS
SELECT clinic, sensor, quantity, unit, `value`, measured_at
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY gateway, epoch, seq ORDER BY arrived) AS nth
  FROM readings
  WHERE quality <> 'bad'
)
WHERE nth = 1;

-- Patterns and scores look at what is measured now; what is brought back late is history, and corrects the aggregates.
-- A repeat has its reading's time, so it stands next to it: one remembered place in a ring a channel finds it, and the
-- rows stay append-only, which ROW_NUMBER's do not, and patterns need.
CREATE VIEW live AS
SELECT clinic, gateway, sensor, quantity, unit, `value`, measured_at, t
FROM (
  SELECT
    clinic, gateway, sensor, quantity, unit, `value`, measured_at, t, epoch, seq,
    FIRST_VALUE(epoch) OVER w AS epoch_before, FIRST_VALUE(seq) OVER w AS seq_before, COUNT(*) OVER w AS n
  FROM readings
  WHERE quality <> 'bad' AND NOT backfill
  WINDOW w AS (PARTITION BY clinic, sensor, quantity ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
-- A ring that was made anew gives out the same numbers again.
WHERE n = 1 OR seq_before <> seq OR epoch_before <> epoch;

CREATE VIEW temperatures AS SELECT clinic, sensor, `value`, measured_at, t FROM live WHERE quantity = 'temperature';

CREATE VIEW sold AS
SELECT clinic, sku, quantity, sold_at, t
FROM (
  SELECT
    clinic, sku, quantity, sold_at, t,
    COUNT(*) OVER (PARTITION BY event_id ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
  FROM sales
)
WHERE nth = 1;

-- What is joined here (limits, regions, what is to be ordered) must be known for good: its state does not end with the
-- others', after eight days.

-- The limits of each channel as they were last announced, and those before them, which judge what was before. What is
-- announced again as it was changes nothing.
CREATE VIEW announced AS
SELECT clinic, sensor, c.quantity, c.low, c.high, every_ms, announced_at, PROCTIME() AS arrived
FROM sensors CROSS JOIN UNNEST(channels) AS c (quantity, unit, low, high);

CREATE VIEW limits AS
SELECT
  clinic, sensor, quantity, low, high, GREATEST(60000, every_ms) / CAST(1000 AS DOUBLE) AS cadence, announced_at,
  CASE WHEN every_before IS NULL THEN low ELSE low_before END AS low_before,
  CASE WHEN every_before IS NULL THEN high ELSE high_before END AS high_before,
  GREATEST(60000, COALESCE(every_before, every_ms)) / CAST(1000 AS DOUBLE) AS cadence_before
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY clinic, sensor, quantity ORDER BY arrived DESC) AS nth
  FROM (
    SELECT
      *, LAG(low) OVER w AS low_before, LAG(high) OVER w AS high_before, LAG(every_ms) OVER w AS every_before
    FROM announced
    WINDOW w AS (PARTITION BY clinic, sensor, quantity ORDER BY arrived)
  )
  WHERE
    every_before IS NULL OR every_ms <> every_before
    OR low IS DISTINCT FROM low_before OR high IS DISTINCT FROM high_before
)
WHERE nth = 1;

-- No window that closes: a reading that comes a week late corrects its five minutes.
CREATE VIEW windows_5m AS
SELECT
  clinic, sensor, quantity, since, MAX(unit) AS unit, COUNT(*) AS n, MIN(`value`) AS lowest, MAX(`value`) AS highest,
  SUM(`value`) AS total, MIN(measured_at) AS oldest, MAX(measured_at) AS newest,
  -- A sensor that nobody announced is taken for a vaccine refrigerator's.
  MAX(CASE quantity WHEN 'temperature' THEN CAST(2 AS DOUBLE) END) AS low_default,
  MAX(CASE quantity WHEN 'temperature' THEN CAST(8 AS DOUBLE) END) AS high_default,
    COUNT(*) FILTER (WHERE m = 0) AS n0, SUM(`value`) FILTER (WHERE m = 0) AS s0,
    COUNT(*) FILTER (WHERE m = 1) AS n1, SUM(`value`) FILTER (WHERE m = 1) AS s1,
    COUNT(*) FILTER (WHERE m = 2) AS n2, SUM(`value`) FILTER (WHERE m = 2) AS s2,
    COUNT(*) FILTER (WHERE m = 3) AS n3, SUM(`value`) FILTER (WHERE m = 3) AS s3,
    COUNT(*) FILTER (WHERE m = 4) AS n4, SUM(`value`) FILTER (WHERE m = 4) AS s4
FROM (
  SELECT *, measured_at - MOD(measured_at, 300000) AS since, MOD(measured_at / 60000, 5) AS m FROM good
)
GROUP BY clinic, sensor, quantity, since;

-- By the limits in force at the end. Each minute with readings counts by their mean, and stands for a minute, or for the
-- sensor's cadence where that is longer. A unit is out when all that it measured is on one side, for two minutes at
-- least: not a door.
CREATE VIEW by_sensor AS
SELECT
  clinic, sensor, quantity, since, unit, n, lowest, highest, total, low, high, minutes_outside,
  LEAST(300, minutes * cadence) AS seconds_covered,
  ROUND(LEAST(300, minutes * cadence) * minutes_outside / minutes, 6) AS seconds_outside,
  CASE
    WHEN quantity = 'temperature' AND newest - oldest >= 120000 AND (lowest > high OR highest < low) THEN 1
    ELSE 0
  END AS is_out
FROM (
  SELECT /*+ STATE_TTL('l' = '3650 d') */
    w.*, j.low, j.high, j.cadence, CASE WHEN n0 > 0 THEN 1 ELSE 0 END + CASE WHEN n1 > 0 THEN 1 ELSE 0 END + CASE WHEN n2 > 0 THEN 1 ELSE 0 END + CASE WHEN n3 > 0 THEN 1 ELSE 0 END + CASE WHEN n4 > 0 THEN 1 ELSE 0 END AS minutes,
    CASE WHEN ROUND(s0, 3) / n0 > j.high OR ROUND(s0, 3) / n0 < j.low THEN 1 ELSE 0 END
    + CASE WHEN ROUND(s1, 3) / n1 > j.high OR ROUND(s1, 3) / n1 < j.low THEN 1 ELSE 0 END
    + CASE WHEN ROUND(s2, 3) / n2 > j.high OR ROUND(s2, 3) / n2 < j.low THEN 1 ELSE 0 END
    + CASE WHEN ROUND(s3, 3) / n3 > j.high OR ROUND(s3, 3) / n3 < j.low THEN 1 ELSE 0 END
    + CASE WHEN ROUND(s4, 3) / n4 > j.high OR ROUND(s4, 3) / n4 < j.low THEN 1 ELSE 0 END AS minutes_outside
  FROM windows_5m AS w
  LEFT JOIN limits AS l ON w.clinic = l.clinic AND w.sensor = l.sensor AND w.quantity = l.quantity
  CROSS JOIN UNNEST(ARRAY[ROW(
    CASE
      WHEN announced_at IS NULL THEN w.low_default WHEN since + 300000 <= announced_at THEN l.low_before ELSE l.low
    END,
    CASE
      WHEN announced_at IS NULL THEN w.high_default WHEN since + 300000 <= announced_at THEN l.high_before ELSE l.high
    END,
    CASE
      WHEN announced_at IS NULL THEN CAST(60 AS DOUBLE)
      WHEN since + 300000 <= announced_at THEN l.cadence_before ELSE l.cadence
    END
  )]) AS j (low, high, cadence)
);

CREATE VIEW by_clinic AS
SELECT
  clinic, quantity, since, MAX(unit) AS unit, SUM(n) AS n, MIN(lowest) AS lowest, MAX(highest) AS highest,
  SUM(total) AS total, COUNT(*) AS sensors, SUM(CASE WHEN minutes_outside > 0 THEN 1 ELSE 0 END) AS sensors_outside
FROM by_sensor
GROUP BY clinic, quantity, since;

-- Three minutes that begin with each minute: a unit is known to be out with the reading that makes it two.
CREATE VIEW windows_out AS
SELECT
  clinic, sensor, since, MIN(`value`) AS lowest, MAX(`value`) AS highest,
  MIN(measured_at) AS oldest, MAX(measured_at) AS newest
FROM (SELECT *, measured_at - MOD(measured_at, 60000) AS m FROM good WHERE quantity = 'temperature')
CROSS JOIN UNNEST(ARRAY[m, m - 60000, m - 120000]) AS s (since)
GROUP BY clinic, sensor, since;

CREATE VIEW units_out AS
SELECT clinic, sensor, since
FROM (
  SELECT /*+ STATE_TTL('l' = '3650 d') */
    w.clinic, w.sensor, since, lowest, highest, newest - oldest AS span,
    CASE
      WHEN announced_at IS NULL THEN CAST(2 AS DOUBLE) WHEN since + 180000 <= announced_at THEN low_before ELSE l.low
    END AS low,
    CASE
      WHEN announced_at IS NULL THEN CAST(8 AS DOUBLE) WHEN since + 180000 <= announced_at THEN high_before ELSE l.high
    END AS high
  FROM windows_out AS w
  LEFT JOIN limits AS l ON w.clinic = l.clinic AND w.sensor = l.sensor AND l.quantity = 'temperature'
)
WHERE span >= 120000 AND (lowest > high OR highest < low);

CREATE VIEW clinics_out AS SELECT clinic, since, COUNT(*) AS units FROM units_out GROUP BY clinic, since;

CREATE VIEW regions_out AS
SELECT region, since, COUNT(*) AS clinics_out, ROUND(COUNT(*) / CAST(MAX(clinics) AS DOUBLE), 6) AS share
FROM (
  SELECT /*+ STATE_TTL('r' = '3650 d') */ region, clinics, since
  FROM (SELECT clinic, since FROM clinics_out) AS c JOIN regions AS r ON c.clinic = r.clinic
)
GROUP BY region, since;

CREATE VIEW by_region AS
SELECT
  region, since, MAX(clinics) AS clinics, COUNT(*) AS clinics_out,
  ROUND(COUNT(*) / CAST(MAX(clinics) AS DOUBLE), 6) AS share
FROM (
  SELECT /*+ STATE_TTL('r' = '3650 d') */ region, clinics, since
  FROM (SELECT clinic, since FROM by_sensor WHERE is_out = 1 GROUP BY clinic, since) AS c
  JOIN regions AS r ON c.clinic = r.clinic
)
GROUP BY region, since;

CREATE VIEW windows_sliding AS
SELECT
  clinic, sensor, quantity, 1000 * UNIX_TIMESTAMP(CAST(window_start AS STRING)) AS since, MAX(unit) AS unit,
  COUNT(*) AS n, MIN(`value`) AS lowest, MAX(`value`) AS highest, SUM(`value`) AS total,
  -- A sensor that nobody announced is taken for a vaccine refrigerator's.
  MAX(CASE quantity WHEN 'temperature' THEN CAST(2 AS DOUBLE) END) AS low_default,
  MAX(CASE quantity WHEN 'temperature' THEN CAST(8 AS DOUBLE) END) AS high_default,
    COUNT(*) FILTER (WHERE m = 0) AS n0, SUM(`value`) FILTER (WHERE m = 0) AS s0,
    COUNT(*) FILTER (WHERE m = 1) AS n1, SUM(`value`) FILTER (WHERE m = 1) AS s1,
    COUNT(*) FILTER (WHERE m = 2) AS n2, SUM(`value`) FILTER (WHERE m = 2) AS s2,
    COUNT(*) FILTER (WHERE m = 3) AS n3, SUM(`value`) FILTER (WHERE m = 3) AS s3,
    COUNT(*) FILTER (WHERE m = 4) AS n4, SUM(`value`) FILTER (WHERE m = 4) AS s4
FROM (
  SELECT clinic, sensor, quantity, unit, `value`, MOD(EXTRACT(MINUTE FROM t), 5) AS m, window_start, window_end
  FROM HOP(TABLE live, DESCRIPTOR(t), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
)
GROUP BY clinic, sensor, quantity, window_start, window_end;

CREATE VIEW slid AS
SELECT
  clinic, sensor, quantity, since, unit, n, lowest, highest, total, low, high, minutes_outside,
  LEAST(300, minutes * cadence) AS seconds_covered,
  ROUND(LEAST(300, minutes * cadence) * minutes_outside / minutes, 6) AS seconds_outside
FROM (
  SELECT /*+ STATE_TTL('l' = '3650 d') */
    w.*, j.low, j.high, j.cadence, CASE WHEN n0 > 0 THEN 1 ELSE 0 END + CASE WHEN n1 > 0 THEN 1 ELSE 0 END + CASE WHEN n2 > 0 THEN 1 ELSE 0 END + CASE WHEN n3 > 0 THEN 1 ELSE 0 END + CASE WHEN n4 > 0 THEN 1 ELSE 0 END AS minutes,
    CASE WHEN ROUND(s0, 3) / n0 > j.high OR ROUND(s0, 3) / n0 < j.low THEN 1 ELSE 0 END
    + CASE WHEN ROUND(s1, 3) / n1 > j.high OR ROUND(s1, 3) / n1 < j.low THEN 1 ELSE 0 END
    + CASE WHEN ROUND(s2, 3) / n2 > j.high OR ROUND(s2, 3) / n2 < j.low THEN 1 ELSE 0 END
    + CASE WHEN ROUND(s3, 3) / n3 > j.high OR ROUND(s3, 3) / n3 < j.low THEN 1 ELSE 0 END
    + CASE WHEN ROUND(s4, 3) / n4 > j.high OR ROUND(s4, 3) / n4 < j.low THEN 1 ELSE 0 END AS minutes_outside
  FROM windows_sliding AS w
  LEFT JOIN limits AS l ON w.clinic = l.clinic AND w.sensor = l.sensor AND w.quantity = l.quantity
  CROSS JOIN UNNEST(ARRAY[ROW(
    CASE
      WHEN announced_at IS NULL THEN w.low_default WHEN since + 300000 <= announced_at THEN l.low_before ELSE l.low
    END,
    CASE
      WHEN announced_at IS NULL THEN w.high_default WHEN since + 300000 <= announced_at THEN l.high_before ELSE l.high
    END,
    CASE
      WHEN announced_at IS NULL THEN CAST(60 AS DOUBLE)
      WHEN since + 300000 <= announced_at THEN l.cadence_before ELSE l.cadence
    END
  )]) AS j (low, high, cadence)
);

-- A row a minute and gateway, of all that came from it: enough to see who is silent.
CREATE VIEW heard AS
SELECT clinic, gateway, 1000 * UNIX_TIMESTAMP(CAST(window_start AS STRING)) AS since, window_time AS t
FROM TUMBLE(TABLE readings, DESCRIPTOR(t), INTERVAL '1' MINUTE)
GROUP BY clinic, gateway, window_start, window_end, window_time;

-- In the order in which it arrived: stock has no order of its own.
CREATE VIEW stock AS
SELECT clinic, sku, changed_at, on_hand, LAG(on_hand) OVER (PARTITION BY clinic, sku ORDER BY arrived) AS before_that
FROM inventory;

-- Against the half hour before it, the reading itself left out; a deviation below 0.1 degrees is the probe's own steps,
-- and what is less than a degree away is nothing.
CREATE VIEW scores AS
SELECT clinic, sensor, measured_at, t, away / GREATEST(0.1, deviation) AS z
FROM (
  SELECT
    clinic, sensor, measured_at, t, `value` - (s - `value`) / (n - 1) AS away,
    SQRT(GREATEST(0, ((q - `value` * `value`) - POWER(s - `value`, 2) / (n - 1)) / (n - 2))) AS deviation
  FROM (
    SELECT
      clinic, sensor, measured_at, t, `value`,
      COUNT(*) OVER w AS n, SUM(`value`) OVER w AS s, SUM(`value` * `value`) OVER w AS q
    FROM temperatures
    WINDOW w AS (PARTITION BY clinic, sensor ORDER BY t RANGE BETWEEN INTERVAL '30' MINUTE PRECEDING AND CURRENT ROW)
  )
  WHERE n >= 16
)
WHERE ABS(away) >= 1 AND ABS(away / GREATEST(0.1, deviation)) > 3;

-- Each reading above the one before, for three minutes and two degrees.
CREATE VIEW rises AS
SELECT clinic, sensor, measured_at, rise, t
FROM temperatures
MATCH_RECOGNIZE (
  PARTITION BY clinic, sensor
  ORDER BY t
  MEASURES C.measured_at AS measured_at, ROUND(C.`value` - A.`value`, 4) AS rise, MATCH_ROWTIME() AS t
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A B+? C)
  DEFINE
    B AS B.`value` > LAST(B.`value`, 1) OR (LAST(B.`value`, 1) IS NULL AND B.`value` > A.`value`),
    C AS
      C.`value` > LAST(B.`value`) AND C.measured_at >= A.measured_at + 180000
      AND ROUND(C.`value` - A.`value`, 4) >= 2
);

BEGIN STATEMENT SET;

INSERT INTO sensor_5m
SELECT
  clinic, sensor, quantity, since, clinic, sensor, quantity, ${SINCE}, unit, n, lowest, highest, ROUND(ROUND(total, 3) / n, 6), low, high,
  seconds_covered, seconds_outside
FROM by_sensor;

INSERT INTO clinic_5m
SELECT
  clinic, quantity, since, clinic, quantity, ${SINCE}, unit, n, lowest, highest, ROUND(ROUND(total, 3) / n, 6), sensors,
  sensors_outside
FROM by_clinic;

INSERT INTO region_5m SELECT region, since, region, ${SINCE}, clinics, clinics_out, share FROM by_region;

-- Critical, so whatever comes late counts.
INSERT INTO findings_corrected
SELECT
  clinic, clinic, 'several_out', since, 'several_out', clinic, CAST(NULL AS STRING), clinic, ${SINCE},
  CAST(units AS DOUBLE), CAST(2 AS DOUBLE), '1'
FROM clinics_out
WHERE units >= 2;

INSERT INTO findings_corrected
SELECT
  region, region, 'region_out', since, 'region_out', CAST(NULL AS STRING), region, region, ${SINCE}, share, 0.3, '1'
FROM regions_out
WHERE share >= 0.3 AND clinics_out >= 2;

-- The last five minutes, every minute.
INSERT INTO sensor_sliding
SELECT
  clinic, sensor, quantity, since, clinic, sensor, quantity, ${SINCE}, unit, n, lowest, highest, ROUND(ROUND(total, 3) / n, 6), low, high,
  seconds_covered, seconds_outside
FROM slid;

INSERT INTO clinic_sliding
SELECT
  clinic, quantity, since, clinic, quantity, ${SINCE}, MAX(unit), SUM(n), MIN(lowest), MAX(highest), ROUND(ROUND(SUM(total), 3) / SUM(n), 6),
  COUNT(*), SUM(CASE WHEN minutes_outside > 0 THEN 1 ELSE 0 END)
FROM slid
GROUP BY clinic, quantity, since;

INSERT INTO findings
SELECT
  clinic, subject, kind, `at`, kind, clinic, CAST(NULL AS STRING), subject, ${AT}, `value`, threshold, unit
FROM (
  -- One an episode: the first after half an hour without.
  SELECT
    'zscore' AS kind, clinic, sensor AS subject, measured_at AS `at`, ROUND(z, 4) AS `value`, 3 AS threshold, '1' AS unit
  FROM (
    SELECT *, COUNT(*) OVER (
      PARTITION BY clinic, sensor ORDER BY t RANGE BETWEEN INTERVAL '30' MINUTE PRECEDING AND CURRENT ROW
    ) AS nth
    FROM scores
  )
  WHERE nth = 1

  UNION ALL
  SELECT 'rising', clinic, sensor, measured_at, rise, 2, 'Cel'
  FROM (
    SELECT *, COUNT(*) OVER (
      PARTITION BY clinic, sensor ORDER BY t RANGE BETWEEN INTERVAL '30' MINUTE PRECEDING AND CURRENT ROW
    ) AS nth
    FROM rises
  )
  WHERE nth = 1

  UNION ALL
  -- Up by two degrees and down again by as much, from one reading to the next.
  SELECT 'spike_then_drop', clinic, sensor, measured_at, ROUND(rise, 4), 2, 'Cel'
  FROM temperatures
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
  -- Nothing came of a gateway for fifteen minutes; told of the minute in which it was last heard.
  SELECT 'gateway_silent', clinic, gateway, MAX(since), CAST(15 AS DOUBLE), 15, 'min'
  FROM SESSION(TABLE heard PARTITION BY (clinic, gateway), DESCRIPTOR(t), INTERVAL '15' MINUTE)
  GROUP BY clinic, gateway, window_start, window_end

  UNION ALL
  -- And the first minute after that.
  SELECT 'gateway_back', clinic, gateway, since, CAST(minutes AS DOUBLE), 15, 'min'
  FROM (
    SELECT clinic, gateway, since, (since - LAG(since) OVER w) / 60000 AS minutes
    FROM heard
    WINDOW w AS (PARTITION BY clinic, gateway ORDER BY t)
  )
  WHERE minutes > 15

  UNION ALL
  -- Above twice what was sold of it on average in the day before.
  SELECT 'sale_spike', clinic, sku, sold_at, quantity, ROUND(2 * (s - quantity) / (n - 1), 4), '1'
  FROM (
    SELECT
      clinic, sku, sold_at, quantity,
      COUNT(*) OVER w AS n, SUM(quantity) OVER w AS s
    FROM sold
    WINDOW w AS (PARTITION BY clinic, sku ORDER BY t RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW)
  )
  WHERE n >= 4 AND quantity > 2 * (s - quantity) / (n - 1)

  UNION ALL
  SELECT CASE WHEN on_hand < 0 THEN 'stock_negative' ELSE 'stock_corrected' END, clinic, sku, changed_at, on_hand, 0, '1'
  FROM stock
  WHERE on_hand < 0 OR before_that < 0

  UNION ALL
  SELECT /*+ STATE_TTL('r' = '3650 d') */
    CASE WHEN on_hand < level THEN 'stock_low' ELSE 'stock_restored' END, clinic, s.sku, changed_at, on_hand, level, '1'
  FROM stock AS s
  JOIN reorder AS r ON s.sku = r.sku
  WHERE on_hand >= 0 AND (on_hand < level OR before_that < level)
);

END;
