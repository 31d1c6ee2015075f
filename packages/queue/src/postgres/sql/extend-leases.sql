-- Renews BullMQ's locks of runs of one organization, as its own statement does. It is here so that the lease thread
-- needs not load BullMQ.
-- $1 the organization's queue, $2 runs (text[]), $3 their tokens (text[]), $4 until when (epoch ms)
-- Returns the runs whose lock is gone or another's.
WITH held AS (
  SELECT * FROM unnest($2::text[], $3::text[]) AS t(id, token)
), renewed AS (
  UPDATE job SET locked_until_ms = $4::bigint FROM held
  WHERE job.queue = $1::text AND job.id = held.id AND job.state = 'active' AND job.lock_token = held.token
  RETURNING job.id
)
SELECT id FROM held WHERE id NOT IN (SELECT id FROM renewed)
