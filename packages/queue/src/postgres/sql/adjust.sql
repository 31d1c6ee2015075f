-- What changed for runs that were taken.
-- $1 organizations (text[]), $2 charges (float8[], resource-seconds), $3 MB freed (int[]), $4 outcomes (text[]: ended,
-- returned, parked, running), $5 times of those that are `parked` (bigint[], else null), $6 now (epoch ms)
-- Atomic: each is charged and its memory is free again. `ended` offers it where it was parked or may have been at its
-- concurrency; `returned` offers it unless it is parked; `parked` keeps it from being offered until then. An end counts
-- for more than what came with it. Freed memory ends a parking for want of it (9e15 ms). Listeners are told.
WITH change AS (
  SELECT org_id, sum(charge) AS charge, sum(freed_mb) AS freed_mb, bool_or(next = 'ended') AS has_ended,
    bool_or(next = 'returned') AS has_returned, max(until_ms) AS until_ms
  FROM unnest($1::text[], $2::float8[], $3::int[], $4::text[], $5::bigint[]) AS t(org_id, charge, freed_mb, next, until_ms)
  GROUP BY org_id
), locked AS (
  SELECT * FROM bullpen_queue.organization WHERE org_id = ANY ($1::text[]) ORDER BY org_id FOR UPDATE
), line AS (
  SELECT bullpen_queue.start_of_line() AS start
), now AS (
  SELECT o.*, CASE WHEN change.freed_mb > 0 AND o.parked_until_ms = 9000000000000000 THEN NULL ELSE o.parked_until_ms END AS still_parked_ms
  -- Of the locked rows, not of the table: those are as they are now, the table is as it was when the statement began.
  FROM locked o JOIN change USING (org_id)
), decided AS (
  SELECT o.org_id, change.charge / COALESCE((l.limits->>'weight')::float8, 1) AS step, change.freed_mb, change.has_returned OR change.until_ms IS NOT NULL AS is_marked,
    CASE WHEN NOT change.has_ended THEN greatest(o.still_parked_ms, change.until_ms) END AS parked_until_ms,
    CASE WHEN change.until_ms IS NOT NULL AND NOT change.has_ended THEN greatest(o.still_parked_ms, change.until_ms) ELSE o.due_ms END AS due_ms,
    NOT COALESCE(l.limits->'paused' = 'true', false) AND (
      (change.has_ended AND (o.parked_until_ms IS NOT NULL OR change.until_ms IS NOT NULL OR COALESCE(l.limits ? 'maxConcurrency', false)))
      OR (change.has_returned AND COALESCE(greatest(o.still_parked_ms, change.until_ms), 0) <= $6::bigint)
    ) AS enters,
    o.is_ready AND (change.has_ended OR change.until_ms IS NULL) AS stays
  FROM now o JOIN change USING (org_id) LEFT JOIN bullpen_queue.organization_limits l USING (org_id)
), adjusted AS (
  UPDATE bullpen_queue.organization o SET
    generation = o.generation + decided.is_marked::int,
    virtual_time = CASE WHEN decided.enters AND NOT decided.stays THEN greatest(o.virtual_time + decided.step, line.start) ELSE o.virtual_time + decided.step END,
    in_flight_mb = greatest(0, o.in_flight_mb - decided.freed_mb),
    is_ready = decided.stays OR decided.enters,
    parked_until_ms = decided.parked_until_ms,
    due_ms = decided.due_ms
  FROM decided, line WHERE o.org_id = decided.org_id
  RETURNING o.org_id, o.virtual_time, decided.step, o.is_ready
), advanced AS (
  SELECT bullpen_queue.advance_while_alone(org_id, virtual_time - least(greatest(step, 0), bullpen_queue.head_start())) FROM adjusted WHERE step <> 0
)
SELECT CASE WHEN bool_or(is_ready) THEN pg_notify('bullpen_queue', '') END, (SELECT count(*) FROM advanced) FROM adjusted
