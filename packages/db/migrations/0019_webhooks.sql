-- Webhooks out and in. What is to be told is written by the statement that makes it so (a run's end, a deployment, an alert), so
-- that a crash in between loses nothing. Webhooks of alert rules become webhooks like all others; secrets are sealed.

CREATE FUNCTION new_ulid() RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
  digits constant text := '0123456789abcdefghjkmnpqrstvwxyz';
  ms bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
  -- Of a UUID the first six and the last seven bytes are random throughout.
  noise bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
  id text := '';
BEGIN
  FOR i IN 0..9 LOOP
    id := substr(digits, (ms & 31)::integer + 1, 1) || id;
    ms := ms >> 5;
  END LOOP;
  FOR i IN 0..15 LOOP
    id := id || substr(digits, (get_byte(noise, CASE WHEN i < 6 THEN i WHEN i < 10 THEN i + 4 ELSE i + 6 END) & 31) + 1, 1);
  END LOOP;
  RETURN id;
END $$;
COMMENT ON FUNCTION new_ulid() IS 'A ULID in lower case: 48 bits of time, 80 random ones. Source: https://github.com/ulid/spec';

-- Out -------------------------------------------------------------------------------------------------------------------------

ALTER TABLE webhooks
  ALTER COLUMN org_id DROP NOT NULL,
  DROP COLUMN secret,
  ADD COLUMN alert_rule_id text COLLATE "C" REFERENCES alert_rules (id) ON DELETE CASCADE,
  ADD COLUMN failing_since timestamptz(3);
CREATE UNIQUE INDEX webhooks_of_rule ON webhooks (alert_rule_id) WHERE alert_rule_id IS NOT NULL;
COMMENT ON COLUMN webhooks.org_id IS 'The organization that owns it; null: of a rule of the platform.';
COMMENT ON COLUMN webhooks.alert_rule_id IS 'It is told of the alerts of this rule and nothing else; null: of all events of its types.';
COMMENT ON COLUMN webhooks.failing_since IS 'When the first of the deliveries failed that did so one after the other until now; null: the last one arrived.';
COMMENT ON COLUMN webhooks.disabled_reason IS 'Why: by its owner, since its address is gone (410), or since it failed for days.';
GRANT SELECT (alert_rule_id, failing_since) ON webhooks TO bullpen_tenant;

ALTER TABLE webhook_deliveries
  ALTER COLUMN org_id DROP NOT NULL,
  ADD CONSTRAINT webhook_deliveries_of FOREIGN KEY (webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE,
  DROP COLUMN last_status,
  DROP COLUMN last_error,
  ADD COLUMN history jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(history) = 'array');
DROP INDEX webhook_deliveries_of_webhook;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (webhook_id, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (webhook_id, finished_at) WHERE state = 'failed';
COMMENT ON COLUMN webhook_deliveries.org_id IS 'The organization that owns the webhook; null: the platform.';
COMMENT ON COLUMN webhook_deliveries.event_id IS 'The event: the same one is delivered to a webhook once. Sent as webhook-id.';
COMMENT ON COLUMN webhook_deliveries.attempts IS 'How often it was taken to be sent, since it was last asked for.';
COMMENT ON COLUMN webhook_deliveries.history IS 'The latest attempts, oldest first: at, status, durationMs, error, and how the body of the answer begins.';

CREATE TABLE triggers (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL,
  run jsonb NOT NULL CHECK (jsonb_typeof(run) = 'object'),
  scheme text COLLATE "C" NOT NULL CHECK (scheme IN ('standard', 'github', 'stripe', 'slack', 'none')),
  input jsonb NOT NULL,
  event_id_at text,
  enabled boolean NOT NULL DEFAULT true,
  token_hash text COLLATE "C" NOT NULL,
  previous_token_hash text COLLATE "C",
  previous_token_until timestamptz(3),
  last_event_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT triggers_name UNIQUE (org_id, name),
  CONSTRAINT triggers_previous_token_ends CHECK ((previous_token_hash IS NULL) = (previous_token_until IS NULL))
);
COMMENT ON TABLE triggers IS 'Webhooks in: addresses at which an event becomes a run.';
COMMENT ON COLUMN triggers.id IS 'trg_ and a ULID; part of the address.';
COMMENT ON COLUMN triggers.org_id IS 'The organization that owns it.';
COMMENT ON COLUMN triggers.name IS 'Chosen by its owner.';
COMMENT ON COLUMN triggers.run IS 'What it starts: the body of POST /v1/runs without input and delay.';
COMMENT ON COLUMN triggers.scheme IS 'How events are signed; none: the address is the secret.';
COMMENT ON COLUMN triggers.input IS 'Template of the input: JSON with pointers into the event.';
COMMENT ON COLUMN triggers.event_id_at IS 'JSON Pointer into the body where the id of an event is; null: where the scheme has it.';
COMMENT ON COLUMN triggers.enabled IS 'False: events are refused.';
COMMENT ON COLUMN triggers.token_hash IS 'sha256 of the last part of the address, in hex.';
COMMENT ON COLUMN triggers.previous_token_hash IS 'The same of the address before, while that is still good; null: there is none.';
COMMENT ON COLUMN triggers.previous_token_until IS 'Until when it is.';
COMMENT ON COLUMN triggers.last_event_at IS 'When an event last became a run, to the minute; null: none has.';
COMMENT ON COLUMN triggers.created_at IS 'When it was created.';
COMMENT ON COLUMN triggers.updated_at IS 'When it was last changed.';
SELECT isolate_tenant_table('triggers',
  'SELECT (id, org_id, name, run, scheme, input, event_id_at, enabled, previous_token_until, last_event_at, created_at, updated_at)');

CREATE TABLE signing_secrets (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  webhook_id text COLLATE "C" REFERENCES webhooks (id) ON DELETE CASCADE,
  trigger_id text COLLATE "C" REFERENCES triggers (id) ON DELETE CASCADE,
  key_id text COLLATE "C" NOT NULL,
  wrapped_key bytea NOT NULL,
  sealed_value bytea NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  CONSTRAINT signing_secrets_of_one CHECK (num_nonnulls(webhook_id, trigger_id) = 1)
);
CREATE INDEX signing_secrets_of_webhook ON signing_secrets (webhook_id) WHERE webhook_id IS NOT NULL;
CREATE INDEX signing_secrets_of_trigger ON signing_secrets (trigger_id) WHERE trigger_id IS NOT NULL;
CREATE INDEX signing_secrets_of_org ON signing_secrets (org_id);
COMMENT ON TABLE signing_secrets IS 'What deliveries of webhooks are signed with, and events of triggers checked by; two of one owner while it is rotated.';
COMMENT ON COLUMN signing_secrets.id IS 'sgn_ and a ULID.';
COMMENT ON COLUMN signing_secrets.org_id IS 'The organization that owns it; null: the platform.';
COMMENT ON COLUMN signing_secrets.webhook_id IS 'The webhook it is of; null: of a trigger.';
COMMENT ON COLUMN signing_secrets.trigger_id IS 'The trigger it is of; null: of a webhook.';
COMMENT ON COLUMN signing_secrets.key_id IS 'The master key that its data key is wrapped with; unsealed: it was made before secrets were sealed, and is the next to be.';
COMMENT ON COLUMN signing_secrets.wrapped_key IS 'Its data key under the master key, AES-256-GCM.';
COMMENT ON COLUMN signing_secrets.sealed_value IS 'The secret under its data key, AES-256-GCM.';
COMMENT ON COLUMN signing_secrets.created_at IS 'When it was made.';
COMMENT ON COLUMN signing_secrets.expires_at IS 'Until when it is good; null: until it is rotated.';
SELECT isolate_tenant_table('signing_secrets', 'SELECT (id, org_id, webhook_id, trigger_id, created_at, expires_at)');

INSERT INTO webhooks (id, org_id, url, description, event_types, alert_rule_id, created_at)
  SELECT 'whk_' || substr(id, 5), org_id, webhook_url, name, ARRAY['alert.*'], id, created_at FROM alert_rules WHERE webhook_url IS NOT NULL;
INSERT INTO signing_secrets (id, org_id, webhook_id, key_id, wrapped_key, sealed_value)
  SELECT 'sgn_' || substr(id, 5), org_id, 'whk_' || substr(id, 5), 'unsealed', '', convert_to(webhook_secret, 'UTF8') FROM alert_rules WHERE webhook_url IS NOT NULL;
INSERT INTO webhook_deliveries (id, org_id, webhook_id, event_id, event_type, payload, next_at, created_at)
  SELECT d.id, d.org_id, 'whk_' || substr(d.rule_id, 5), d.id, d.body::jsonb ->> 'type', d.body::jsonb, d.next_attempt_at, d.created_at
  FROM alert_deliveries d JOIN alert_rules r ON r.id = d.rule_id WHERE d.next_attempt_at IS NOT NULL AND r.webhook_url IS NOT NULL;
DROP TABLE alert_deliveries;
ALTER TABLE alert_rules DROP COLUMN webhook_url, DROP COLUMN webhook_secret;

CREATE FUNCTION tell_webhooks(org text, event text, type text, at timestamptz, data jsonb) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  told integer;
BEGIN
  INSERT INTO webhook_deliveries (id, org_id, webhook_id, event_id, event_type, payload, next_at, created_at)
    SELECT 'dlv_' || new_ulid(), w.org_id, w.id, event, type,
      jsonb_build_object('type', type, 'timestamp', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data', data), at, at
    FROM webhooks w
    WHERE w.org_id = org AND w.disabled_at IS NULL AND w.alert_rule_id IS NULL AND w.event_types && ARRAY[type, split_part(type, '.', 1) || '.*']
  ON CONFLICT ON CONSTRAINT webhook_deliveries_event DO NOTHING;
  GET DIAGNOSTICS told = ROW_COUNT;
  RETURN told;
END $$;
COMMENT ON FUNCTION tell_webhooks(text, text, text, timestamptz, jsonb) IS
  'Makes an event due at every webhook of the organization that wants its type, in the transaction that calls it; how many.';

CREATE FUNCTION tell_run_finished() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
-- Asked at every run's end, mostly in vain: one plan, by the index, whatever the table looked like when it was made.
SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = off AS $$
DECLARE
  result_json text;
BEGIN
  IF NOT EXISTS (SELECT FROM webhooks w WHERE w.org_id = NEW.org_id AND w.disabled_at IS NULL AND w.alert_rule_id IS NULL
    AND w.event_types && ARRAY['run.' || NEW.state, 'run.*']) THEN RETURN NULL; END IF;
  result_json := NEW.result::text;
  PERFORM tell_webhooks(NEW.org_id, 'evt_' || substr(NEW.id, 5), 'run.' || NEW.state, NEW.finished_at, jsonb_build_object(
    'runId', NEW.id, 'orgId', NEW.org_id, 'agent', NEW.agent, 'version', NEW.version, 'state', NEW.state, 'attempt', NEW.attempt,
    'result', CASE WHEN octet_length(result_json) <= 16384 THEN NEW.result END,
    'resultOmitted', coalesce(octet_length(result_json) > 16384, false),
    'error', CASE WHEN NEW.error IS NOT NULL THEN jsonb_build_object('code', NEW.error -> 'code', 'message', left(NEW.error ->> 'message', 1000)) END,
    'usage', NEW.usage, 'metadata', NEW.metadata, 'tags', NEW.tags,
    'queuedAt', to_char(NEW.queued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'startedAt', to_char(NEW.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'finishedAt', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_run_finished() IS 'Makes the end of a run due at the webhooks of its organization; a result beyond 16 KiB is left out.';
CREATE TRIGGER runs_tell_webhooks AFTER UPDATE OF state ON runs
  FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION tell_run_finished();

CREATE FUNCTION tell_deployment_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  rolled_back boolean := false;
  before jsonb;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    rolled_back := NEW.last_rollback IS NOT NULL AND NEW.last_rollback IS DISTINCT FROM OLD.last_rollback;
    before := jsonb_build_object('version', OLD.version, 'canary', OLD.canary);
  END IF;
  PERFORM tell_webhooks(NEW.org_id, 'evt_' || new_ulid(), CASE WHEN rolled_back THEN 'deployment.rolled_back' ELSE 'deployment.changed' END, NEW.updated_at, jsonb_build_object(
    'orgId', NEW.org_id, 'agent', NEW.agent, 'deployment', NEW.name, 'version', NEW.version, 'canary', NEW.canary, 'revision', NEW.revision, 'before', before,
    'rollback', CASE WHEN rolled_back THEN NEW.last_rollback END));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_deployment_changed() IS 'Makes the change of a deployment due at the webhooks of its organization.';
CREATE TRIGGER deployments_tell_webhooks_made AFTER INSERT ON deployments FOR EACH ROW EXECUTE FUNCTION tell_deployment_changed();
CREATE TRIGGER deployments_tell_webhooks_changed AFTER UPDATE OF revision ON deployments
  FOR EACH ROW WHEN (OLD.revision <> NEW.revision) EXECUTE FUNCTION tell_deployment_changed();

REVOKE ALL ON FUNCTION new_ulid(), tell_webhooks(text, text, text, timestamptz, jsonb), tell_run_finished(), tell_deployment_changed() FROM PUBLIC;
