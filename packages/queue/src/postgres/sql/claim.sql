-- Takes organizations for one worker, lowest virtual time first.
-- $1 how many at most, $2 now (epoch ms)
-- Returns one row: what was claimed (json array of { orgId, virtualTime, weight, hasMemoryLimit }), whether nobody else
-- waits, and when the next one is due (epoch ms).
-- Atomic: an organization is given to one caller only; it is not ready until that caller settles it, or the sweep does.
WITH lowest AS (
  SELECT org_id FROM bullpen_queue.organization WHERE is_ready ORDER BY virtual_time, org_id LIMIT $1 FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE bullpen_queue.organization o SET is_ready = false, claimed_ms = $2::bigint FROM lowest WHERE o.org_id = lowest.org_id
  RETURNING o.org_id, o.virtual_time
), alone AS (
  SELECT (SELECT count(*) = 1 FROM claimed) AND NOT EXISTS (
    SELECT FROM bullpen_queue.organization WHERE (is_ready OR claimed_ms IS NOT NULL) AND org_id NOT IN (SELECT org_id FROM claimed)
  ) AS is_alone
), advanced AS (
  -- Who is alone moves the clock by what it uses.
  UPDATE bullpen_queue.dispatch SET virtual_time = (SELECT min(virtual_time) FROM claimed)
  WHERE virtual_time < (SELECT min(virtual_time) FROM claimed) AND NOT (SELECT is_alone FROM alone)
), described AS (
  SELECT org_id, virtual_time, COALESCE((l.limits->>'weight')::float8, 1) AS weight, COALESCE(l.limits ? 'maxMemoryInFlightMb', false) AS has_memory_limit
  FROM claimed LEFT JOIN bullpen_queue.organization_limits l USING (org_id)
)
SELECT
  (SELECT COALESCE(json_agg(json_build_object('orgId', org_id, 'virtualTime', virtual_time, 'weight', weight, 'hasMemoryLimit', has_memory_limit)
     ORDER BY virtual_time, org_id), '[]') FROM described) AS claimed,
  (SELECT is_alone FROM alone) AS is_alone,
  (SELECT min(due_ms) FROM bullpen_queue.organization WHERE due_ms IS NOT NULL) AS next_due_ms
