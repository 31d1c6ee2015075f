-- Alerts may watch webhooks that were given up.

ALTER TABLE alert_rules DROP CONSTRAINT alert_rules_measure_check, ADD CONSTRAINT alert_rules_measure_check CHECK (measure IN (
  'error_ratio', 'queue_wait_p95_ms', 'pool_saturation', 'kills', 'container_faults', 'heartbeat_age_ms', 'starved_ms', 'resource_seconds', 'webhooks_disabled'));
