-- Offers the organizations whose time has come.
-- $1 now (epoch ms)
-- Atomic per organization; rows that another caller is at are left to it.
WITH line AS (
  SELECT bullpen_queue.start_of_line() AS start
), due AS (
  SELECT org_id FROM bullpen_queue.organization WHERE due_ms <= $1::bigint ORDER BY due_ms LIMIT 256 FOR UPDATE SKIP LOCKED
)
UPDATE bullpen_queue.organization o SET
  is_ready = o.is_ready OR (COALESCE(o.parked_until_ms, 0) <= $1::bigint AND NOT bullpen_queue.is_paused(o.org_id)),
  virtual_time = CASE WHEN o.is_ready THEN o.virtual_time ELSE greatest(o.virtual_time, line.start) END,
  due_ms = CASE WHEN o.parked_until_ms > $1::bigint THEN o.parked_until_ms END,
  parked_until_ms = CASE WHEN o.parked_until_ms > $1::bigint THEN o.parked_until_ms END
FROM due, line WHERE o.org_id = due.org_id
