-- How many runs of a version may be executed at once, over all workers: `concurrency` of its manifest.

ALTER TABLE runs ADD COLUMN entered_at timestamptz(3);
COMMENT ON COLUMN runs.entered_at IS 'When a worker was let in with it, where its version has a `concurrency`; it counts until the claim that follows.';
CREATE INDEX runs_entering ON runs (org_id, agent, version) WHERE entered_at IS NOT NULL AND state IN ('scheduled', 'queued', 'retrying');

CREATE FUNCTION enter_version(the_org text, the_agent text, the_version integer, the_run text, most integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public AS $$
DECLARE
  held integer;
BEGIN
  -- In turn with all others who want in; each statement below sees what those before have written.
  PERFORM pg_advisory_xact_lock(hashtextextended('version ' || the_org || '/' || the_agent || '/' || the_version, 0));
  SELECT count(*) INTO held FROM runs
    WHERE org_id = the_org AND agent = the_agent AND version = the_version AND id <> the_run AND (
      state = 'running'
      -- Let in and not claimed yet. A worker that died in between keeps nobody out for longer than this.
      OR (state IN ('scheduled', 'queued', 'retrying') AND entered_at IS NOT NULL AND entered_at > clock_timestamp() - interval '10 seconds'
          AND (claimed_at IS NULL OR entered_at > claimed_at)));
  IF held >= most THEN
    RETURN false;
  END IF;
  UPDATE runs SET entered_at = clock_timestamp() WHERE org_id = the_org AND id = the_run;
  RETURN true;
END $$;
COMMENT ON FUNCTION enter_version(text, text, integer, text, integer) IS
  'Lets a run in where fewer than so many others of its version are executed. False: it must wait.';
REVOKE ALL ON FUNCTION enter_version(text, text, integer, text, integer) FROM PUBLIC;
