-- What the dispatcher goes by: limits of an organization, priority and fairness key of a run.

ALTER TABLE organizations ADD COLUMN limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object');
COMMENT ON COLUMN organizations.limits IS 'Weight, concurrency, rate, memory in flight, paused; what is left out is the default. The queue obeys its own copy.';

ALTER TABLE runs ADD COLUMN priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10);
ALTER TABLE runs ADD COLUMN fairness_key text;
COMMENT ON COLUMN runs.priority IS '1 is taken first, 10 last, within the organization.';
COMMENT ON COLUMN runs.fairness_key IS 'Runs of different keys of one organization take turns; null: of none.';
