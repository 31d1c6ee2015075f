-- A batch of organizations that may have runs, in the order of their ids.
-- $1 the id before the batch, $2 size of the batch
SELECT o.org_id, o.generation::text AS generation, o.is_ready, CASE WHEN l.limits ? 'maxMemoryInFlightMb' THEN o.in_flight_mb END AS in_flight_mb
FROM bullpen_queue.organization o LEFT JOIN bullpen_queue.organization_limits l USING (org_id)
WHERE o.org_id > $1::text ORDER BY o.org_id LIMIT $2
