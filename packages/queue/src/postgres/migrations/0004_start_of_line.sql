-- How far before the lowest of those that wait a newcomer may start; as in run-cost.ts.
CREATE FUNCTION bullpen_queue.head_start() RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$ SELECT 0.05::float8 $$;

-- Where a newly ready organization starts: at the clock, so that idling banks no credit, or HEAD_START before those that wait or are with a
-- worker; and not behind them. They have been charged since, so its turn is next, even where a charge of theirs proves to have been too high.
CREATE OR REPLACE FUNCTION bullpen_queue.start_of_line() RETURNS double precision
LANGUAGE sql STABLE AS $$
  SELECT least(line.lowest, greatest(line.lowest - bullpen_queue.head_start(), dispatch.virtual_time))
  FROM bullpen_queue.dispatch, (SELECT min(virtual_time) AS lowest FROM bullpen_queue.organization WHERE is_ready OR claimed_ms IS NOT NULL) AS line
$$;
