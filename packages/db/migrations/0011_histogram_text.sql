-- What answers are made of, once more as text: Postgres writes a bigint[] out number by number each time it is read, a text as it is.
-- Measured: 60 histograms of 240 bins in 14 ms as arrays, in 2 as text.

CREATE FUNCTION histogram_text(histogram bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(string_agg(CASE WHEN count = 1 THEN gap::text ELSE gap || ':' || count END, ',' ORDER BY place), '') FROM (
    SELECT place, (entry >> 32) - coalesce(lag(entry >> 32) OVER (ORDER BY place), 0) AS gap, entry & 4294967295 AS count
    FROM unnest(histogram) WITH ORDINALITY AS entries (entry, place)
  ) AS gaps
$$;
COMMENT ON FUNCTION histogram_text(bigint[]) IS 'A histogram as gap:count,..., in the order of its bins; each gap is from the bin before, the first from -1000; a count of 1 is left out.';

DO $$
DECLARE
  target text;
  measure text;
BEGIN
  FOREACH target IN ARRAY ARRAY['system_metrics', 'organization_totals', 'run_metrics_1h', 'run_metrics_1d'] LOOP
    EXECUTE (SELECT format('ALTER TABLE %I %s', target, string_agg(format('ADD COLUMN %I text NOT NULL GENERATED ALWAYS AS (histogram_text(%I)) STORED', one || '_text', one || '_histogram'), ', '))
      FROM unnest(ARRAY['wall', 'cpu', 'queue_wait']) AS one);
    FOREACH measure IN ARRAY ARRAY['wall', 'cpu', 'queue_wait'] LOOP
      EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET STORAGE EXTERNAL', target, measure || '_text');
      EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', target, measure || '_text', 'The same histogram as text, for reading: see histogram_text.');
    END LOOP;
  END LOOP;
END $$;
