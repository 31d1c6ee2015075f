-- Organizations, their keys, agents and runs. Ids are text in collation C: they are made by us, sort by byte, and an
-- index on them survives an upgrade of the system's locale.

CREATE TABLE organizations (
  id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  pool_mb integer NOT NULL CHECK (pool_mb > 0),
  max_memory_mb integer NOT NULL CHECK (max_memory_mb > 0),
  minimum_tier text NOT NULL CHECK (minimum_tier IN ('basic', 'enhanced', 'strict')),
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX organizations_newest ON organizations (created_at, id);
COMMENT ON TABLE organizations IS 'The tenants.';
COMMENT ON COLUMN organizations.id IS 'Slug, chosen at creation; part of queue names and paths.';
COMMENT ON COLUMN organizations.name IS 'For people.';
COMMENT ON COLUMN organizations.pool_mb IS 'Container memory it may hold on one worker at once, MB.';
COMMENT ON COLUMN organizations.max_memory_mb IS 'The most one run may ask for, MB.';
COMMENT ON COLUMN organizations.minimum_tier IS 'The weakest isolation its runs may have.';
COMMENT ON COLUMN organizations.created_at IS 'When it was created.';

CREATE TABLE api_keys (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('developer', 'admin')),
  secret_hash text COLLATE "C" NOT NULL CHECK (secret_hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT api_keys_secret_hash UNIQUE (secret_hash),
  CONSTRAINT api_keys_role_fits_org CHECK ((role = 'admin') = (org_id IS NULL))
);
CREATE INDEX api_keys_of_org ON api_keys (org_id);
COMMENT ON TABLE api_keys IS 'Keys of the API. The secret itself is never stored.';
COMMENT ON COLUMN api_keys.id IS 'key_ and a ULID.';
COMMENT ON COLUMN api_keys.org_id IS 'The organization it acts for; null for a platform admin.';
COMMENT ON COLUMN api_keys.name IS 'For people.';
COMMENT ON COLUMN api_keys.role IS 'What it may do.';
COMMENT ON COLUMN api_keys.secret_hash IS 'Hex sha256 of the secret.';
COMMENT ON COLUMN api_keys.created_at IS 'When it was created.';

CREATE TABLE agents (
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL,
  latest_version integer CHECK (latest_version > 0),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, name)
);
CREATE INDEX agents_newest ON agents (org_id, created_at, name);
COMMENT ON TABLE agents IS 'Named units of work of an organization.';
COMMENT ON COLUMN agents.org_id IS 'The organization that owns it.';
COMMENT ON COLUMN agents.name IS 'Slug, unique in the organization.';
COMMENT ON COLUMN agents.latest_version IS 'The newest version; null before the first. Locked while a version is added.';
COMMENT ON COLUMN agents.created_at IS 'When its first version was uploaded.';

CREATE TABLE bundles (
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  sha256 text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  code text NOT NULL,
  bytes integer NOT NULL CHECK (bytes > 0),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, sha256)
);
COMMENT ON TABLE bundles IS 'Code of agent versions, once per organization and content.';
COMMENT ON COLUMN bundles.org_id IS 'The organization that uploaded it; the same text of another one is another row.';
COMMENT ON COLUMN bundles.sha256 IS 'Hex sha256 of the UTF-8 bytes of code.';
COMMENT ON COLUMN bundles.code IS 'One ES module.';
COMMENT ON COLUMN bundles.bytes IS 'UTF-8 bytes of code.';
COMMENT ON COLUMN bundles.created_at IS 'When it was first uploaded.';

CREATE TABLE agent_versions (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" NOT NULL,
  agent text COLLATE "C" NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  sha256 text COLLATE "C" NOT NULL,
  manifest jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT agent_versions_number UNIQUE (org_id, agent, version),
  CONSTRAINT agent_versions_in_org UNIQUE (org_id, id),
  CONSTRAINT agent_versions_agent FOREIGN KEY (org_id, agent) REFERENCES agents (org_id, name) ON DELETE CASCADE,
  CONSTRAINT agent_versions_bundle FOREIGN KEY (org_id, sha256) REFERENCES bundles (org_id, sha256)
);
CREATE INDEX agent_versions_of_bundle ON agent_versions (org_id, sha256);
COMMENT ON TABLE agent_versions IS 'Immutable versions of agents.';
COMMENT ON COLUMN agent_versions.id IS 'ver_ and a ULID.';
COMMENT ON COLUMN agent_versions.org_id IS 'The organization that owns it.';
COMMENT ON COLUMN agent_versions.agent IS 'The agent it is a version of.';
COMMENT ON COLUMN agent_versions.version IS 'Counts from 1 within the agent.';
COMMENT ON COLUMN agent_versions.sha256 IS 'Its bundle.';
COMMENT ON COLUMN agent_versions.manifest IS 'What it asks for: tier, timeout, memory, attempts.';
COMMENT ON COLUMN agent_versions.created_at IS 'When it was uploaded.';

