-- A partition can be named as a table of its own, past the policies of its parent. Nobody but the owner has a right to it; and
-- where a platform gives rights on every new table by default, as Supabase does, row level security without a policy says no.

CREATE FUNCTION close_partitions() RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  open record;
  closed integer := 0;
BEGIN
  FOR open IN
    SELECT c.oid::regclass AS partition FROM tenant_tables t JOIN pg_inherits i ON i.inhparent = t.name JOIN pg_class c ON c.oid = i.inhrelid
    WHERE NOT c.relrowsecurity
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', open.partition);
    closed := closed + 1;
  END LOOP;
  RETURN closed;
END $$;
COMMENT ON FUNCTION close_partitions() IS 'Closes the partitions of tenants'' tables to all but their owner and gives how many were open; made ahead, they are empty until then.';
REVOKE ALL ON FUNCTION close_partitions() FROM PUBLIC;
SELECT close_partitions();
