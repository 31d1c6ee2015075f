-- Time series of finished runs. Histograms are jsonb objects of bin number -> count (packages/metrics/src/histogram.ts
-- says what a bin is); they merge by adding, so any window and any grouping can be answered from them.

CREATE FUNCTION merge_histograms(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE
    WHEN a = '{}' THEN b
    WHEN b = '{}' THEN a
    ELSE (
      SELECT jsonb_object_agg(bin, total) FROM (
        SELECT bin, sum(count::bigint) AS total
        FROM (SELECT * FROM jsonb_each_text(a) UNION ALL SELECT * FROM jsonb_each_text(b)) AS both_sides (bin, count)
        GROUP BY bin
      ) AS summed
    )
  END
$$;
COMMENT ON FUNCTION merge_histograms(jsonb, jsonb) IS 'Adds two histograms, bin by bin.';

CREATE TABLE run_metrics (
  bucket_at timestamptz(3) NOT NULL,
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  agent text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  runs bigint NOT NULL CHECK (runs > 0),
  wall_ms double precision NOT NULL,
  cpu_ms double precision NOT NULL,
  gb_seconds double precision NOT NULL,
  queue_wait_ms double precision NOT NULL,
  wall_histogram jsonb NOT NULL,
  cpu_histogram jsonb NOT NULL,
  queue_wait_histogram jsonb NOT NULL,
  PRIMARY KEY (bucket_at, org_id, agent, outcome),
  CONSTRAINT run_metrics_bucket_is_10_s CHECK (mod(extract(epoch FROM bucket_at)::bigint, 10) = 0)
);
CREATE INDEX run_metrics_of_org ON run_metrics (org_id, bucket_at);
COMMENT ON TABLE run_metrics IS 'Finished runs, added up per 10 s, organization, agent and outcome.';
COMMENT ON COLUMN run_metrics.bucket_at IS 'Start of the 10 s in which the runs finished.';
COMMENT ON COLUMN run_metrics.org_id IS 'The organization that owns the runs.';
COMMENT ON COLUMN run_metrics.agent IS 'Name of the agent.';
COMMENT ON COLUMN run_metrics.outcome IS 'The terminal state.';
COMMENT ON COLUMN run_metrics.runs IS 'How many runs.';
COMMENT ON COLUMN run_metrics.wall_ms IS 'Sum of wall time of the last attempts, ms.';
COMMENT ON COLUMN run_metrics.cpu_ms IS 'Sum of CPU time, ms.';
COMMENT ON COLUMN run_metrics.gb_seconds IS 'Sum of memory held times wall time, GB-s.';
COMMENT ON COLUMN run_metrics.queue_wait_ms IS 'Sum of the waits in the queue, ms.';
COMMENT ON COLUMN run_metrics.wall_histogram IS 'Wall time of those that ran, ms.';
COMMENT ON COLUMN run_metrics.cpu_histogram IS 'CPU time of those that ran, ms.';
COMMENT ON COLUMN run_metrics.queue_wait_histogram IS 'Wait in the queue, ms.';

CREATE TABLE metric_writers (
  id text COLLATE "C" PRIMARY KEY,
  last_batch bigint NOT NULL,
  seen_at timestamptz(3) NOT NULL DEFAULT now()
);
COMMENT ON TABLE metric_writers IS 'The last batch of each collector: a batch that is sent again counts once.';
COMMENT ON COLUMN metric_writers.id IS 'Made by a collector at its start.';
COMMENT ON COLUMN metric_writers.last_batch IS 'Number of the last batch that was added; batches of one collector come in order.';
COMMENT ON COLUMN metric_writers.seen_at IS 'When that was; rows unseen for a week are removed.';