CREATE TABLE runs (
  id text COLLATE "C" NOT NULL,
  org_id text COLLATE "C" NOT NULL,
  agent text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  version_id text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN (
    'scheduled', 'queued', 'running', 'retrying',
    'succeeded', 'failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed', 'cancelled', 'expired')),
  tier text NOT NULL CHECK (tier IN ('basic', 'enhanced', 'strict')),
  attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts integer NOT NULL CHECK (max_attempts > 0),
  lease integer NOT NULL DEFAULT 0 CHECK (lease >= 0),
  redeliveries integer NOT NULL DEFAULT 0 CHECK (redeliveries >= 0),
  timeout_ms integer NOT NULL CHECK (timeout_ms > 0),
  memory_mb integer NOT NULL CHECK (memory_mb > 0),
  backoff jsonb NOT NULL,
  input jsonb NOT NULL,
  result jsonb,
  error jsonb,
  usage jsonb,
  metadata jsonb NOT NULL,
  worker_id text COLLATE "C",
  release_reason text,
  idempotency_key text COLLATE "C",
  request_hash text COLLATE "C",
  queued_at timestamptz(3) NOT NULL,
  not_before timestamptz(3),
  expires_at timestamptz(3),
  claimed_at timestamptz(3),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  cancel_requested_at timestamptz(3),
  PRIMARY KEY (org_id, id),
  CONSTRAINT runs_version FOREIGN KEY (org_id, version_id) REFERENCES agent_versions (org_id, id),
  CONSTRAINT runs_running_has_worker CHECK (state <> 'running' OR (worker_id IS NOT NULL AND claimed_at IS NOT NULL)),
  CONSTRAINT runs_finished_when_terminal CHECK
    ((state IN ('scheduled', 'queued', 'running', 'retrying')) = (finished_at IS NULL)),
  CONSTRAINT runs_idempotency_has_hash CHECK ((idempotency_key IS NULL) = (request_hash IS NULL))
);
CREATE UNIQUE INDEX runs_idempotency ON runs (org_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_newest ON runs (id);
CREATE INDEX runs_by_state ON runs (org_id, state, id);
CREATE INDEX runs_by_agent ON runs (org_id, agent, id);
CREATE INDEX runs_waiting ON runs (id) WHERE state IN ('scheduled', 'queued', 'retrying');
CREATE INDEX runs_expiring ON runs (expires_at)
  WHERE state IN ('scheduled', 'queued', 'retrying') AND attempt = 0 AND expires_at IS NOT NULL;
CREATE INDEX runs_running ON runs (worker_id, id) WHERE state = 'running';
COMMENT ON TABLE runs IS 'One row per run: the record. Its organization and agent exist because its version does.';
COMMENT ON COLUMN runs.id IS 'run_ and a ULID: newest sorts last. Also the job id in the queue.';
COMMENT ON COLUMN runs.org_id IS 'The organization that owns it.';
COMMENT ON COLUMN runs.agent IS 'Name of the agent.';
COMMENT ON COLUMN runs.version IS 'Number of the version.';
COMMENT ON COLUMN runs.version_id IS 'The version it executes.';
COMMENT ON COLUMN runs.state IS 'Where it is in its life; see docs/run-states.md.';
COMMENT ON COLUMN runs.tier IS 'How strong the wall around it is.';
COMMENT ON COLUMN runs.attempt IS 'Attempts begun and not given back.';
COMMENT ON COLUMN runs.max_attempts IS 'Attempts in all, the first included.';
COMMENT ON COLUMN runs.lease IS 'Fencing token: grows with every claim; a write of an older lease changes nothing.';
COMMENT ON COLUMN runs.redeliveries IS 'How often a running run was taken over from a lost worker.';
COMMENT ON COLUMN runs.timeout_ms IS 'Wall-clock limit of one attempt, ms.';
COMMENT ON COLUMN runs.memory_mb IS 'Memory limit of its container, MB.';
COMMENT ON COLUMN runs.backoff IS 'How long to wait before a retry.';
COMMENT ON COLUMN runs.input IS 'What the agent is called with.';
COMMENT ON COLUMN runs.result IS 'What it returned; null before, and where it failed.';
COMMENT ON COLUMN runs.error IS 'Why the run, or its last attempt so far, failed: code, message, stack.';
COMMENT ON COLUMN runs.usage IS 'What the last attempt used.';
COMMENT ON COLUMN runs.metadata IS 'The caller''s own strings.';
COMMENT ON COLUMN runs.worker_id IS 'The worker of the last attempt; null where none has begun or it was given back.';
COMMENT ON COLUMN runs.release_reason IS 'Why it was last given back to the queue; null where it never was.';
COMMENT ON COLUMN runs.idempotency_key IS 'The caller''s key: one run per organization and key.';
COMMENT ON COLUMN runs.request_hash IS 'Hash of the request that came with the key.';
COMMENT ON COLUMN runs.queued_at IS 'When it was accepted.';
COMMENT ON COLUMN runs.not_before IS 'Earliest next start.';
COMMENT ON COLUMN runs.expires_at IS 'When it expires unless its first attempt has begun.';
COMMENT ON COLUMN runs.claimed_at IS 'When a worker took the last attempt.';
COMMENT ON COLUMN runs.started_at IS 'When the agent was called in the last attempt.';
COMMENT ON COLUMN runs.finished_at IS 'When it reached a terminal state.';
COMMENT ON COLUMN runs.cancel_requested_at IS 'When a caller asked to cancel it.';

CREATE TABLE run_events (
  org_id text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  attempt integer NOT NULL CHECK (attempt > 0),
  at timestamptz(3) NOT NULL,
  event jsonb NOT NULL,
  PRIMARY KEY (org_id, run_id, seq),
  CONSTRAINT run_events_run FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE run_events IS 'What agents said: log lines, emitted events, progress.';
COMMENT ON COLUMN run_events.org_id IS 'The organization that owns the run.';
COMMENT ON COLUMN run_events.run_id IS 'The run that said it.';
COMMENT ON COLUMN run_events.seq IS 'lease * 1000000 + n: unique and growing within the run.';
COMMENT ON COLUMN run_events.attempt IS 'The attempt in which it was said.';
COMMENT ON COLUMN run_events.at IS 'When it was said.';
COMMENT ON COLUMN run_events.event IS 'The event, tagged by type.';
