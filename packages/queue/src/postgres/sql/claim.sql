-- Takes organizations for one worker, lowest virtual time first.
-- $1 how many at most
-- Returns one row: what was claimed (json array of { orgId, virtualTime }) and when the next one is due (epoch ms).
-- Atomic: an organization is given to one caller only; it is not ready until that caller settles it, or the sweep does.
WITH lowest AS (
  SELECT org_id FROM bullpen_queue.organization WHERE is_ready ORDER BY virtual_time, org_id LIMIT $1 FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE bullpen_queue.organization o SET is_ready = false FROM lowest WHERE o.org_id = lowest.org_id
  RETURNING o.org_id, o.virtual_time
)
SELECT
  (SELECT COALESCE(json_agg(json_build_object('orgId', org_id, 'virtualTime', virtual_time) ORDER BY virtual_time, org_id), '[]') FROM claimed) AS claimed,
  (SELECT min(due_ms) FROM bullpen_queue.organization WHERE due_ms IS NOT NULL) AS next_due_ms
