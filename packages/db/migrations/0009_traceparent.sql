-- The trace that a run belongs to goes with it: through the queue, to the worker, into what its agent asks of others.

ALTER TABLE runs ADD COLUMN traceparent text COLLATE "C" CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$');
COMMENT ON COLUMN runs.traceparent IS 'W3C trace context of the request that made it; null where there was none.';
