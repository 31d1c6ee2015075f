-- Runs that wait for a place of their version are known, so that the end of one of its runs can bring the next one back.

ALTER TABLE runs ADD COLUMN turned_away_at timestamptz(3);
COMMENT ON COLUMN runs.turned_away_at IS 'Since when it waits for a place of its version (`concurrency`); null where it does not.';
CREATE INDEX runs_turned_away ON runs (org_id, agent, version, priority, id) WHERE turned_away_at IS NOT NULL AND state IN ('scheduled', 'queued', 'retrying');

CREATE FUNCTION version_places_taken(the_org text, the_agent text, the_version integer, the_run text) RETURNS integer
LANGUAGE sql VOLATILE SET search_path = pg_catalog, public AS $$
  SELECT count(*)::integer FROM runs
    WHERE org_id = the_org AND agent = the_agent AND version = the_version AND id <> the_run AND (
      state = 'running'
      -- Let in and not claimed yet. A worker that died in between keeps nobody out for longer than this.
      OR (state IN ('scheduled', 'queued', 'retrying') AND entered_at IS NOT NULL AND entered_at > clock_timestamp() - interval '10 seconds'
          AND (claimed_at IS NULL OR entered_at > claimed_at)))
$$;
COMMENT ON FUNCTION version_places_taken(text, text, integer, text) IS
  'Runs of a version, but for this one, that are executed or let in: what its `concurrency` is held against.';
REVOKE ALL ON FUNCTION version_places_taken(text, text, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION version_places_taken(text, text, integer, text) TO bullpen_tenant;

CREATE OR REPLACE FUNCTION enter_version(the_org text, the_agent text, the_version integer, the_run text, most integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public AS $$
BEGIN
  -- In turn with all others who want in; each statement below sees what those before have written.
  PERFORM pg_advisory_xact_lock(hashtextextended('version ' || the_org || '/' || the_agent || '/' || the_version, 0));
  IF version_places_taken(the_org, the_agent, the_version, the_run) >= most THEN
    UPDATE runs SET turned_away_at = clock_timestamp() WHERE org_id = the_org AND id = the_run AND turned_away_at IS NULL;
    RETURN false;
  END IF;
  UPDATE runs SET entered_at = clock_timestamp(), turned_away_at = NULL WHERE org_id = the_org AND id = the_run;
  RETURN true;
END $$;
