-- Lets one caller sweep.
-- $1 now (epoch ms), $2 how long nobody else may, ms
-- Atomic: returns a row to one caller only.
UPDATE bullpen_queue.dispatch SET next_sweep_ms = $1::bigint + $2::bigint WHERE next_sweep_ms <= $1::bigint RETURNING only_row
