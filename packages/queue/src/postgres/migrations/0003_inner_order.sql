-- Where the flows of an organization finish (src/inner-order.ts). A flow is a priority and a fairness key; the row of a
-- band's last finish has the band's number for its flow.
CREATE TABLE bullpen_queue.flow (
  org_id text NOT NULL,
  flow   text NOT NULL,
  finish bigint NOT NULL,
  PRIMARY KEY (org_id, flow)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
