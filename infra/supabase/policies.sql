-- What Bullpen's tables need on Supabase beyond what they need anywhere: people of auth.users as members of organizations, who
-- read what is their organization's through PostgREST. Everything is written through Bullpen's API. May be run again.

CREATE TABLE IF NOT EXISTS organization_members (
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  role text COLLATE "C" NOT NULL DEFAULT 'viewer' CHECK (role IN ('viewer', 'operator', 'developer', 'owner')),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX IF NOT EXISTS organization_members_of_user ON organization_members (user_id);
COMMENT ON TABLE organization_members IS 'Which users of auth.users belong to which organizations.';
COMMENT ON COLUMN organization_members.org_id IS 'The organization.';
COMMENT ON COLUMN organization_members.user_id IS 'The user; its membership ends with it.';
COMMENT ON COLUMN organization_members.role IS 'What the user is there.';
COMMENT ON COLUMN organization_members.created_at IS 'Since when.';

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM tenant_tables WHERE name = 'organization_members'::regclass) THEN
    PERFORM isolate_tenant_table('organization_members', 'SELECT');
  END IF;
END $$;

-- SECURITY DEFINER: whoever asks may not read the memberships of others, and this answers for the asker alone. The claim
-- app_metadata.org_id, which only the platform can set, narrows a token to one of the user's organizations.
CREATE OR REPLACE FUNCTION jwt_org_ids() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT m.org_id FROM organization_members m,
    (SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb AS claims) AS token
  WHERE m.user_id = (token.claims ->> 'sub')::uuid
    AND (token.claims #>> '{app_metadata,org_id}' IS NULL OR m.org_id = token.claims #>> '{app_metadata,org_id}')
$$;
COMMENT ON FUNCTION jwt_org_ids() IS 'The organizations that the bearer of this request''s token belongs to, by its claims sub and app_metadata.org_id.';
REVOKE ALL ON FUNCTION jwt_org_ids() FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION jwt_org_ids() TO authenticated;

-- Supabase gives anon and authenticated every right on every new table and function of public, and TRUNCATE asks no policy.
-- bullpen.tables and bullpen.functions name what is ours: a product of its own may live in this schema beside it.
DO $$
DECLARE
  ours record;
  readable text;
  callable regprocedure;
BEGIN
  FOR callable IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = ANY (current_setting('bullpen.functions')::text[]) LOOP
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC, anon, authenticated', callable);
  END LOOP;
  FOR ours IN
    SELECT c.oid::regclass AS name, t.org_column FROM pg_class c LEFT JOIN tenant_tables t ON t.name = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND (c.relname = ANY (current_setting('bullpen.tables')::text[])
      OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
        WHERE p.relnamespace = c.relnamespace AND p.relname = ANY (current_setting('bullpen.tables')::text[])))
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, anon, authenticated', ours.name);
    CONTINUE WHEN ours.org_column IS NULL;
    -- Members read the columns that the tenant's role reads.
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO readable FROM pg_attribute
      WHERE attrelid = ours.name AND attnum > 0 AND NOT attisdropped AND has_column_privilege('bullpen_tenant', attrelid, attnum, 'SELECT');
    CONTINUE WHEN readable IS NULL;
    EXECUTE format('GRANT SELECT (%s) ON %s TO authenticated', readable, ours.name);
    EXECUTE format('DROP POLICY IF EXISTS members ON %s', ours.name);
    EXECUTE format('CREATE POLICY members ON %s FOR SELECT TO authenticated USING (%I IN (SELECT jwt_org_ids()))', ours.name, ours.org_column);
  END LOOP;
END $$;
