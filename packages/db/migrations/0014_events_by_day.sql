-- Events by day, so that what is old is dropped with its table and not deleted row by row; and the procedures of upkeep.
-- runs stays one table: it is found by primary key, by one key per organization, and by state, millions of times between two
-- removals, and a claim of two hundred runs from all days would be planned over all partitions.

CREATE FUNCTION make_partitions(parent regclass, from_day date, days integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, public SET timezone = 'UTC' AS $$
DECLARE
  home name := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = parent);
  stem name := (SELECT relname FROM pg_class WHERE oid = parent);
  key name := (SELECT a.attname FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] WHERE p.partrelid = parent);
  leftovers regclass := to_regclass(format('%I.%I', home, stem || '_default'));
  partition text;
  day date;
  made integer := 0;
BEGIN
  -- One at a time: two that make the same day would meet at its name.
  PERFORM pg_advisory_xact_lock(hashtextextended('make_partitions ' || parent, 0));
  FOR day IN SELECT generate_series(from_day, from_day + days - 1, interval '1 day')::date LOOP
    partition := format('%I.%I', home, stem || '_' || to_char(day, 'YYYYMMDD'));
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    -- Without INCLUDING INDEXES: attaching makes those of the parent.
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition, parent);
    IF leftovers IS NOT NULL THEN
      -- What came before its day had a table went to the default one.
      EXECUTE format('WITH late AS (DELETE FROM %s WHERE %I >= %L AND %2$I < %4$L RETURNING *) INSERT INTO %5$s SELECT * FROM late',
        leftovers, key, day, day + 1, partition);
    END IF;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, partition, day, day + 1);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
COMMENT ON FUNCTION make_partitions(regclass, date, integer) IS
  'Makes the partitions of these days (UTC) that are missing and gives how many; rows that wait in the default partition move to them.';

CREATE FUNCTION drop_partitions(parent regclass, before date) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, public SET timezone = 'UTC'
-- A drop waits for all who read the parent, and all who come wait for the drop: rather not today than that.
SET lock_timeout = '2s' AS $$
DECLARE
  old record;
  dropped integer := 0;
BEGIN
  FOR old IN
    SELECT c.oid::regclass AS partition FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = parent AND substring(c.relname FROM '_(\d{8})$') < to_char(before, 'YYYYMMDD') ORDER BY c.relname
  LOOP
    EXECUTE format('DROP TABLE %s', old.partition);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;
COMMENT ON FUNCTION drop_partitions(regclass, date) IS 'Drops the partitions of days before this one (UTC) and gives how many; 55P03 where somebody is at them: try again later.';

ALTER TABLE run_events RENAME TO run_events_before;
ALTER TABLE run_events_before RENAME CONSTRAINT run_events_pkey TO run_events_before_pkey;
CREATE TABLE run_events (
  org_id text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  attempt integer NOT NULL CHECK (attempt > 0),
  at timestamptz(3) NOT NULL,
  event jsonb NOT NULL,
  PRIMARY KEY (org_id, run_id, seq, at),
  CONSTRAINT run_events_run FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id) ON DELETE CASCADE
) PARTITION BY RANGE (at);
CREATE TABLE run_events_default PARTITION OF run_events DEFAULT;
COMMENT ON TABLE run_events IS 'What agents said: log lines, emitted events, progress. Partitions by day.';
COMMENT ON COLUMN run_events.org_id IS 'The organization that owns the run.';
COMMENT ON COLUMN run_events.run_id IS 'The run that said it.';
COMMENT ON COLUMN run_events.seq IS 'lease * 1000000 + n: unique and growing within the run.';
COMMENT ON COLUMN run_events.attempt IS 'The attempt in which it was said.';
COMMENT ON COLUMN run_events.at IS 'When it was said, by the worker''s clock; it chooses the partition.';
COMMENT ON COLUMN run_events.event IS 'The event, tagged by type.';
SELECT isolate_tenant_table('run_events', 'SELECT');

