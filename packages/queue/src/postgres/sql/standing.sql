-- Where an organization stands in the line.
-- $1 organization
-- Returns one row: how many are offered below its virtual time, and its memory in flight (null without a memory limit).
SELECT
  (SELECT count(*)::integer FROM bullpen_queue.organization ahead
   WHERE ahead.is_ready AND ahead.org_id <> $1 AND (ahead.virtual_time, ahead.org_id) < (own.virtual_time, own.org_id)) AS organizations_ahead,
  CASE WHEN l.limits ? 'maxMemoryInFlightMb' THEN own.in_flight_mb END AS in_flight_mb
FROM bullpen_queue.organization own LEFT JOIN bullpen_queue.organization_limits l USING (org_id)
WHERE own.org_id = $1
