-- Time series, alerts and what agents keep, made before tables of tenants were walled off. Rows of the platform have no
-- organization and are shown to none. What a sample says of others, who is behind an alert, and secrets are not for tenants.

SELECT isolate_tenant_table('run_metrics_1m', 'SELECT');
SELECT isolate_tenant_table('run_metrics_1h', 'SELECT');
SELECT isolate_tenant_table('run_metrics_1d', 'SELECT');
SELECT isolate_tenant_table('organization_totals', 'SELECT');
SELECT isolate_tenant_table('runtime_samples', 'SELECT');
SELECT isolate_tenant_table('alert_rules',
  'SELECT (id, org_id, name, measure, threshold, window_ms, for_ms, severity, enabled, webhook_url, created_at), DELETE');
SELECT isolate_tenant_table('alerts',
  'SELECT (id, rule_id, org_id, subject, state, value, threshold, reason, silenced, started_at, firing_at, resolved_at, below_since, acknowledged_at, acknowledged_by)');
SELECT isolate_tenant_table('alert_silences', 'SELECT, INSERT, DELETE');
SELECT isolate_tenant_table('alert_deliveries', '');

DO $$
DECLARE
  ours regprocedure;
BEGIN
  FOR ours IN
    SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
      AND p.proname IN ('add_histograms', 'bucket_of', 'make_metric_partition', 'drop_metric_partitions', 'keep_metric_partitions', 'add_to_totals', 'roll_up_bucket', 'roll_up_run_metrics')
  LOOP
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', ours);
  END LOOP;
END $$;

-- Made with a wall of their own, before this one was there.
DROP POLICY own_rows ON secrets;
DROP POLICY own_rows ON agent_entries;
SELECT isolate_tenant_table('secrets', 'SELECT (org_id, name, version, created_at, updated_at), DELETE');
SELECT isolate_tenant_table('agent_entries', 'SELECT, INSERT, UPDATE, DELETE');

SELECT close_partitions();
