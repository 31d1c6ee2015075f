-- A batch of organizations that may have runs, in the order of their ids.
-- $1 the id before the batch, $2 size of the batch
SELECT org_id, generation::text AS generation, is_ready FROM bullpen_queue.organization
WHERE org_id > $1::text ORDER BY org_id LIMIT $2
