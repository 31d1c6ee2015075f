-- The ready set: which organization may run next. The Postgres counterpart of src/redis/lua.

CREATE TABLE bullpen_queue.organization (
  org_id          text PRIMARY KEY,
  -- Grows with each mark, so that forgetting an organization can tell whether one came in between.
  generation      bigint NOT NULL DEFAULT 1,
  -- What it has been charged so far; the lowest runs first.
  virtual_time    double precision NOT NULL DEFAULT 0,
  -- Offered to workers.
  is_ready        boolean NOT NULL DEFAULT false,
  -- Offered again from then on, epoch ms.
  due_ms          bigint,
  -- Not offered before, whatever is enqueued, epoch ms.
  parked_until_ms bigint
) WITH (
  -- Every row changes with every run: room for new versions on the page, and vacuum by number of changes.
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000
);

CREATE INDEX organization_ready ON bullpen_queue.organization (virtual_time, org_id) WHERE is_ready;
CREATE INDEX organization_due ON bullpen_queue.organization (due_ms) WHERE due_ms IS NOT NULL;

-- One row: the virtual time that dispatch has reached, and when the next sweep may begin.
CREATE TABLE bullpen_queue.dispatch (
  only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  virtual_time  double precision NOT NULL DEFAULT 0,
  next_sweep_ms bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

INSERT INTO bullpen_queue.dispatch DEFAULT VALUES;

-- Where a newly ready organization starts: at the smallest virtual time, so that idling banks no credit.
CREATE FUNCTION bullpen_queue.start_of_line() RETURNS double precision
LANGUAGE sql STABLE AS $$
  SELECT COALESCE(
    (SELECT min(virtual_time) FROM bullpen_queue.organization WHERE is_ready),
    (SELECT virtual_time FROM bullpen_queue.dispatch)
  )
$$;