-- As many days as there are events of, within reason: the default partition keeps the others.
SELECT make_partitions('run_events', greatest(coalesce(min(at)::date, current_date), current_date - 366), (current_date + 4 - greatest(coalesce(min(at)::date, current_date), current_date - 366)))
FROM run_events_before;
INSERT INTO run_events SELECT * FROM run_events_before;
DROP TABLE run_events_before;

CREATE FUNCTION run_id_at(at timestamptz) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
  -- Crockford's base 32 in lower case, ten digits of milliseconds since 1970: https://github.com/ulid/spec
  rest bigint := greatest(0, floor(extract(epoch FROM at) * 1000))::bigint;
  digits text := '';
BEGIN
  FOR i IN 1..10 LOOP
    digits := substr('0123456789abcdefghjkmnpqrstvwxyz', (rest % 32)::integer + 1, 1) || digits;
    rest := rest / 32;
  END LOOP;
  RETURN 'run_' || digits;
END $$;
COMMENT ON FUNCTION run_id_at(timestamptz) IS 'What sorts before every run id of this millisecond and later, and after those of earlier ones.';

CREATE FUNCTION claim_retention(most integer, every interval) RETURNS TABLE (org_id text, retention jsonb)
LANGUAGE sql SET search_path = pg_catalog, public AS $$
  UPDATE organizations o SET retained_at = now()
  FROM (
    SELECT id FROM organizations WHERE retained_at <= now() - every AND deleting_at IS NULL
    ORDER BY retained_at LIMIT most FOR UPDATE SKIP LOCKED
  ) AS due
  WHERE o.id = due.id
  RETURNING o.id, o.retention
$$;
COMMENT ON FUNCTION claim_retention(integer, interval) IS 'Organizations whose old rows nobody looked for in this long; each is given to one caller.';

CREATE FUNCTION delete_org_rows(target regclass, org_column name, org text, most integer, condition text DEFAULT 'true') RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  leaf regclass;
  deleted integer;
  total integer := 0;
BEGIN
  FOR leaf IN
    SELECT relid FROM pg_partition_tree(target) WHERE isleaf
    UNION SELECT target WHERE NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = target)
  LOOP
    EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$s WHERE %I = $1 AND (%s) LIMIT $2))', leaf, org_column, condition)
      USING org, most - total;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    total := total + deleted;
    EXIT WHEN total >= most;
  END LOOP;
  RETURN total;
END $$;
COMMENT ON FUNCTION delete_org_rows(regclass, name, text, integer, text) IS
  'Deletes up to so many rows of an organization that meet the condition, partition by partition, and gives how many.';

CREATE FUNCTION purge_organization(org text, most integer) RETURNS TABLE (name text, deleted integer)
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  target record;
  deleted integer;
  left_over integer := most;
BEGIN
  -- Children before parents, by the foreign keys that there are: no list has to know a table that comes later.
  FOR target IN
    WITH RECURSIVE parents AS (
      SELECT DISTINCT k.conrelid AS child, k.confrelid AS parent FROM pg_constraint k
      WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
        AND k.conrelid IN (SELECT t.name FROM tenant_tables t) AND k.confrelid IN (SELECT t.name FROM tenant_tables t)
    ), depths AS (
      SELECT t.name::oid AS id, 0 AS depth FROM tenant_tables t
      UNION ALL SELECT p.child, d.depth + 1 FROM depths d JOIN parents p ON p.parent = d.id WHERE d.depth < 20
    )
    SELECT t.name AS id, t.org_column, max(d.depth) AS depth FROM depths d JOIN tenant_tables t ON t.name::oid = d.id
    GROUP BY 1, 2 ORDER BY 3 DESC, t.name::text
  LOOP
    deleted := delete_org_rows(target.id, target.org_column::name, org, left_over);
    IF deleted > 0 THEN RETURN QUERY SELECT target.id::text, deleted; END IF;
    left_over := left_over - deleted;
    EXIT WHEN left_over <= 0;
  END LOOP;
END $$;
COMMENT ON FUNCTION purge_organization(text, integer) IS
  'Deletes up to so many rows of an organization from all tables of tenants, children first, the organization last; gives how many of each. Call it until it gives none.';

