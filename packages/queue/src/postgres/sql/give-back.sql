-- A run went back to the front of its queue unexecuted.
-- $1 organization, $2 refund, $3 epoch ms until which it is parked, or null, $4 now (epoch ms)
-- Atomic: the charge is taken back; the organization is ready, or not offered until the parking ends. Listeners are
-- told either way: of a parking by the organization's name, so that whoever ends one of its runs ends the parking.
WITH given AS (
  INSERT INTO bullpen_queue.organization AS o (org_id, is_ready, due_ms, parked_until_ms)
  VALUES ($1::text, $3::bigint IS NULL, $3::bigint, $3::bigint)
  ON CONFLICT (org_id) DO UPDATE SET
    generation = o.generation + 1,
    virtual_time = o.virtual_time - $2::float8,
    is_ready = $3::bigint IS NULL AND (o.is_ready OR COALESCE(o.parked_until_ms, 0) <= $4::bigint),
    parked_until_ms = CASE WHEN $3::bigint IS NULL THEN o.parked_until_ms ELSE greatest(o.parked_until_ms, $3::bigint) END,
    due_ms = CASE WHEN $3::bigint IS NULL THEN o.due_ms ELSE greatest(o.parked_until_ms, $3::bigint) END
)
SELECT pg_notify('bullpen_queue', CASE WHEN $3::bigint IS NULL THEN '' ELSE $1::text END)
