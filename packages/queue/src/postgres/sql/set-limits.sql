-- Changes limits of an organization.
-- $1 organization, $2 the limits that change (jsonb): null for those that are back at their default, $3 MB that its
-- active runs hold: where a memory limit is new they count as in flight
-- Atomic: the others stay as they are. Paused, it is no longer offered; else it is, in case a limit held it. Listeners
-- are told.
WITH before AS (
  SELECT (SELECT limits FROM bullpen_queue.organization_limits WHERE org_id = $1::text) AS limits
), changed AS (
  INSERT INTO bullpen_queue.organization_limits AS l (org_id, limits)
  VALUES ($1::text, jsonb_strip_nulls($2::jsonb))
  ON CONFLICT (org_id) DO UPDATE SET limits = jsonb_strip_nulls(l.limits || $2::jsonb)
  RETURNING limits
), line AS (
  SELECT bullpen_queue.start_of_line() AS start
)
INSERT INTO bullpen_queue.organization AS o (org_id, virtual_time, is_ready, in_flight_mb)
SELECT $1::text, line.start, COALESCE(changed.limits->'paused' <> 'true', true), $3::int FROM changed, line
ON CONFLICT (org_id) DO UPDATE SET
  generation = o.generation + 1,
  is_ready = excluded.is_ready,
  virtual_time = CASE WHEN o.is_ready OR NOT excluded.is_ready THEN o.virtual_time ELSE greatest(o.virtual_time, excluded.virtual_time) END,
  parked_until_ms = NULL,
  in_flight_mb = CASE WHEN (SELECT COALESCE(limits ? 'maxMemoryInFlightMb', false) FROM before) THEN o.in_flight_mb ELSE $3::int END
RETURNING pg_notify('bullpen_queue', '')
