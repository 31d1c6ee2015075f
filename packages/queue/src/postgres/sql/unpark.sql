-- A run of the organization ended, so whatever it was parked for may have room again.
-- $1 organization
-- Atomic: a parked organization is ready afterwards; listeners are told.
WITH unparked AS (
  UPDATE bullpen_queue.organization SET
    parked_until_ms = NULL,
    is_ready = true,
    virtual_time = greatest(virtual_time, bullpen_queue.start_of_line())
  WHERE org_id = $1::text AND parked_until_ms IS NOT NULL
  RETURNING org_id
)
SELECT pg_notify('bullpen_queue', '') FROM unparked
