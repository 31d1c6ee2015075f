-- Alerts: rules, what they found, what is not to be told for a while, and what is to be told.

CREATE TABLE alert_rules (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  name text NOT NULL,
  measure text COLLATE "C" NOT NULL CHECK (measure IN (
    'error_ratio', 'queue_wait_p95_ms', 'pool_saturation', 'kills', 'container_faults', 'heartbeat_age_ms', 'starved_ms', 'resource_seconds')),
  threshold double precision NOT NULL,
  window_ms bigint NOT NULL CHECK (window_ms >= 60000),
  for_ms bigint NOT NULL CHECK (for_ms >= 0),
  severity text COLLATE "C" NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  enabled boolean NOT NULL,
  webhook_url text,
  webhook_secret text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT alert_rules_webhook_has_secret CHECK ((webhook_url IS NULL) = (webhook_secret IS NULL)),
  CONSTRAINT alert_rules_heartbeats_are_the_platforms CHECK (measure <> 'heartbeat_age_ms' OR org_id IS NULL)
);
CREATE INDEX alert_rules_of_org ON alert_rules (org_id);
COMMENT ON TABLE alert_rules IS 'What is watched, and when it is an alert; see docs/alerts.md.';
COMMENT ON COLUMN alert_rules.id IS 'alr_ and a ULID, or alr_default_ and a name.';
COMMENT ON COLUMN alert_rules.org_id IS 'The organization that owns it; null: the platform''s, watched for each organization, or worker.';
COMMENT ON COLUMN alert_rules.name IS 'For people.';
COMMENT ON COLUMN alert_rules.measure IS 'What is watched.';
COMMENT ON COLUMN alert_rules.threshold IS 'An alert begins above it.';
COMMENT ON COLUMN alert_rules.window_ms IS 'The measure is of so long until now, ms.';
COMMENT ON COLUMN alert_rules.for_ms IS 'Above the threshold for so long before it fires, ms.';
COMMENT ON COLUMN alert_rules.severity IS 'How bad it is.';
COMMENT ON COLUMN alert_rules.enabled IS 'False: not watched; what is open is resolved.';
COMMENT ON COLUMN alert_rules.webhook_url IS 'Who is told; null: nobody.';
COMMENT ON COLUMN alert_rules.webhook_secret IS 'What deliveries are signed with.';
COMMENT ON COLUMN alert_rules.created_at IS 'When it was created.';

CREATE TABLE alerts (
  id text COLLATE "C" PRIMARY KEY,
  rule_id text COLLATE "C" NOT NULL REFERENCES alert_rules (id) ON DELETE CASCADE,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  subject text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'firing', 'resolved')),
  value double precision NOT NULL,
  threshold double precision NOT NULL,
  reason text NOT NULL,
  culprit_org_id text COLLATE "C",
  silenced boolean NOT NULL,
  started_at timestamptz(3) NOT NULL,
  firing_at timestamptz(3),
  resolved_at timestamptz(3),
  below_since timestamptz(3),
  acknowledged_at timestamptz(3),
  acknowledged_by text,
  CONSTRAINT alerts_resolved_has_time CHECK ((state = 'resolved') = (resolved_at IS NOT NULL)),
  CONSTRAINT alerts_firing_has_time CHECK (state = 'pending' OR firing_at IS NOT NULL)
);
CREATE UNIQUE INDEX alerts_open ON alerts (rule_id, subject) WHERE state <> 'resolved';
CREATE INDEX alerts_of_org ON alerts (org_id, started_at);
CREATE INDEX alerts_newest ON alerts (started_at);
COMMENT ON TABLE alerts IS 'What rules found: one open alert per rule and subject.';
COMMENT ON COLUMN alerts.id IS 'alt_ and a ULID.';
COMMENT ON COLUMN alerts.rule_id IS 'The rule.';
COMMENT ON COLUMN alerts.org_id IS 'The organization it is about; null: a worker.';
COMMENT ON COLUMN alerts.subject IS 'Id of the organization or worker.';
COMMENT ON COLUMN alerts.state IS 'pending: above the threshold, not for long enough; firing; resolved.';
COMMENT ON COLUMN alerts.value IS 'The measure when it was last looked at.';
COMMENT ON COLUMN alerts.threshold IS 'Of the rule, then.';
COMMENT ON COLUMN alerts.reason IS 'In words; names no other organization.';
COMMENT ON COLUMN alerts.culprit_org_id IS 'The organization that holds what this one waits for; for the platform only.';
COMMENT ON COLUMN alerts.silenced IS 'A silence covered it when it was last looked at.';
COMMENT ON COLUMN alerts.started_at IS 'When it was first above the threshold.';
COMMENT ON COLUMN alerts.firing_at IS 'When it fired.';
COMMENT ON COLUMN alerts.resolved_at IS 'When it was over.';
COMMENT ON COLUMN alerts.below_since IS 'Since when it has been at or below the threshold again; null while it is above.';
COMMENT ON COLUMN alerts.acknowledged_at IS 'When somebody said to have seen it.';
COMMENT ON COLUMN alerts.acknowledged_by IS 'Who did.';

