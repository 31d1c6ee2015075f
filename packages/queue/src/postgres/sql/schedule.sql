-- Organizations that will have something to run at a time to come.
-- $1 organizations (text[], sorted and without repetition), $2 their times (bigint[], epoch ms)
-- Atomic: each is known and due at the earliest of its times (not before its parking ends); listeners are told, so that
-- nobody sleeps past it.
WITH scheduled AS (
  INSERT INTO bullpen_queue.organization AS o (org_id, due_ms)
  SELECT org_id, at_ms FROM unnest($1::text[], $2::bigint[]) AS entry(org_id, at_ms)
  ON CONFLICT (org_id) DO UPDATE SET
    generation = o.generation + 1,
    due_ms = least(o.due_ms, greatest(excluded.due_ms, o.parked_until_ms))
)
SELECT pg_notify('bullpen_queue', '')
