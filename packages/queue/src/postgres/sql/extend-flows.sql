-- Makes room for runs in the flows of one organization.
-- $1 organization, $2 its BullMQ queue, $3 flows (text[]), $4 their bands (int[]), $5 runs (int[]), $6 size of a band
-- Returns each flow and where its room begins.
-- One caller at a time for each organization. With nothing waiting the order starts anew. A flow starts at its own finish
-- or at the run next in line in its band, whichever is later; without one in line, at the last finish in the band.
WITH lock AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(1112559957, hashtext($1::text))
), demand AS (
  SELECT t.* FROM lock, unnest($3::text[], $4::int[], $5::int[]) AS t(flow, band, runs)
), waiting AS (
  SELECT EXISTS (SELECT FROM job WHERE queue = $2::text AND state = 'waiting' AND priority > 0) AS has_some
), line AS (
  SELECT DISTINCT band, COALESCE(
    (SELECT min(priority) - 1 - band * $6::int FROM job
      WHERE queue = $2::text AND state = 'waiting' AND priority > band * $6::int AND priority <= (band + 1) * $6::int),
    (SELECT finish FROM bullpen_queue.flow f, waiting WHERE f.org_id = $1::text AND f.flow = band::text AND waiting.has_some),
    0) AS start
  FROM demand
), placed AS (
  SELECT demand.flow, demand.band, demand.runs,
    greatest(line.start, CASE WHEN waiting.has_some THEN (SELECT finish FROM bullpen_queue.flow f WHERE f.org_id = $1::text AND f.flow = demand.flow) END) AS start
  FROM demand JOIN line USING (band), waiting
), passed AS (
  -- Flows of earlier times, and those that the line has passed: they start there anyway.
  DELETE FROM bullpen_queue.flow f USING waiting
  WHERE f.org_id = $1::text AND f.flow NOT IN (SELECT flow FROM placed) AND f.flow NOT IN (SELECT band::text FROM placed)
    AND (NOT waiting.has_some OR EXISTS (SELECT FROM line WHERE f.flow LIKE line.band || ':%' AND f.finish <= line.start))
), kept AS (
  INSERT INTO bullpen_queue.flow AS f (org_id, flow, finish)
  SELECT $1::text, flow, start + runs FROM placed
  UNION ALL SELECT $1::text, band::text, max(start + runs) FROM placed GROUP BY band
  ON CONFLICT (org_id, flow) DO UPDATE SET finish = CASE WHEN (SELECT has_some FROM waiting) THEN greatest(f.finish, excluded.finish) ELSE excluded.finish END
)
SELECT flow, start::int AS start FROM placed
