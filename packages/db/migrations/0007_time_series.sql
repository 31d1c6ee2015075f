-- Time series of finished runs, as collectors write them (10 s) and rolled up to a minute, an hour and a day; gauges of workers.
--
-- A histogram is a bigint[] of (bin + 1000) << 32 | count, in the order of its bins (packages/metrics/src/histogram.ts says what a
-- bin is): it merges by adding the counts of equal bins, in SQL as in TypeScript.
--
-- A collector only inserts: its rows are its own, so collectors never wait for each other. Each batch leaves a note for every minute it
-- touched (rollup_pending); rolling a bucket up takes its notes and then computes it anew from the level below. So it may be
-- repeated, and broken off anywhere, and what comes late is rolled up again.

ALTER TABLE run_metrics RENAME TO run_metrics_before;
ALTER TABLE run_metrics_before RENAME CONSTRAINT run_metrics_pkey TO run_metrics_before_pkey;
DROP INDEX run_metrics_of_org;

CREATE TABLE run_metrics (
  bucket_at timestamptz(3) NOT NULL,
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  agent text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  tier text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  writer_id text COLLATE "C" NOT NULL,
  batch bigint NOT NULL,
  runs bigint NOT NULL CHECK (runs > 0),
  failures bigint NOT NULL,
  wall_ms double precision NOT NULL,
  cpu_ms double precision NOT NULL,
  gb_seconds double precision NOT NULL,
  queue_wait_ms double precision NOT NULL,
  worst_queue_wait_ms double precision NOT NULL,
  egress_bytes double precision NOT NULL,
  tokens double precision NOT NULL,
  wall_histogram bigint[] NOT NULL,
  cpu_histogram bigint[] NOT NULL,
  queue_wait_histogram bigint[] NOT NULL,
  PRIMARY KEY (bucket_at, org_id, agent, version, tier, outcome, writer_id, batch)
) PARTITION BY RANGE (bucket_at);
CREATE INDEX run_metrics_of_org ON run_metrics (org_id, bucket_at);
COMMENT ON TABLE run_metrics IS 'Finished runs, added up by a collector per 10 s, organization, agent, version, tier and outcome. Partitions by day.';
COMMENT ON COLUMN run_metrics.bucket_at IS 'Start of the 10 s in which the runs finished.';
COMMENT ON COLUMN run_metrics.org_id IS 'The organization that owns the runs.';
COMMENT ON COLUMN run_metrics.agent IS 'Name of the agent.';
COMMENT ON COLUMN run_metrics.version IS 'Number of the version; 0 in rows from before it was kept.';
COMMENT ON COLUMN run_metrics.tier IS 'Isolation tier; unknown in rows from before it was kept.';
COMMENT ON COLUMN run_metrics.outcome IS 'The terminal state.';
COMMENT ON COLUMN run_metrics.writer_id IS 'The collector that added them up.';
COMMENT ON COLUMN run_metrics.batch IS 'Its batch.';
COMMENT ON COLUMN run_metrics.runs IS 'How many runs.';
COMMENT ON COLUMN run_metrics.failures IS 'How many of them the agent or a limit ended, not their caller.';
COMMENT ON COLUMN run_metrics.wall_ms IS 'Sum of wall time of the last attempts, ms.';
COMMENT ON COLUMN run_metrics.cpu_ms IS 'Sum of CPU time, ms.';
COMMENT ON COLUMN run_metrics.gb_seconds IS 'Sum of memory held times wall time, GB-s.';
COMMENT ON COLUMN run_metrics.queue_wait_ms IS 'Sum of the waits in the queue, ms.';
COMMENT ON COLUMN run_metrics.worst_queue_wait_ms IS 'The longest of these waits, ms.';
COMMENT ON COLUMN run_metrics.egress_bytes IS 'Sum of bytes sent through the egress proxy.';
COMMENT ON COLUMN run_metrics.tokens IS 'Sum of the tokens that runs reported.';
COMMENT ON COLUMN run_metrics.wall_histogram IS 'Wall time of those that ran, ms.';
COMMENT ON COLUMN run_metrics.cpu_histogram IS 'CPU time of those that ran, ms.';
COMMENT ON COLUMN run_metrics.queue_wait_histogram IS 'Wait in the queue, ms.';

