-- Lets one caller sweep.
-- $1 now (epoch ms), $2 how long nobody else may, ms
-- Atomic: returns a row to one caller only. Claims that are older than a turn belong to a worker that died, and are
-- forgotten: the sweep offers their organizations again.
WITH turn AS (
  UPDATE bullpen_queue.dispatch SET next_sweep_ms = $1::bigint + $2::bigint WHERE next_sweep_ms <= $1::bigint RETURNING only_row
), freed AS (
  UPDATE bullpen_queue.organization SET claimed_ms = NULL WHERE claimed_ms <= $1::bigint - $2::bigint AND EXISTS (SELECT FROM turn)
)
SELECT only_row FROM turn