CREATE TABLE alert_silences (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  rule_id text COLLATE "C" REFERENCES alert_rules (id) ON DELETE CASCADE,
  subject text COLLATE "C",
  until_at timestamptz(3) NOT NULL,
  reason text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX alert_silences_until ON alert_silences (until_at);
CREATE INDEX alert_silences_of_org ON alert_silences (org_id);
COMMENT ON TABLE alert_silences IS 'Alerts that nobody is told of for a while.';
COMMENT ON COLUMN alert_silences.id IS 'sil_ and a ULID.';
COMMENT ON COLUMN alert_silences.org_id IS 'The organization that owns it and whose rules it covers; null: the platform''s, which covers all.';
COMMENT ON COLUMN alert_silences.rule_id IS 'The rule it covers; null: all.';
COMMENT ON COLUMN alert_silences.subject IS 'The subject it covers; null: all.';
COMMENT ON COLUMN alert_silences.until_at IS 'When it ends.';
COMMENT ON COLUMN alert_silences.reason IS 'For people.';
COMMENT ON COLUMN alert_silences.created_at IS 'When it began.';

CREATE TABLE alert_deliveries (
  id text COLLATE "C" PRIMARY KEY,
  alert_id text COLLATE "C" NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  rule_id text COLLATE "C" NOT NULL REFERENCES alert_rules (id) ON DELETE CASCADE,
  body text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz(3),
  delivered_at timestamptz(3),
  last_error text,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX alert_deliveries_of_alert ON alert_deliveries (alert_id);
COMMENT ON TABLE alert_deliveries IS 'What webhooks of alert rules are to be told: at least once.';
COMMENT ON COLUMN alert_deliveries.id IS 'dlv_ and a ULID: the webhook-id, the same in every attempt.';
COMMENT ON COLUMN alert_deliveries.alert_id IS 'The alert.';
COMMENT ON COLUMN alert_deliveries.org_id IS 'The organization whose rule it is; null: the platform''s.';
COMMENT ON COLUMN alert_deliveries.rule_id IS 'The rule, which has address and secret.';
COMMENT ON COLUMN alert_deliveries.body IS 'JSON as it is sent and signed.';
COMMENT ON COLUMN alert_deliveries.attempts IS 'Attempts begun.';
COMMENT ON COLUMN alert_deliveries.next_attempt_at IS 'When it is to be tried; null: delivered, or given up.';
COMMENT ON COLUMN alert_deliveries.delivered_at IS 'When it was answered with a 2xx.';
COMMENT ON COLUMN alert_deliveries.last_error IS 'Why the last attempt failed.';
COMMENT ON COLUMN alert_deliveries.created_at IS 'When it was due.';

INSERT INTO alert_rules (id, name, measure, threshold, window_ms, for_ms, severity, enabled) VALUES
  ('alr_default_errors', 'Half of the runs fail', 'error_ratio', 0.5, 300000, 120000, 'warning', true),
  ('alr_default_wait', 'Runs wait long', 'queue_wait_p95_ms', 60000, 300000, 120000, 'warning', true),
  ('alr_default_pool', 'Memory pool full', 'pool_saturation', 0.98, 300000, 300000, 'info', true),
  ('alr_default_kills', 'Limits end many runs', 'kills', 100, 300000, 60000, 'warning', true),
  ('alr_default_faults', 'Containers die of faults', 'container_faults', 100, 300000, 60000, 'warning', true),
  ('alr_default_heartbeat', 'Worker lost', 'heartbeat_age_ms', 30000, 900000, 0, 'critical', true),
  ('alr_default_starved', 'Organization starved', 'starved_ms', 60000, 300000, 0, 'critical', true);
