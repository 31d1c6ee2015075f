-- What agents ask their supervisor for: secrets of their organization, and entries of their own (ctx.secrets, ctx.kv).

CREATE TABLE secrets (
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL CHECK (name ~ '^[A-Za-z][A-Za-z0-9_]{0,63}$'),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  key_id text COLLATE "C" NOT NULL,
  wrapped_key bytea NOT NULL CHECK (length(wrapped_key) = 60),
  sealed_value bytea NOT NULL CHECK (length(sealed_value) BETWEEN 29 AND 32796),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, name)
);
COMMENT ON TABLE secrets IS 'Values that agents and the egress proxy need, sealed with AES-256-GCM before they come here.';
COMMENT ON COLUMN secrets.org_id IS 'The organization that owns it; the seal is bound to it.';
COMMENT ON COLUMN secrets.name IS 'By which manifests declare it; the seal is bound to it.';
COMMENT ON COLUMN secrets.version IS 'Counts the values it has had.';
COMMENT ON COLUMN secrets.key_id IS 'The master key that wrapped_key is sealed with.';
COMMENT ON COLUMN secrets.wrapped_key IS 'The data key of this value: nonce, sealed key, tag.';
COMMENT ON COLUMN secrets.sealed_value IS 'The value: nonce, sealed text, tag.';
COMMENT ON COLUMN secrets.created_at IS 'When it was first set.';
COMMENT ON COLUMN secrets.updated_at IS 'When it was last set.';

CREATE TABLE agent_entries (
  org_id text COLLATE "C" NOT NULL,
  agent text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 256),
  value jsonb NOT NULL,
  bytes integer NOT NULL CHECK (bytes > 0),
  revision bigint NOT NULL CHECK (revision > 0),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, agent, key),
  CONSTRAINT agent_entries_agent FOREIGN KEY (org_id, agent) REFERENCES agents (org_id, name) ON DELETE CASCADE
);
COMMENT ON TABLE agent_entries IS 'Small values that the runs of one agent share: ctx.kv.';
COMMENT ON COLUMN agent_entries.org_id IS 'The organization that owns the agent.';
COMMENT ON COLUMN agent_entries.agent IS 'The agent whose runs see it.';
COMMENT ON COLUMN agent_entries.key IS 'Chosen by the agent.';
COMMENT ON COLUMN agent_entries.value IS 'Chosen by the agent.';
COMMENT ON COLUMN agent_entries.bytes IS 'UTF-8 bytes of key and value, as they are counted towards what the agent may keep.';
COMMENT ON COLUMN agent_entries.revision IS 'Grows with each change, and goes on after a deletion: microseconds since the epoch, or one more than before.';
COMMENT ON COLUMN agent_entries.updated_at IS 'When it was last set.';

-- Whoever is not the owner of the tables sees the rows of the organization it acts for, and none where it acts for none.
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE agent_entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON secrets USING (org_id = current_setting('app.org_id', true)) WITH CHECK (org_id = current_setting('app.org_id', true));
CREATE POLICY own_rows ON agent_entries USING (org_id = current_setting('app.org_id', true)) WITH CHECK (org_id = current_setting('app.org_id', true));

CREATE FUNCTION set_agent_entry(
  org text, agent_name text, entry_key text, entry_value jsonb, entry_bytes integer, expected bigint, most_entries integer, most_bytes bigint)
RETURNS TABLE (outcome text, revision bigint) LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  before bigint;
  entries bigint;
  held bigint;
  next bigint;
BEGIN
  -- Writers of one agent take turns: what they hold together is counted, and nobody else writes in between.
  PERFORM pg_advisory_xact_lock(hashtextextended(org || '/' || agent_name, 714025944));
  SELECT e.revision INTO before FROM agent_entries e WHERE e.org_id = org AND e.agent = agent_name AND e.key = entry_key;
  IF expected IS NOT NULL AND coalesce(before, 0) <> expected THEN RETURN QUERY SELECT 'conflict', coalesce(before, 0); RETURN; END IF;
  SELECT count(*), coalesce(sum(e.bytes), 0) INTO entries, held FROM agent_entries e WHERE e.org_id = org AND e.agent = agent_name AND e.key <> entry_key;
  IF entries >= most_entries OR held + entry_bytes > most_bytes THEN RETURN QUERY SELECT 'full', coalesce(before, 0); RETURN; END IF;
  next := greatest(coalesce(before, 0) + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
  INSERT INTO agent_entries (org_id, agent, key, value, bytes, revision) VALUES (org, agent_name, entry_key, entry_value, entry_bytes, next)
    ON CONFLICT (org_id, agent, key) DO UPDATE SET value = excluded.value, bytes = excluded.bytes, revision = excluded.revision, updated_at = now();
  RETURN QUERY SELECT 'set', next;
END $$;
COMMENT ON FUNCTION set_agent_entry(text, text, text, jsonb, integer, bigint, integer, bigint) IS
  'Sets an entry where it has the expected revision (null: any; 0: none) and its agent keeps no more than it may; tells set, conflict or full.';
REVOKE ALL ON FUNCTION set_agent_entry(text, text, text, jsonb, integer, bigint, integer, bigint) FROM PUBLIC;
