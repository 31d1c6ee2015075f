-- Limits of organizations, memory in flight, and who is being served at the moment.

ALTER TABLE bullpen_queue.organization
  -- With a worker since then, not settled yet; epoch ms.
  ADD COLUMN claimed_ms bigint,
  -- Memory in flight, of those with a memory limit, MB.
  ADD COLUMN in_flight_mb integer NOT NULL DEFAULT 0;

CREATE INDEX organization_in_line ON bullpen_queue.organization (virtual_time) WHERE is_ready OR claimed_ms IS NOT NULL;

-- Limits that are not the default. A table of its own: they outlive the organization's last run.
CREATE TABLE bullpen_queue.organization_limits (
  org_id text PRIMARY KEY,
  limits jsonb NOT NULL
);

CREATE FUNCTION bullpen_queue.weight_of(org text) RETURNS double precision
LANGUAGE sql STABLE AS $$
  SELECT COALESCE((SELECT (limits->>'weight')::float8 FROM bullpen_queue.organization_limits WHERE org_id = org), 1)
$$;

CREATE FUNCTION bullpen_queue.is_paused(org text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM bullpen_queue.organization_limits WHERE org_id = org AND limits->'paused' = 'true')
$$;

-- Where a newly ready organization starts: at the smallest virtual time of those that wait or are just being served, so
-- that idling banks no credit.
CREATE OR REPLACE FUNCTION bullpen_queue.start_of_line() RETURNS double precision
LANGUAGE sql STABLE AS $$
  SELECT COALESCE(
    (SELECT min(virtual_time) FROM bullpen_queue.organization WHERE is_ready OR claimed_ms IS NOT NULL),
    (SELECT virtual_time FROM bullpen_queue.dispatch)
  )
$$;

-- What is used while nobody else waits moves the clock too, so that whoever comes later starts level with this
-- organization, and it owes nothing.
CREATE FUNCTION bullpen_queue.advance_while_alone(org text, reached double precision) RETURNS void
LANGUAGE sql AS $$
  UPDATE bullpen_queue.dispatch SET virtual_time = reached
  WHERE virtual_time < reached
    AND NOT EXISTS (SELECT FROM bullpen_queue.organization WHERE (is_ready OR claimed_ms IS NOT NULL) AND org_id <> org)
$$;
