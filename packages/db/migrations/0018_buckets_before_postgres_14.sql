-- Buckets by arithmetic, which every Postgres from 13 on can: date_bin came with 14.

CREATE OR REPLACE FUNCTION bucket_of(at timestamptz, step_s integer) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT to_timestamp(floor(extract(epoch FROM at) / step_s) * step_s) $$;
-- Named with its schema: elsewhere it is Postgres' own.
DO $$ BEGIN EXECUTE format('DROP FUNCTION IF EXISTS %I.date_bin(interval, timestamptz, timestamptz)', current_schema()); END $$;
