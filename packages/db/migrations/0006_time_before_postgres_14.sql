-- Postgres 13 has no date_bin, which 0007 makes its first buckets with. 0018 needs it no more and takes this one away.

DO $$ BEGIN
  IF current_setting('server_version_num')::integer < 140000 AND to_regprocedure('bucket_of(timestamptz, integer)') IS NULL THEN
    EXECUTE 'CREATE FUNCTION date_bin(stride interval, at timestamptz, origin timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
      ''SELECT origin + floor(extract(epoch FROM at - origin) / extract(epoch FROM stride)) * stride''';
  END IF;
END $$;
