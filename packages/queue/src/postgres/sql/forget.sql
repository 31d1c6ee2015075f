-- Drops an organization that had no run when the caller looked.
-- $1 organization, $2 its generation before the caller looked
-- Atomic: one that was marked since, or that is or will be offered, stays known. Its limits stay in any case.
DELETE FROM bullpen_queue.organization
WHERE org_id = $1::text AND generation = $2::bigint AND NOT is_ready AND due_ms IS NULL AND parked_until_ms IS NULL AND claimed_ms IS NULL