CREATE TABLE run_metrics_1m (LIKE run_metrics) PARTITION BY RANGE (bucket_at);
ALTER TABLE run_metrics_1m DROP COLUMN writer_id, DROP COLUMN batch,
  ADD PRIMARY KEY (bucket_at, org_id, agent, version, tier, outcome),
  ADD FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE CASCADE;
CREATE TABLE run_metrics_1h (LIKE run_metrics_1m) PARTITION BY RANGE (bucket_at);
ALTER TABLE run_metrics_1h ADD PRIMARY KEY (bucket_at, org_id, agent, version, tier, outcome),
  ADD FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE CASCADE;
CREATE TABLE run_metrics_1d (LIKE run_metrics_1m) PARTITION BY RANGE (bucket_at);
ALTER TABLE run_metrics_1d ADD PRIMARY KEY (bucket_at, org_id, agent, version, tier, outcome),
  ADD FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE CASCADE;

-- Not of one organization, so no tenant reads it. Small: outcomes x tiers a bucket.
CREATE TABLE system_metrics (LIKE run_metrics_1m);
ALTER TABLE system_metrics DROP COLUMN org_id, DROP COLUMN agent, DROP COLUMN version, ADD COLUMN step_s integer NOT NULL CHECK (step_s IN (60, 3600, 86400)),
  ADD PRIMARY KEY (step_s, bucket_at, tier, outcome);
COMMENT ON TABLE system_metrics IS 'Finished runs of all organizations, added up per minute, hour and day, tier and outcome.';
COMMENT ON COLUMN system_metrics.step_s IS 'Length of the bucket, s.';
COMMENT ON COLUMN system_metrics.bucket_at IS 'Start of the bucket.';

-- Running totals: what a window holds is the difference of two rows, however long it is. One row per hour with runs; of days that
-- are over for three days only the last one is kept.
CREATE TABLE organization_totals (
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  until_at timestamptz(3) NOT NULL,
  runs bigint NOT NULL,
  failures bigint NOT NULL,
  wall_ms double precision NOT NULL,
  cpu_ms double precision NOT NULL,
  gb_seconds double precision NOT NULL,
  queue_wait_ms double precision NOT NULL,
  egress_bytes double precision NOT NULL,
  tokens double precision NOT NULL,
  wall_histogram bigint[] NOT NULL,
  cpu_histogram bigint[] NOT NULL,
  queue_wait_histogram bigint[] NOT NULL,
  PRIMARY KEY (org_id, until_at)
);
-- Sums are read of all organizations, histograms of few: out of the way, and not compressed.
ALTER TABLE organization_totals SET (toast_tuple_target = 256),
  ALTER COLUMN wall_histogram SET STORAGE EXTERNAL, ALTER COLUMN cpu_histogram SET STORAGE EXTERNAL, ALTER COLUMN queue_wait_histogram SET STORAGE EXTERNAL;
COMMENT ON TABLE organization_totals IS 'Everything an organization ran until the end of an hour: a window is the difference of two rows.';
COMMENT ON COLUMN organization_totals.org_id IS 'The organization.';
COMMENT ON COLUMN organization_totals.until_at IS 'End of the hour; the next row with a later time has what came since.';

DO $$
DECLARE
  target text;
  source record;
