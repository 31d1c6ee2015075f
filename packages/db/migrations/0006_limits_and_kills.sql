-- Limits of an attempt beside time and memory, the caps of an organization, and what became of a kill.

ALTER TABLE runs ADD COLUMN limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object');
ALTER TABLE runs ADD COLUMN kill jsonb CHECK (jsonb_typeof(kill) = 'object');
COMMENT ON COLUMN runs.limits IS 'Of an attempt: cpuMs, externalMb, resultBytes, logBytes, eventsPerSecond, egressBytes, egressRequests; what is left out is not limited for this run.';
COMMENT ON COLUMN runs.kill IS 'Receipt of the last attempt that had to be killed: attempt, by, detail, requestedAt, signal, deadAt, reclaimedMb. Null where none was.';

ALTER TABLE organizations ADD COLUMN caps jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(caps) = 'object');
COMMENT ON COLUMN organizations.caps IS 'The most one run may ask for, limit by limit; what is left out has no cap.';
