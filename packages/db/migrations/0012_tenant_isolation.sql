-- The wall between organizations in the database itself. Tenants are read for, and configure, as the role bullpen_tenant, whose
-- every row is chosen by app.org_id. It owns nothing, may not create anything, and has no right that a migration did not give it.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bullpen_tenant') THEN
    CREATE ROLE bullpen_tenant NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOBYPASSRLS;
  END IF;
EXCEPTION
  -- Another database of this cluster is being migrated at the same time; roles belong to all of them.
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the role bullpen_tenant is missing, and % may not create it', current_user
      USING ERRCODE = 'insufficient_privilege', HINT = 'As a superuser: CREATE ROLE bullpen_tenant NOLOGIN; GRANT bullpen_tenant TO ' || quote_ident(current_user);
END $$;

-- Whoever migrates also serves, and changes to the role for a tenant's statements.
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN EXECUTE format('GRANT bullpen_tenant TO %I', current_user); END IF;
EXCEPTION WHEN insufficient_privilege THEN
  -- Somebody else made the role. That is well where it was granted already; else this says that it was not.
  SET LOCAL ROLE bullpen_tenant;
  RESET ROLE;
END $$;

CREATE FUNCTION current_org_id() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  org_id text := pg_catalog.current_setting('app.org_id', true);
BEGIN
  -- Silence would read as "there is no such thing": a connection that was lost between setting and statement must not say that.
  IF org_id IS NULL OR org_id = '' THEN RAISE EXCEPTION 'app.org_id is not set' USING ERRCODE = 'BP002'; END IF;
  RETURN org_id;
END $$;
COMMENT ON FUNCTION current_org_id() IS 'The organization for which this session acts; BP002 where it acts for none.';

CREATE FUNCTION isolate_tenant_table(target regclass, privileges text, org_column name DEFAULT 'org_id') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  owner name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = target);
BEGIN
  -- FORCE: also the owner reads what a policy gives it, so that its access stands in the catalog beside the tenant's.
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY owner ON %s TO %I USING (true) WITH CHECK (true)', target, owner);
  EXECUTE format('CREATE POLICY tenant ON %s TO bullpen_tenant USING (%I = current_org_id()) WITH CHECK (%2$I = current_org_id())', target, org_column);
  EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, bullpen_tenant', target);
  IF privileges <> '' THEN EXECUTE format('GRANT %s ON %s TO bullpen_tenant', privileges, target); END IF;
END $$;
COMMENT ON FUNCTION isolate_tenant_table(regclass, text, name) IS
  'What every table of tenants gets: row level security by app.org_id, a policy for the owner, and these privileges for bullpen_tenant (none where empty).';

CREATE VIEW tenant_tables AS
  SELECT p.polrelid::regclass AS name, CASE WHEN p.polrelid = 'organizations'::regclass THEN 'id' ELSE 'org_id' END AS org_column
  FROM pg_policy p WHERE p.polname = 'tenant' AND (SELECT oid FROM pg_roles WHERE rolname = 'bullpen_tenant') = ANY (p.polroles);
COMMENT ON VIEW tenant_tables IS 'The tables that isolate_tenant_table was called for: what belongs to organizations.';
COMMENT ON COLUMN tenant_tables.name IS 'The table.';
COMMENT ON COLUMN tenant_tables.org_column IS 'Its column that names the organization.';

SELECT isolate_tenant_table('organizations', 'SELECT', 'id');
-- A key's hash is for the owner, who looks keys up before any organization is known.
SELECT isolate_tenant_table('api_keys',
  'SELECT (id, org_id, name, role, prefix, created_by, rotated_from, expires_at, revoked_at, last_used_at, created_at)');
SELECT isolate_tenant_table('audit_log', 'SELECT');
SELECT isolate_tenant_table('idempotent_requests', '');
SELECT isolate_tenant_table('deployments', 'SELECT, INSERT, UPDATE, DELETE');
SELECT isolate_tenant_table('agents', 'SELECT, INSERT, UPDATE (latest_version)');
SELECT isolate_tenant_table('bundles', 'SELECT, INSERT');
SELECT isolate_tenant_table('agent_versions', 'SELECT, INSERT');
SELECT isolate_tenant_table('runs', 'SELECT');
SELECT isolate_tenant_table('run_events', 'SELECT');
SELECT isolate_tenant_table('run_metrics', 'SELECT');
SELECT isolate_tenant_table('schedules', 'SELECT, INSERT, UPDATE, DELETE');

CREATE FUNCTION create_agent_version(
  org text, agent_name text, new_version_id text, new_sha256 text, new_code text, new_bytes integer, new_manifest jsonb)
RETURNS TABLE (version integer, created boolean) LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
  newest record;
BEGIN
  INSERT INTO agents (org_id, name) VALUES (org, agent_name) ON CONFLICT DO NOTHING;
  PERFORM 1 FROM agents a WHERE a.org_id = org AND a.name = agent_name FOR UPDATE;
  SELECT v.version, v.sha256 = new_sha256 AND v.manifest = new_manifest AS is_same INTO newest
    FROM agent_versions v WHERE v.org_id = org AND v.agent = agent_name ORDER BY v.version DESC LIMIT 1;
  IF newest.is_same THEN RETURN QUERY SELECT newest.version, false; RETURN; END IF;
  INSERT INTO bundles (org_id, sha256, code, bytes) VALUES (org, new_sha256, new_code, new_bytes) ON CONFLICT DO NOTHING;
  INSERT INTO agent_versions (id, org_id, agent, version, sha256, manifest)
    VALUES (new_version_id, org, agent_name, coalesce(newest.version, 0) + 1, new_sha256, new_manifest);
  UPDATE agents a SET latest_version = coalesce(newest.version, 0) + 1 WHERE a.org_id = org AND a.name = agent_name;
  RETURN QUERY SELECT coalesce(newest.version, 0) + 1, true;
END $$;
COMMENT ON FUNCTION create_agent_version(text, text, text, text, text, integer, jsonb) IS
  'Adds a version, and the agent with its first one; the agent''s row is locked meanwhile, so that versions count without gaps. The same again adds nothing.';

-- Functions are open to everybody unless somebody closes them.
REVOKE ALL ON FUNCTION current_org_id(), isolate_tenant_table(regclass, text, name),
  create_agent_version(text, text, text, text, text, integer, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION current_org_id(), create_agent_version(text, text, text, text, text, integer, jsonb) TO bullpen_tenant;
REVOKE ALL ON tenant_tables FROM PUBLIC;

-- Postgres 15 and later do so by themselves; before, everybody could put a table of theirs into the way of ours.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO bullpen_tenant;