BEGIN
  FOREACH target IN ARRAY ARRAY['run_metrics_1m', 'run_metrics_1h', 'run_metrics_1d'] LOOP
    EXECUTE format('COMMENT ON TABLE %I IS %L', target, CASE target
      WHEN 'run_metrics_1m' THEN 'Finished runs per minute, rolled up from run_metrics; partitions by day.'
      WHEN 'run_metrics_1h' THEN 'Finished runs per hour, rolled up from run_metrics_1m; partitions by month.'
      ELSE 'Finished runs per day, rolled up from run_metrics_1h; partitions by year.' END
      || ' Agent, tier and outcome * (version 0): all of the organization.');
    EXECUTE format('COMMENT ON COLUMN %I.bucket_at IS %L', target, 'Start of the bucket.');
    -- What a table of all organizations needs of the sums, without touching the rows that hold histograms.
    EXECUTE format('CREATE INDEX %I ON %I (bucket_at) INCLUDE (org_id, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms,
      worst_queue_wait_ms, egress_bytes, tokens) WHERE agent = ''*''', target || '_organizations', target);
    EXECUTE format('CREATE INDEX %I ON %I (org_id, bucket_at)', target || '_of_org', target);
  END LOOP;
  FOR source IN SELECT c.relname AS table_name, a.attname AS column_name, col_description('run_metrics'::regclass, original.attnum) AS said
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_attribute original ON original.attrelid = 'run_metrics'::regclass AND original.attname = a.attname
    WHERE c.oid IN ('run_metrics_1m'::regclass, 'run_metrics_1h'::regclass, 'run_metrics_1d'::regclass, 'system_metrics'::regclass, 'organization_totals'::regclass)
      AND a.attname <> 'bucket_at' AND NOT (c.relname = 'organization_totals' AND a.attname = 'org_id')
  LOOP
    EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', source.table_name, source.column_name, source.said);
  END LOOP;
END $$;

CREATE FUNCTION add_histograms(a bigint[], b bigint[], sign integer DEFAULT 1) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(array_agg((bin << 32) + count ORDER BY bin) FILTER (WHERE count > 0), '{}') FROM (
    SELECT bin, sum(count)::bigint AS count FROM (
      SELECT entry >> 32 AS bin, entry & 4294967295 AS count FROM unnest(a) AS entry
      UNION ALL SELECT entry >> 32, sign * (entry & 4294967295) FROM unnest(b) AS entry
    ) AS entries GROUP BY bin
  ) AS summed
$$;
COMMENT ON FUNCTION add_histograms(bigint[], bigint[], integer) IS 'Adds the counts of equal bins; with sign -1 takes those of the second away.';

CREATE TABLE runtime_samples (
  at timestamptz(3) NOT NULL,
  worker_id text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL CHECK (subject IN ('worker', 'organization', 'container')),
  subject_id text COLLATE "C" NOT NULL,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  running integer,
  slots integer,
  limit_mb double precision,
  used_mb double precision,
  cpu_ms double precision,
  event_loop_delay_ms double precision,
  runs bigint,
  failures bigint,
  deaths bigint,
  PRIMARY KEY (at, worker_id, subject, subject_id),
  CONSTRAINT runtime_samples_worker_has_no_org CHECK ((subject = 'worker') = (org_id IS NULL))
) PARTITION BY RANGE (at);
CREATE INDEX runtime_samples_of_org ON runtime_samples (org_id, at) WHERE org_id IS NOT NULL;
COMMENT ON TABLE runtime_samples IS 'Gauges of workers, of organizations on them and of containers, every few seconds. Partitions by day.';
COMMENT ON COLUMN runtime_samples.at IS 'When it was read, by the worker''s clock.';
COMMENT ON COLUMN runtime_samples.worker_id IS 'The worker.';
COMMENT ON COLUMN runtime_samples.subject IS 'What was read: the worker, an organization on it, or a container.';
COMMENT ON COLUMN runtime_samples.subject_id IS 'Id of the worker, organization or container.';
COMMENT ON COLUMN runtime_samples.org_id IS 'The organization; null for a worker.';
COMMENT ON COLUMN runtime_samples.running IS 'Runs under way; of a container 1 while it is busy.';
COMMENT ON COLUMN runtime_samples.slots IS 'Runs at once at most: of a worker.';
COMMENT ON COLUMN runtime_samples.limit_mb IS 'Pool of an organization, limit of a container, MB; null for a worker.';
COMMENT ON COLUMN runtime_samples.used_mb IS 'Resident memory of a worker, reserved of an organization''s pool, heap and external of a container, MB.';
COMMENT ON COLUMN runtime_samples.cpu_ms IS 'CPU time since the start of the worker process or the container, ms.';
COMMENT ON COLUMN runtime_samples.event_loop_delay_ms IS 'p99 since the sample before: of a worker.';
COMMENT ON COLUMN runtime_samples.runs IS 'Runs finished since the start: of a worker or a container.';
COMMENT ON COLUMN runtime_samples.failures IS 'Failed runs since the start: of a worker.';
COMMENT ON COLUMN runtime_samples.deaths IS 'Containers that ended for a fault since the start: of an organization on a worker.';

CREATE TABLE rollup_pending (
  step_s integer NOT NULL CHECK (step_s IN (60, 3600, 86400)),
  bucket_at timestamptz(3) NOT NULL,
  writer_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (step_s, bucket_at, writer_id)
);
COMMENT ON TABLE rollup_pending IS 'Buckets whose lower level changed since they were rolled up; a row per writer, so that writers do not meet.';
COMMENT ON COLUMN rollup_pending.step_s IS 'Length of the bucket, s.';
COMMENT ON COLUMN rollup_pending.bucket_at IS 'Its start.';
COMMENT ON COLUMN rollup_pending.writer_id IS 'The collector that wrote, or rollup.';

CREATE TABLE rollup_progress (
  step_s integer PRIMARY KEY CHECK (step_s IN (60, 3600, 86400)),
  rolled_until timestamptz(3) NOT NULL
);
COMMENT ON TABLE rollup_progress IS 'How far each level is complete, up to what may still come late.';
COMMENT ON COLUMN rollup_progress.step_s IS 'Length of the level''s buckets, s.';
COMMENT ON COLUMN rollup_progress.rolled_until IS 'Every bucket before was rolled up.';

CREATE FUNCTION bucket_of(at timestamptz, step_s integer) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT date_bin(make_interval(secs => step_s), at, timestamptz '1970-01-01 00:00:00+00') $$;
COMMENT ON FUNCTION bucket_of(timestamptz, integer) IS 'Start of the bucket of so many seconds that the time lies in; buckets lie on multiples since 1970 in UTC.';

CREATE FUNCTION make_metric_partition(target text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  unit text := CASE target WHEN 'run_metrics_1h' THEN 'month' WHEN 'run_metrics_1d' THEN 'year' ELSE 'day' END;
  since timestamp := date_trunc(unit, at AT TIME ZONE 'UTC');
  name text := target || '_p' || to_char(since, 'YYYYMMDD');
BEGIN
  IF target NOT IN ('run_metrics', 'run_metrics_1m', 'run_metrics_1h', 'run_metrics_1d', 'runtime_samples') THEN RAISE EXCEPTION '% has no partitions by time', target; END IF;
  IF to_regclass(name) IS NOT NULL THEN RETURN; END IF;
  -- Two that make the same one take turns, and the second finds it made.
  PERFORM pg_advisory_xact_lock(hashtextextended('metric-partition', 0));
  EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name, target,
    since AT TIME ZONE 'UTC', (since + ('1 ' || unit)::interval) AT TIME ZONE 'UTC');
END $$;
COMMENT ON FUNCTION make_metric_partition(text, timestamptz) IS 'Makes the partition of a time series that holds a time, where it is missing.';

CREATE FUNCTION drop_metric_partitions(target text, before timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  unit text := CASE target WHEN 'run_metrics_1h' THEN 'month' WHEN 'run_metrics_1d' THEN 'year' ELSE 'day' END;
  partition record;
  dropped integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('metric-partition', 0));
  FOR partition IN
    SELECT c.relname AS name, to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp AS since FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = target::regclass ORDER BY c.relname
  LOOP
    CONTINUE WHEN (partition.since + ('1 ' || unit)::interval) AT TIME ZONE 'UTC' > before;
    -- What was not rolled up yet is older than it should be, and kept until it is.
    CONTINUE WHEN target LIKE 'run_metrics%' AND EXISTS (SELECT FROM rollup_pending
      WHERE bucket_at >= partition.since AT TIME ZONE 'UTC' AND bucket_at < (partition.since + ('1 ' || unit)::interval) AT TIME ZONE 'UTC');
    EXECUTE format('DROP TABLE %I', partition.name);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;
COMMENT ON FUNCTION drop_metric_partitions(text, timestamptz) IS 'Drops the partitions that hold nothing younger than a time; one that still has to be rolled up stays.';

CREATE PROCEDURE keep_metric_partitions(as_of timestamptz, ahead_days integer, retain_days jsonb) LANGUAGE plpgsql AS $$
DECLARE
  target text;
BEGIN
  FOREACH target IN ARRAY ARRAY['run_metrics', 'run_metrics_1m', 'run_metrics_1h', 'run_metrics_1d', 'runtime_samples'] LOOP
    FOR day IN 0..ahead_days LOOP PERFORM make_metric_partition(target, as_of + make_interval(days => day)); END LOOP;
    PERFORM drop_metric_partitions(target, as_of - make_interval(days => (retain_days ->> target)::integer));
    COMMIT;
  END LOOP;
  -- Of a day that is over for a while its end is enough, and what lies past the retention of days only as where later rows begin.
  DELETE FROM organization_totals t WHERE t.until_at < as_of - interval '3 days' AND EXISTS (
    SELECT FROM organization_totals later WHERE later.org_id = t.org_id AND later.until_at > t.until_at
      AND later.until_at <= greatest(bucket_of(t.until_at - interval '1 ms', 86400) + interval '1 day', as_of - make_interval(days => (retain_days ->> 'run_metrics_1d')::integer)));
  DELETE FROM system_metrics WHERE bucket_at < as_of - make_interval(days => (retain_days ->> CASE step_s WHEN 60 THEN 'run_metrics_1m' WHEN 3600 THEN 'run_metrics_1h' ELSE 'run_metrics_1d' END)::integer);
END $$;
COMMENT ON PROCEDURE keep_metric_partitions(timestamptz, integer, jsonb) IS 'Makes the partitions of the coming days and drops those past their retention: days by table name.';

CREATE FUNCTION add_to_totals(before_hour timestamptz) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  -- Runs are only ever added to an hour, so one whose runs are as many as before is as it was.
  CREATE TEMP TABLE hour_change ON COMMIT DROP AS
    SELECT fresh.org_id, fresh.runs - coalesce(old.runs, 0) AS runs, fresh.failures - coalesce(old.failures, 0) AS failures, fresh.wall_ms - coalesce(old.wall_ms, 0) AS wall_ms,
      fresh.cpu_ms - coalesce(old.cpu_ms, 0) AS cpu_ms, fresh.gb_seconds - coalesce(old.gb_seconds, 0) AS gb_seconds,
      fresh.queue_wait_ms - coalesce(old.queue_wait_ms, 0) AS queue_wait_ms, fresh.egress_bytes - coalesce(old.egress_bytes, 0) AS egress_bytes,
      fresh.tokens - coalesce(old.tokens, 0) AS tokens,
      CASE WHEN old.org_id IS NULL THEN fresh.wall_histogram ELSE add_histograms(fresh.wall_histogram, old.wall_histogram, -1) END AS wall_histogram,
      CASE WHEN old.org_id IS NULL THEN fresh.cpu_histogram ELSE add_histograms(fresh.cpu_histogram, old.cpu_histogram, -1) END AS cpu_histogram,
      CASE WHEN old.org_id IS NULL THEN fresh.queue_wait_histogram ELSE add_histograms(fresh.queue_wait_histogram, old.queue_wait_histogram, -1) END AS queue_wait_histogram
    FROM run_metrics_1h fresh LEFT JOIN hour_before old ON old.org_id = fresh.org_id
    WHERE fresh.bucket_at = before_hour AND fresh.agent = '*' AND fresh.runs > coalesce(old.runs, 0);
  -- The row of this hour begins as the one before it; then it, and all that follow, get what is new.
  INSERT INTO organization_totals
    SELECT c.org_id, before_hour + interval '1 hour', coalesce(t.runs, 0), coalesce(t.failures, 0), coalesce(t.wall_ms, 0), coalesce(t.cpu_ms, 0), coalesce(t.gb_seconds, 0),
      coalesce(t.queue_wait_ms, 0), coalesce(t.egress_bytes, 0), coalesce(t.tokens, 0), coalesce(t.wall_histogram, '{}'), coalesce(t.cpu_histogram, '{}'), coalesce(t.queue_wait_histogram, '{}')
    FROM hour_change c LEFT JOIN LATERAL (
      SELECT * FROM organization_totals t WHERE t.org_id = c.org_id AND t.until_at <= before_hour + interval '1 hour' ORDER BY t.until_at DESC LIMIT 1
    ) t ON true
  ON CONFLICT DO NOTHING;
  UPDATE organization_totals t SET runs = t.runs + c.runs, failures = t.failures + c.failures, wall_ms = t.wall_ms + c.wall_ms, cpu_ms = t.cpu_ms + c.cpu_ms,
    gb_seconds = t.gb_seconds + c.gb_seconds, queue_wait_ms = t.queue_wait_ms + c.queue_wait_ms, egress_bytes = t.egress_bytes + c.egress_bytes, tokens = t.tokens + c.tokens,
    wall_histogram = add_histograms(t.wall_histogram, c.wall_histogram), cpu_histogram = add_histograms(t.cpu_histogram, c.cpu_histogram),
    queue_wait_histogram = add_histograms(t.queue_wait_histogram, c.queue_wait_histogram)
  FROM hour_change c WHERE t.org_id = c.org_id AND t.until_at > before_hour;
  DROP TABLE hour_change;
  DROP TABLE hour_before;
END $$;
COMMENT ON FUNCTION add_to_totals(timestamptz) IS 'Adds to organization_totals what an hour has beyond its rows in the temporary table hour_before.';

CREATE FUNCTION roll_up_bucket(step_s integer, at timestamptz) RETURNS void LANGUAGE plpgsql
-- Connections plan for look-ups (database.ts); this is the one statement that joins thousands of rows with thousands.
SET enable_hashjoin = on SET enable_mergejoin = on SET work_mem = '64MB' AS $$
DECLARE
  target text := CASE step_s WHEN 60 THEN 'run_metrics_1m' WHEN 3600 THEN 'run_metrics_1h' ELSE 'run_metrics_1d' END;
  source text := CASE step_s WHEN 60 THEN 'run_metrics' WHEN 3600 THEN 'run_metrics_1m' ELSE 'run_metrics_1h' END;
BEGIN
  -- The notes first: whoever is writing one of them holds its row, so that what it wrote is seen below.
  EXECUTE 'DELETE FROM rollup_pending WHERE step_s = $1 AND bucket_at = $2' USING step_s, at;
  PERFORM make_metric_partition(target, at);
  IF step_s = 3600 THEN
    CREATE TEMP TABLE hour_before ON COMMIT DROP AS SELECT * FROM run_metrics_1h WHERE bucket_at = at AND agent = '*';
  END IF;
  EXECUTE format('DELETE FROM %I WHERE bucket_at = $1', target) USING at;
  EXECUTE 'DELETE FROM system_metrics WHERE step_s = $1 AND bucket_at = $2' USING step_s, at;
  EXECUTE format($query$
    WITH source AS MATERIALIZED (
      SELECT * FROM %I WHERE bucket_at >= $2 AND bucket_at < $2 + make_interval(secs => $1) AND agent <> '*'
    ), sums AS (
      SELECT coalesce(org_id, '') AS org_id, coalesce(agent, '*') AS agent, coalesce(version, 0) AS version, coalesce(tier, '*') AS tier,
        coalesce(outcome, '*') AS outcome, sum(runs)::bigint AS runs, sum(failures)::bigint AS failures, sum(wall_ms) AS wall_ms, sum(cpu_ms) AS cpu_ms,
        sum(gb_seconds) AS gb_seconds, sum(queue_wait_ms) AS queue_wait_ms, max(worst_queue_wait_ms) AS worst_queue_wait_ms,
        sum(egress_bytes) AS egress_bytes, sum(tokens) AS tokens
      FROM source GROUP BY GROUPING SETS ((org_id, agent, version, tier, outcome), (org_id), (tier, outcome))
    ), entries AS (
      SELECT org_id, agent, version, tier, outcome, 1 AS measure, unnest(wall_histogram) AS entry FROM source
      UNION ALL SELECT org_id, agent, version, tier, outcome, 2, unnest(cpu_histogram) FROM source
      UNION ALL SELECT org_id, agent, version, tier, outcome, 3, unnest(queue_wait_histogram) FROM source
    ), bins AS (
      SELECT coalesce(org_id, '') AS org_id, coalesce(agent, '*') AS agent, coalesce(version, 0) AS version, coalesce(tier, '*') AS tier,
        coalesce(outcome, '*') AS outcome, measure, entry >> 32 AS bin, sum(entry & 4294967295)::bigint AS count
      FROM entries
      GROUP BY GROUPING SETS ((org_id, agent, version, tier, outcome, measure, entry >> 32), (org_id, measure, entry >> 32), (tier, outcome, measure, entry >> 32))
    ), histograms AS (
      SELECT org_id, agent, version, tier, outcome,
        coalesce(array_agg((bin << 32) + count ORDER BY bin) FILTER (WHERE measure = 1), '{}') AS wall_histogram,
        coalesce(array_agg((bin << 32) + count ORDER BY bin) FILTER (WHERE measure = 2), '{}') AS cpu_histogram,
        coalesce(array_agg((bin << 32) + count ORDER BY bin) FILTER (WHERE measure = 3), '{}') AS queue_wait_histogram
      FROM bins GROUP BY org_id, agent, version, tier, outcome
    ), rolled AS (
      SELECT * FROM sums JOIN histograms USING (org_id, agent, version, tier, outcome)
    ), system AS (
      INSERT INTO system_metrics (step_s, bucket_at, tier, outcome, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms, worst_queue_wait_ms,
        egress_bytes, tokens, wall_histogram, cpu_histogram, queue_wait_histogram)
      SELECT $1, $2, tier, outcome, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms, worst_queue_wait_ms,
        egress_bytes, tokens, wall_histogram, cpu_histogram, queue_wait_histogram
      FROM rolled WHERE org_id = ''
    )
    INSERT INTO %I (bucket_at, org_id, agent, version, tier, outcome, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms, worst_queue_wait_ms,
      egress_bytes, tokens, wall_histogram, cpu_histogram, queue_wait_histogram)
    SELECT $2, org_id, agent, version, tier, outcome, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms, worst_queue_wait_ms,
      egress_bytes, tokens, wall_histogram, cpu_histogram, queue_wait_histogram
    -- All rows of organizations lie together: they are what is read most.
    FROM rolled WHERE org_id <> '' ORDER BY agent = '*' DESC, org_id, agent, version, tier, outcome
  $query$, source, target) USING step_s, at;
  IF step_s = 3600 THEN PERFORM add_to_totals(at); END IF;
  IF step_s < 86400 THEN
    INSERT INTO rollup_pending (step_s, bucket_at, writer_id)
      SELECT next, bucket_of(at, next), 'rollup' FROM (SELECT CASE step_s WHEN 60 THEN 3600 ELSE 86400 END) AS upper_level (next)
      ON CONFLICT DO NOTHING;
  END IF;
END $$;
COMMENT ON FUNCTION roll_up_bucket(integer, timestamptz) IS 'Computes one bucket anew from the level below, per agent and so on, per organization and for the system, and notes it for the level above.';

CREATE PROCEDURE roll_up_run_metrics(as_of timestamptz, most_buckets integer) LANGUAGE plpgsql AS $$
DECLARE
  level record;
  bucket timestamptz;
  last_bucket timestamptz;
  rolled integer := 0;
BEGIN
  FOR level IN SELECT * FROM (VALUES (60, interval '15 s'), (3600, interval '2 min'), (86400, interval '5 min')) AS levels (step_s, grace) LOOP
    last_bucket := '-infinity';
    LOOP
      -- One process at a time; another one that is at it does the same work.
      IF NOT pg_try_advisory_xact_lock(hashtextextended('metric-rollup', 0)) THEN RETURN; END IF;
      SELECT min(p.bucket_at) INTO bucket FROM rollup_pending p
        WHERE p.step_s = level.step_s AND p.bucket_at > last_bucket AND p.bucket_at + make_interval(secs => level.step_s) <= as_of - level.grace;
      EXIT WHEN bucket IS NULL OR rolled >= most_buckets;
      PERFORM roll_up_bucket(level.step_s, bucket);
      COMMIT;
      last_bucket := bucket;
      rolled := rolled + 1;
    END LOOP;
    -- Complete up to what waits, to what is too young, and to what the level below is.
    INSERT INTO rollup_progress (step_s, rolled_until)
      SELECT level.step_s, bucket_of(least(as_of - level.grace,
        (SELECT min(p.bucket_at) FROM rollup_pending p WHERE p.step_s = level.step_s AND p.bucket_at + make_interval(secs => level.step_s) <= as_of - level.grace),
        (SELECT min(g.rolled_until) FROM rollup_progress g WHERE g.step_s < level.step_s)), level.step_s)
      ON CONFLICT (step_s) DO UPDATE SET rolled_until = greatest(rollup_progress.rolled_until, excluded.rolled_until);
    COMMIT;
  END LOOP;
END $$;
COMMENT ON PROCEDURE roll_up_run_metrics(timestamptz, integer) IS 'Rolls up what waits and is old enough, bucket by bucket, each in a transaction of its own: broken off anywhere, it goes on where it was.';

-- What there was: of no known version and tier.
DO $$
DECLARE
  day timestamptz;
BEGIN
  FOR day IN SELECT DISTINCT bucket_of(bucket_at, 86400) FROM run_metrics_before UNION SELECT bucket_of(now(), 86400) LOOP
    PERFORM make_metric_partition('run_metrics', day);
  END LOOP;
END $$;

CREATE FUNCTION pg_temp.packed(histogram jsonb) RETURNS bigint[] LANGUAGE sql AS $$
  SELECT coalesce(array_agg(((bin::bigint + 1000) << 32) + count::bigint ORDER BY bin::integer), '{}') FROM jsonb_each_text(histogram) AS entry (bin, count)
$$;
INSERT INTO run_metrics
  SELECT bucket_at, org_id, agent, 0, 'unknown', outcome, 'migration', 0, runs,
    CASE WHEN outcome IN ('failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed') THEN runs ELSE 0 END,
    wall_ms, cpu_ms, gb_seconds, queue_wait_ms, 0, 0, 0,
    pg_temp.packed(wall_histogram), pg_temp.packed(cpu_histogram), pg_temp.packed(queue_wait_histogram)
  FROM run_metrics_before;
INSERT INTO rollup_pending SELECT DISTINCT 60, bucket_of(bucket_at, 60), 'migration' FROM run_metrics_before;
DROP TABLE run_metrics_before;
DROP FUNCTION merge_histograms(jsonb, jsonb);
