-- Drops all that is known of an organization, its limits and the order of its runs too, whether it has runs or not.
-- $1 organization
-- Atomic. What is marked afterwards is a new organization.
WITH limits AS (
  DELETE FROM bullpen_queue.organization_limits WHERE org_id = $1::text
), flows AS (
  DELETE FROM bullpen_queue.flow WHERE org_id = $1::text
)
DELETE FROM bullpen_queue.organization WHERE org_id = $1::text
