-- Organizations that have something to run now.
-- $1 organizations (text[], sorted: rows are locked in that order), $2 now (epoch ms)
-- Atomic: each is known afterwards, and ready unless it is parked or paused; listeners are told.
WITH line AS (
  SELECT bullpen_queue.start_of_line() AS start
), marked AS (
  INSERT INTO bullpen_queue.organization AS o (org_id, virtual_time, is_ready)
  SELECT org_id, line.start, NOT bullpen_queue.is_paused(org_id) FROM unnest($1::text[]) AS org_id, line
  ON CONFLICT (org_id) DO UPDATE SET
    generation = o.generation + 1,
    is_ready = o.is_ready OR (COALESCE(o.parked_until_ms, 0) <= $2::bigint AND excluded.is_ready),
    virtual_time = CASE WHEN o.is_ready THEN o.virtual_time ELSE greatest(o.virtual_time, excluded.virtual_time) END
  RETURNING o.is_ready
)
SELECT pg_notify('bullpen_queue', '') FROM marked WHERE is_ready LIMIT 1