CREATE FUNCTION find_lost_workers(silent_for interval) RETURNS SETOF text
LANGUAGE sql SET search_path = pg_catalog, public AS $$
  WITH lost AS (
    UPDATE workers SET state = 'lost', ended_at = now()
    WHERE id = ANY (ARRAY(SELECT id FROM workers WHERE ended_at IS NULL AND seen_at < now() - silent_for FOR UPDATE SKIP LOCKED))
    RETURNING id
  ), died AS (
    UPDATE containers SET state = 'dead', death = coalesce(death, 'worker_lost'), ended_at = now()
    WHERE ended_at IS NULL AND worker_id IN (SELECT id FROM lost)
  )
  SELECT id FROM lost
$$;
COMMENT ON FUNCTION find_lost_workers(interval) IS 'Workers that fell silent for so long: marked as lost, their containers as dead. Each is given to one caller.';

CREATE FUNCTION runs_needing_care(older_than interval, most integer) RETURNS TABLE (org_id text, run_id text, cause text, since timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
  (SELECT r.org_id, r.id, 'worker_lost', w.ended_at FROM workers w
    JOIN runs r ON r.worker_id = w.id AND r.state = 'running'
    WHERE w.ended_at < now() - older_than LIMIT most)
  UNION ALL
  (SELECT r.org_id, r.id, 'not_expired', r.expires_at FROM runs r
    WHERE r.state IN ('scheduled', 'queued', 'retrying') AND r.attempt = 0 AND r.expires_at < now() - older_than
    ORDER BY r.expires_at LIMIT most)
  UNION ALL
  (SELECT r.org_id, r.id, 'cancel_not_heeded', r.cancel_requested_at FROM runs r
    WHERE r.state = 'running' AND r.cancel_requested_at < now() - older_than LIMIT most)
$$;
COMMENT ON FUNCTION runs_needing_care(interval, integer) IS
  'Runs that stand still for longer than they should: their worker is gone, their time-to-live passed, or their cancel was not heeded.';

CREATE FUNCTION organization_health(org text, span interval DEFAULT '1 hour')
RETURNS TABLE (finished bigint, failed bigint, waiting bigint, oldest_wait_ms double precision, running bigint, lost bigint, containers bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
  SELECT
    count(*) FILTER (WHERE r.finished_at >= now() - span),
    count(*) FILTER (WHERE r.finished_at >= now() - span AND r.state IN ('failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed')),
    count(*) FILTER (WHERE r.state IN ('scheduled', 'queued', 'retrying')),
    extract(epoch FROM now() - min(greatest(r.queued_at, r.not_before)) FILTER (WHERE r.state = 'queued' OR (r.state IN ('scheduled', 'retrying') AND r.not_before <= now()))) * 1000,
    count(*) FILTER (WHERE r.state = 'running'),
    count(*) FILTER (WHERE r.state = 'running' AND w.ended_at IS NOT NULL),
    (SELECT count(*) FROM containers c WHERE c.org_id = org AND c.ended_at IS NULL)
  FROM (
    SELECT * FROM runs WHERE org_id = org AND state IN ('scheduled', 'queued', 'retrying', 'running')
    UNION ALL
    -- Ids begin with their time (docs/database.md): runs that finished within the span began at most a day before it.
    SELECT * FROM runs WHERE org_id = org AND id >= run_id_at(now() - span - interval '1 day')
      AND state NOT IN ('scheduled', 'queued', 'retrying', 'running')
  ) AS r LEFT JOIN workers w ON w.id = r.worker_id
$$;
COMMENT ON FUNCTION organization_health(text, interval) IS
  'What runs of an organization did within the span and how they stand now, counted in the record itself: what a health score is checked against.';

REVOKE ALL ON FUNCTION make_partitions(regclass, date, integer), drop_partitions(regclass, date), claim_retention(integer, interval),
  delete_org_rows(regclass, name, text, integer, text), purge_organization(text, integer), find_lost_workers(interval),
  runs_needing_care(interval, integer), organization_health(text, interval), run_id_at(timestamptz) FROM PUBLIC;
