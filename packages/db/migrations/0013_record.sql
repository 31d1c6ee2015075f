-- The rest of the record: who executes, what is told to the outside; how long what has ended is kept.

ALTER TABLE organizations ADD COLUMN retention jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(retention) = 'object');
ALTER TABLE organizations ADD COLUMN retained_at timestamptz(3) NOT NULL DEFAULT 'epoch';
ALTER TABLE organizations ADD COLUMN deleting_at timestamptz(3);
CREATE INDEX organizations_retained ON organizations (retained_at);
COMMENT ON COLUMN organizations.retention IS 'Days that ended runs, events and metrics are kept; what is left out is the default.';
COMMENT ON COLUMN organizations.retained_at IS 'When somebody last took it upon themselves to remove what is older than that.';
COMMENT ON COLUMN organizations.deleting_at IS 'When its deletion began; null: it is not being deleted.';

CREATE TABLE workers (
  id text COLLATE "C" PRIMARY KEY,
  host text NOT NULL,
  pid integer NOT NULL CHECK (pid > 0),
  state text COLLATE "C" NOT NULL CHECK (state IN ('running', 'quiescing', 'stopped', 'lost')),
  slots integer NOT NULL CHECK (slots > 0),
  running integer NOT NULL CHECK (running >= 0),
  rss_mb double precision NOT NULL CHECK (rss_mb >= 0),
  isolation jsonb,
  started_at timestamptz(3) NOT NULL,
  seen_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3),
  CONSTRAINT workers_ended_when_over CHECK ((state IN ('running', 'quiescing')) = (ended_at IS NULL))
);
CREATE INDEX workers_seen ON workers (seen_at) WHERE ended_at IS NULL;
CREATE INDEX workers_ended ON workers (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON TABLE workers IS 'Worker processes as they report themselves every few seconds; belongs to the platform.';
COMMENT ON COLUMN workers.id IS 'wkr_ and a ULID, made at the start of the process.';
COMMENT ON COLUMN workers.host IS 'Name of its machine.';
COMMENT ON COLUMN workers.pid IS 'Its process there.';
COMMENT ON COLUMN workers.state IS 'running and quiescing by its own word; stopped: it said goodbye; lost: it fell silent.';
COMMENT ON COLUMN workers.slots IS 'Runs that it may execute at once.';
COMMENT ON COLUMN workers.running IS 'Runs that it executed when it was last seen.';
COMMENT ON COLUMN workers.rss_mb IS 'Resident memory of the process when it was last seen, MB.';
COMMENT ON COLUMN workers.isolation IS 'What it found out at its start about the walls it can build; null where it did not say.';
COMMENT ON COLUMN workers.started_at IS 'When the process started, by its own clock.';
COMMENT ON COLUMN workers.seen_at IS 'When it last reported, by the clock of Postgres.';
COMMENT ON COLUMN workers.ended_at IS 'When it stopped or was found lost.';

CREATE TABLE containers (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  worker_id text COLLATE "C" NOT NULL REFERENCES workers (id) ON DELETE CASCADE,
  tier text COLLATE "C" NOT NULL CHECK (tier IN ('basic', 'enhanced', 'strict')),
  state text COLLATE "C" NOT NULL CHECK (state IN ('starting', 'warm', 'busy', 'recycling', 'dead')),
  death text COLLATE "C",
  limit_mb integer NOT NULL CHECK (limit_mb > 0),
  heap_mb double precision NOT NULL CHECK (heap_mb >= 0),
  external_mb double precision NOT NULL CHECK (external_mb >= 0),
  cpu_ms double precision NOT NULL CHECK (cpu_ms >= 0),
  runs integer NOT NULL CHECK (runs >= 0),
  run_id text COLLATE "C",
  started_at timestamptz(3) NOT NULL,
  seen_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3),
  CONSTRAINT containers_ended_when_dead CHECK ((state = 'dead') = (ended_at IS NOT NULL))
);
CREATE INDEX containers_of_org ON containers (org_id, started_at);
CREATE INDEX containers_of_worker ON containers (worker_id) WHERE ended_at IS NULL;
CREATE INDEX containers_ended ON containers (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON TABLE containers IS 'Containers as their workers report them; one that lives and dies between two reports is in none.';
COMMENT ON COLUMN containers.id IS 'ctr_ and a ULID.';
COMMENT ON COLUMN containers.org_id IS 'The organization to which it is bound for life.';
COMMENT ON COLUMN containers.worker_id IS 'The worker it lives in.';
COMMENT ON COLUMN containers.tier IS 'How strong its wall is.';
COMMENT ON COLUMN containers.state IS 'What it was doing when it was last seen.';
COMMENT ON COLUMN containers.death IS 'Why it died; worker_lost: with its worker. Null while it lives, and where it left without a word.';
COMMENT ON COLUMN containers.limit_mb IS 'Its memory limit, MB.';
COMMENT ON COLUMN containers.heap_mb IS 'Heap when it was last seen, MB.';
COMMENT ON COLUMN containers.external_mb IS 'Memory outside the heap when it was last seen, MB.';
COMMENT ON COLUMN containers.cpu_ms IS 'CPU time since it started, ms.';
COMMENT ON COLUMN containers.runs IS 'Runs that it executed so far.';
COMMENT ON COLUMN containers.run_id IS 'The run that it executed when it was last seen.';
COMMENT ON COLUMN containers.started_at IS 'When it started.';
COMMENT ON COLUMN containers.seen_at IS 'When its worker last reported it, by the clock of Postgres.';
COMMENT ON COLUMN containers.ended_at IS 'When it was first reported dead, or missed.';
SELECT isolate_tenant_table('containers', 'SELECT');

CREATE TABLE webhooks (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  url text NOT NULL CHECK (url ~ '^https?://' AND length(url) <= 2048),
  description text NOT NULL DEFAULT '',
  event_types text[] NOT NULL CHECK (cardinality(event_types) > 0),
  secret text NOT NULL,
  disabled_at timestamptz(3),
  disabled_reason text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT webhooks_in_org UNIQUE (org_id, id),
  CONSTRAINT webhooks_disabled_for_a_reason CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
COMMENT ON TABLE webhooks IS 'Addresses that are told of events, signed by the Standard Webhooks specification.';
COMMENT ON COLUMN webhooks.id IS 'whk_ and a ULID.';
COMMENT ON COLUMN webhooks.org_id IS 'The organization that owns it.';
COMMENT ON COLUMN webhooks.url IS 'Where deliveries are posted to.';
COMMENT ON COLUMN webhooks.description IS 'For people.';
COMMENT ON COLUMN webhooks.event_types IS 'The types of event that it is told of.';
COMMENT ON COLUMN webhooks.secret IS 'What deliveries are signed with; not for the tenant''s role.';
COMMENT ON COLUMN webhooks.disabled_at IS 'Since when it gets nothing; null: it is in use.';
COMMENT ON COLUMN webhooks.disabled_reason IS 'Why: by its owner, or since its address is gone (410).';
COMMENT ON COLUMN webhooks.created_at IS 'When it was created.';
COMMENT ON COLUMN webhooks.updated_at IS 'When it was last changed.';
SELECT isolate_tenant_table('webhooks', 'SELECT (id, org_id, url, description, event_types, disabled_at, disabled_reason, created_at, updated_at)');

CREATE TABLE webhook_deliveries (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" NOT NULL,
  webhook_id text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  payload jsonb NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  last_status smallint CHECK (last_status BETWEEN 100 AND 599),
  last_error text,
  next_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  finished_at timestamptz(3),
  CONSTRAINT webhook_deliveries_webhook FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks (org_id, id) ON DELETE CASCADE,
  CONSTRAINT webhook_deliveries_event UNIQUE (webhook_id, event_id),
  CONSTRAINT webhook_deliveries_pending_is_due CHECK ((state = 'pending') = (next_at IS NOT NULL)),
  CONSTRAINT webhook_deliveries_finished_when_over CHECK ((state = 'pending') = (finished_at IS NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (org_id, webhook_id, created_at);
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (org_id, finished_at) WHERE finished_at IS NOT NULL;
COMMENT ON TABLE webhook_deliveries IS 'What is or was to be told to webhooks, one row per event and webhook.';
COMMENT ON COLUMN webhook_deliveries.id IS 'dlv_ and a ULID.';
COMMENT ON COLUMN webhook_deliveries.org_id IS 'The organization that owns the webhook.';
COMMENT ON COLUMN webhook_deliveries.webhook_id IS 'Where it goes.';
COMMENT ON COLUMN webhook_deliveries.event_id IS 'The event: the same one is delivered to a webhook once.';
COMMENT ON COLUMN webhook_deliveries.event_type IS 'Its type.';
COMMENT ON COLUMN webhook_deliveries.payload IS 'The body that is signed and sent.';
COMMENT ON COLUMN webhook_deliveries.state IS 'pending until it was answered with 2xx, or given up.';
COMMENT ON COLUMN webhook_deliveries.attempts IS 'How often it was sent.';
COMMENT ON COLUMN webhook_deliveries.last_status IS 'HTTP status of the last answer; null where there was none.';
COMMENT ON COLUMN webhook_deliveries.last_error IS 'Why the last attempt failed; null where it did not.';
COMMENT ON COLUMN webhook_deliveries.next_at IS 'When it is sent next; null when it is over.';
COMMENT ON COLUMN webhook_deliveries.created_at IS 'When the event happened.';
COMMENT ON COLUMN webhook_deliveries.finished_at IS 'When it was delivered or given up.';
SELECT isolate_tenant_table('webhook_deliveries', 'SELECT');
