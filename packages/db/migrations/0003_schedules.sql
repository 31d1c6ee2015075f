-- Schedules: what makes runs by the clock. A row says what to run and when; next_at is the one thing that schedulers look for.

CREATE TABLE schedules (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL,
  run jsonb NOT NULL,
  cron text,
  time_zone text,
  interval_ms bigint CHECK (interval_ms >= 1000),
  start_at timestamptz(3),
  end_at timestamptz(3),
  overlap text COLLATE "C" NOT NULL CHECK (overlap IN ('allow', 'skip', 'queue_one')),
  catch_up text COLLATE "C" NOT NULL CHECK (catch_up IN ('none', 'last', 'all')),
  max_catch_up integer NOT NULL CHECK (max_catch_up > 0),
  paused boolean NOT NULL,
  next_at timestamptz(3),
  pending_at timestamptz(3),
  last_at timestamptz(3),
  last_run_id text COLLATE "C",
  last_error jsonb,
  revision integer NOT NULL DEFAULT 0,
  claimed_until timestamptz(3),
  timed_at timestamptz(3) NOT NULL,
  created_at timestamptz(3) NOT NULL,
  CONSTRAINT schedules_name UNIQUE (org_id, name),
  CONSTRAINT schedules_cron_or_interval CHECK ((cron IS NULL) <> (interval_ms IS NULL)),
  CONSTRAINT schedules_cron_has_zone CHECK ((cron IS NULL) = (time_zone IS NULL)),
  CONSTRAINT schedules_paused_waits_for_nothing CHECK (NOT paused OR (next_at IS NULL AND pending_at IS NULL))
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_pending ON schedules (pending_at) WHERE pending_at IS NOT NULL;
COMMENT ON TABLE schedules IS 'What makes runs by the clock; see docs/schedules.md.';
COMMENT ON COLUMN schedules.id IS 'sch_ and a ULID; with a time it makes the idempotency key of a run.';
COMMENT ON COLUMN schedules.org_id IS 'The organization that owns it.';
COMMENT ON COLUMN schedules.name IS 'Slug, unique in the organization.';
COMMENT ON COLUMN schedules.run IS 'What it runs: agent, version, input, limits, metadata, as in POST /v1/runs.';
COMMENT ON COLUMN schedules.cron IS 'Five fields or a nickname; null with an interval.';
COMMENT ON COLUMN schedules.time_zone IS 'IANA name of the zone whose clock the expression is read on.';
COMMENT ON COLUMN schedules.interval_ms IS 'From start to start, ms; null with a cron expression.';
COMMENT ON COLUMN schedules.start_at IS 'It does not fire before.';
COMMENT ON COLUMN schedules.end_at IS 'It does not fire from here on.';
COMMENT ON COLUMN schedules.overlap IS 'What it does when its last run has not ended.';
COMMENT ON COLUMN schedules.catch_up IS 'What becomes of times that passed while no scheduler was alive.';
COMMENT ON COLUMN schedules.max_catch_up IS 'With catch_up all: the newest so many.';
COMMENT ON COLUMN schedules.paused IS 'It does not fire, and the times that pass are not missed.';
COMMENT ON COLUMN schedules.next_at IS 'The first time that was not dealt with; null: paused, or it has ended.';
COMMENT ON COLUMN schedules.pending_at IS 'With overlap queue_one: the time whose run waits for the last one to end.';
COMMENT ON COLUMN schedules.last_at IS 'The time of its last run.';
COMMENT ON COLUMN schedules.last_run_id IS 'Its last run, which may be gone.';
COMMENT ON COLUMN schedules.last_error IS 'Why the newest time made no run: code, message, at.';
COMMENT ON COLUMN schedules.revision IS 'Grows with every change: a write names the one it read, and changes nothing where another came first.';
COMMENT ON COLUMN schedules.claimed_until IS 'A scheduler fires it and others leave it alone until then; null: nobody does.';
COMMENT ON COLUMN schedules.timed_at IS 'When its timing was set: an interval without a start counts from here.';
COMMENT ON COLUMN schedules.created_at IS 'When it was created.';
