-- A run ends while its webhook is being deleted: the delivery would refer to a row that is gone, and the end of the run would fail with it.
-- A row that somebody deletes at this moment is passed over; other changes of it do not lock its key.

CREATE OR REPLACE FUNCTION tell_webhooks(org text, event text, type text, at timestamptz, data jsonb) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  told integer;
BEGIN
  INSERT INTO webhook_deliveries (id, org_id, webhook_id, event_id, event_type, payload, next_at, created_at)
    SELECT 'dlv_' || new_ulid(), w.org_id, w.id, event, type,
      jsonb_build_object('type', type, 'timestamp', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data', data), at, at
    FROM webhooks w
    WHERE w.org_id = org AND w.disabled_at IS NULL AND w.alert_rule_id IS NULL AND w.event_types && ARRAY[type, split_part(type, '.', 1) || '.*']
    FOR KEY SHARE OF w SKIP LOCKED
  ON CONFLICT ON CONSTRAINT webhook_deliveries_event DO NOTHING;
  GET DIAGNOSTICS told = ROW_COUNT;
  RETURN told;
END $$;
