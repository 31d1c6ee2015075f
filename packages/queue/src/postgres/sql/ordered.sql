-- Which organizations may have runs with an order waiting.
-- $1 organizations
SELECT org_id FROM unnest($1::text[]) AS asked (org_id)
WHERE EXISTS (SELECT FROM bullpen_queue.flow WHERE flow.org_id = asked.org_id)
