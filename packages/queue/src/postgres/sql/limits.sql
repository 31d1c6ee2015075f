-- Limits of organizations that are not the default.
-- $1 organizations (text[])
SELECT org_id, limits FROM bullpen_queue.organization_limits WHERE org_id = ANY ($1::text[])
