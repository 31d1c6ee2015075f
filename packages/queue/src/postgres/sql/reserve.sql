-- Counts the memory of taken runs as in flight, as far as the organization's limit allows.
-- $1 organization, $2 MB of each run (int[])
-- Returns how many of them, from the first, were counted.
-- Atomic: where some do not fit the organization is parked until one of its runs ends. With nothing in flight the first
-- always fits, or a run larger than the limit would block its organization for ever.
WITH locked AS (
  SELECT o.org_id, o.in_flight_mb, (l.limits->>'maxMemoryInFlightMb')::int AS limit_mb
  FROM bullpen_queue.organization o LEFT JOIN bullpen_queue.organization_limits l USING (org_id)
  WHERE o.org_id = $1::text FOR UPDATE OF o
), counted AS (
  SELECT wanted.n, sum(wanted.mb) OVER (ORDER BY wanted.n) AS mb FROM unnest($2::int[]) WITH ORDINALITY AS wanted(mb, n)
), fit AS (
  SELECT COALESCE(max(counted.n), 0) AS n, COALESCE(max(counted.mb), 0) AS mb FROM counted, locked
  WHERE locked.limit_mb IS NULL OR locked.in_flight_mb + counted.mb <= locked.limit_mb OR (locked.in_flight_mb = 0 AND counted.n = 1)
)
UPDATE bullpen_queue.organization o SET
  in_flight_mb = CASE WHEN locked.limit_mb IS NULL THEN o.in_flight_mb ELSE o.in_flight_mb + fit.mb END,
  is_ready = o.is_ready AND fit.n = cardinality($2::int[]),
  parked_until_ms = CASE WHEN fit.n < cardinality($2::int[]) THEN 9000000000000000 ELSE o.parked_until_ms END
FROM locked, fit WHERE o.org_id = locked.org_id
RETURNING fit.n::int AS fit
