-- What became of claimed organizations.
-- $1 organizations (text[]), $2 virtual times they were claimed at (float8[]), $3 charges (float8[]),
-- $4 outcomes (text[]: ready, later, idle), $5 times of those that are `later` (bigint[], else null), $6 now (epoch ms)
-- Atomic: each is charged; `ready` offers it again unless it was parked meanwhile; `later` makes it due. One that was
-- marked ready while it was claimed stays ready, and is charged all the same.
WITH outcome AS (
  SELECT * FROM unnest($1::text[], $2::float8[], $3::float8[], $4::text[], $5::bigint[]) AS t(org_id, start, charge, next, at_ms)
), locked AS (
  SELECT org_id FROM bullpen_queue.organization WHERE org_id = ANY ($1::text[]) ORDER BY org_id FOR UPDATE
), advanced AS (
  UPDATE bullpen_queue.dispatch SET virtual_time = (SELECT max(start) FROM outcome) WHERE virtual_time < (SELECT max(start) FROM outcome)
), settled AS (
  UPDATE bullpen_queue.organization o SET
    virtual_time = greatest(o.virtual_time, outcome.start + outcome.charge),
    is_ready = o.is_ready OR (outcome.next = 'ready' AND COALESCE(o.parked_until_ms, 0) <= $6::bigint),
    due_ms = CASE WHEN outcome.next = 'later' THEN least(o.due_ms, greatest(outcome.at_ms, o.parked_until_ms)) ELSE o.due_ms END
  FROM locked JOIN outcome USING (org_id) WHERE o.org_id = locked.org_id
  RETURNING o.is_ready
)
SELECT pg_notify('bullpen_queue', '') FROM settled WHERE is_ready LIMIT 1
