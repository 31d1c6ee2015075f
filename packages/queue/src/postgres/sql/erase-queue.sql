-- Drops what BullMQ keeps of a queue beside its jobs.
-- $1 queue
WITH events AS (DELETE FROM event WHERE queue = $1::text),
  settings AS (DELETE FROM meta WHERE queue = $1::text),
  counters AS (DELETE FROM metrics WHERE queue = $1::text),
  windows AS (DELETE FROM rate_limit WHERE queue = $1::text),
  schedulers AS (DELETE FROM scheduler WHERE queue = $1::text),
  stashed AS (DELETE FROM dedup_next WHERE queue = $1::text)
DELETE FROM dedup WHERE queue = $1::text
