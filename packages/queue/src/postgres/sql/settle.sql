-- What became of claimed organizations.
-- $1 organizations (text[]), $2 charges (float8[], resource-seconds), $3 outcomes (text[]: ready, later, idle),
-- $4 times of those that are `later` (bigint[], else null), $5 now (epoch ms)
-- Atomic: each is charged; `ready` offers it again unless it was parked or paused meanwhile; `later` makes it due. One
-- that was marked ready while it was claimed stays ready, and is charged all the same.
WITH outcome AS (
  SELECT * FROM unnest($1::text[], $2::float8[], $3::text[], $4::bigint[]) AS t(org_id, charge, next, at_ms)
), locked AS (
  SELECT org_id FROM bullpen_queue.organization WHERE org_id = ANY ($1::text[]) ORDER BY org_id FOR UPDATE
), settled AS (
  UPDATE bullpen_queue.organization o SET
    virtual_time = o.virtual_time + outcome.charge / bullpen_queue.weight_of(o.org_id),
    claimed_ms = NULL,
    is_ready = o.is_ready OR (outcome.next = 'ready' AND COALESCE(o.parked_until_ms, 0) <= $5::bigint AND NOT bullpen_queue.is_paused(o.org_id)),
    due_ms = CASE WHEN outcome.next = 'later' THEN least(o.due_ms, greatest(outcome.at_ms, o.parked_until_ms)) ELSE o.due_ms END
  FROM locked JOIN outcome USING (org_id) WHERE o.org_id = locked.org_id
  RETURNING o.is_ready
)
SELECT pg_notify('bullpen_queue', '') FROM settled WHERE is_ready LIMIT 1
