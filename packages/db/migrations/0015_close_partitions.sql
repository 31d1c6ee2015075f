-- A partition can be named as a table of its own, past the policies of its parent. So nobody but the owner has a right to it, also
-- where a platform gives rights on every new table by default, as Supabase does; roles that bypass row level security keep theirs.

CREATE FUNCTION close_partitions() RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  open record;
  grantee record;
  closed integer := 0;
BEGIN
  FOR open IN
    SELECT c.oid::regclass AS partition FROM tenant_tables t JOIN pg_inherits i ON i.inhparent = t.name JOIN pg_class c ON c.oid = i.inhrelid
    WHERE NOT c.relrowsecurity
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', open.partition);
    FOR grantee IN
      SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END AS name
      FROM pg_class c, aclexplode(c.relacl) AS acl
      WHERE c.oid = open.partition AND acl.grantee <> c.relowner
        AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = acl.grantee AND (r.rolbypassrls OR r.rolsuper))
    LOOP
      EXECUTE format('REVOKE ALL ON %s FROM %s', open.partition, grantee.name);
    END LOOP;
    closed := closed + 1;
  END LOOP;
  RETURN closed;
END $$;
COMMENT ON FUNCTION close_partitions() IS 'Closes the partitions of tenants'' tables to all but their owner and gives how many were open; made ahead, they are empty until then.';
REVOKE ALL ON FUNCTION close_partitions() FROM PUBLIC;
SELECT close_partitions();
