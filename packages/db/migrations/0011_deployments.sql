-- Which version runs take: a stable one, and a canary beside it. Tags of runs.

CREATE TABLE deployments (
  org_id text COLLATE "C" NOT NULL,
  agent text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  canary jsonb,
  canary_started_at timestamptz(3),
  canary_looks integer NOT NULL DEFAULT 0,
  revision integer NOT NULL DEFAULT 1,
  history jsonb NOT NULL DEFAULT '[]',
  last_rollback jsonb,
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, agent, name),
  CONSTRAINT deployments_version FOREIGN KEY (org_id, agent, version) REFERENCES agent_versions (org_id, agent, version) ON DELETE CASCADE,
  CONSTRAINT deployments_canary_has_start CHECK ((canary IS NULL) = (canary_started_at IS NULL))
);
CREATE INDEX deployments_of_version ON deployments (org_id, agent, version);
CREATE INDEX deployments_with_canary ON deployments (org_id, agent, name) WHERE canary IS NOT NULL;
COMMENT ON TABLE deployments IS 'Names that point at a version of an agent: rollback and canary are one row.';
COMMENT ON COLUMN deployments.org_id IS 'The organization that owns the agent.';
COMMENT ON COLUMN deployments.agent IS 'The agent.';
COMMENT ON COLUMN deployments.name IS 'Slug, unique for the agent; `production` is what runs take that name nothing.';
COMMENT ON COLUMN deployments.version IS 'The stable version.';
COMMENT ON COLUMN deployments.canary IS 'Version, percent, fairness keys and policy of a canary; null where there is none.';
COMMENT ON COLUMN deployments.canary_started_at IS 'When the canary began to take runs.';
COMMENT ON COLUMN deployments.canary_looks IS 'How often its health was judged: each look is stricter than the one before.';
COMMENT ON COLUMN deployments.revision IS 'Grows with every change: what was decided about an older one is void.';
COMMENT ON COLUMN deployments.history IS 'Stable versions before this one, newest first, and until when they were it.';
COMMENT ON COLUMN deployments.last_rollback IS 'When, from what to what, by itself or not, and the health that was the reason.';
COMMENT ON COLUMN deployments.updated_at IS 'When it was last changed.';

ALTER TABLE runs ADD COLUMN tags jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tags) = 'array');
CREATE INDEX runs_by_tag ON runs USING gin (tags jsonb_path_ops) WHERE tags <> '[]';
COMMENT ON COLUMN runs.tags IS 'The caller''s own words for it, to find it by.';
