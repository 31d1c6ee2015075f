-- Whether runs with an order may be waiting.
-- $1 organization
SELECT FROM bullpen_queue.flow WHERE org_id = $1::text LIMIT 1
