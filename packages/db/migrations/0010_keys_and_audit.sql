-- Keys with roles, expiry and rotation; who changed what; requests that may be repeated; how much of its rate a key has used.

ALTER TABLE api_keys DROP CONSTRAINT api_keys_role_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_role_check CHECK (role IN ('viewer', 'operator', 'developer', 'owner', 'admin'));
ALTER TABLE api_keys ADD COLUMN prefix text NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN created_by text COLLATE "C";
ALTER TABLE api_keys ADD COLUMN rotated_from text COLLATE "C";
ALTER TABLE api_keys ADD COLUMN expires_at timestamptz(3);
ALTER TABLE api_keys ADD COLUMN revoked_at timestamptz(3);
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz(3);
COMMENT ON COLUMN api_keys.prefix IS 'How the secret begins: enough to recognize it, too little to guess it; empty for keys older than this column.';
COMMENT ON COLUMN api_keys.created_by IS 'The key that made it; null where the platform did.';
COMMENT ON COLUMN api_keys.rotated_from IS 'The key in whose place it stands.';
COMMENT ON COLUMN api_keys.expires_at IS 'It works until then; null: for ever.';
COMMENT ON COLUMN api_keys.revoked_at IS 'When it was taken away.';
COMMENT ON COLUMN api_keys.last_used_at IS 'About when it was last used, to the minute.';

CREATE TABLE audit_log (
  id text COLLATE "C" PRIMARY KEY,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  at timestamptz(3) NOT NULL,
  action text COLLATE "C" NOT NULL,
  target text COLLATE "C" NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  role text COLLATE "C" NOT NULL,
  request_id text COLLATE "C" NOT NULL,
  before jsonb,
  after jsonb
);
CREATE INDEX audit_log_newest ON audit_log (org_id, id);
COMMENT ON TABLE audit_log IS 'Every write that came over the API. Rows are only ever added.';
COMMENT ON COLUMN audit_log.id IS 'aud_ and a ULID: newest sorts last.';
COMMENT ON COLUMN audit_log.org_id IS 'The organization that was written to; null: the platform itself.';
COMMENT ON COLUMN audit_log.at IS 'When it was answered.';
COMMENT ON COLUMN audit_log.action IS 'The operation, by its id in the OpenAPI document.';
COMMENT ON COLUMN audit_log.target IS 'What was written: a kind and a name or id.';
COMMENT ON COLUMN audit_log.key_id IS 'The key that did it.';
COMMENT ON COLUMN audit_log.role IS 'The role that key had.';
COMMENT ON COLUMN audit_log.request_id IS 'Finds the log lines of the request.';
COMMENT ON COLUMN audit_log.before IS 'What was there; null where nothing was.';
COMMENT ON COLUMN audit_log.after IS 'What is there now; null where nothing is.';

CREATE TABLE idempotent_requests (
  owner text COLLATE "C" NOT NULL,
  key_hash text COLLATE "C" NOT NULL,
  org_id text COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
  request_hash text COLLATE "C" NOT NULL,
  attempt_id text COLLATE "C" NOT NULL,
  status smallint,
  answer bytea,
  locked_until timestamptz(3) NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  PRIMARY KEY (owner, key_hash)
);
CREATE INDEX idempotent_requests_expiring ON idempotent_requests (expires_at);
COMMENT ON TABLE idempotent_requests IS 'Answers to POSTs that came with an Idempotency-Key. Runs keep their keys themselves.';
COMMENT ON COLUMN idempotent_requests.owner IS 'The organization, or the key where the request is about none: whose keys these are.';
COMMENT ON COLUMN idempotent_requests.key_hash IS 'Hex sha256 of the Idempotency-Key.';
COMMENT ON COLUMN idempotent_requests.org_id IS 'The organization, where the request is about one.';
COMMENT ON COLUMN idempotent_requests.request_hash IS 'Hex sha256 of operation, path, query and body.';
COMMENT ON COLUMN idempotent_requests.attempt_id IS 'Who works on it, or did: a request id.';
COMMENT ON COLUMN idempotent_requests.status IS 'HTTP status of the answer; null while it is being made.';
COMMENT ON COLUMN idempotent_requests.answer IS 'Headers and body, encrypted under the Idempotency-Key itself: an answer may hold a secret, and only its caller can read it.';
COMMENT ON COLUMN idempotent_requests.locked_until IS 'A request that has not answered by then has died, and may be made again.';
COMMENT ON COLUMN idempotent_requests.expires_at IS 'From then on the key is free.';

-- Not logged: after a crash of Postgres a window begins anew, which harms nobody.
CREATE UNLOGGED TABLE rate_windows (
  key_id text COLLATE "C" NOT NULL,
  window_at timestamptz(3) NOT NULL,
  used bigint NOT NULL,
  PRIMARY KEY (key_id, window_at)
);
CREATE INDEX rate_windows_old ON rate_windows (window_at);
COMMENT ON TABLE rate_windows IS 'Requests of a key in a window, over all API processes, which take them in blocks.';
COMMENT ON COLUMN rate_windows.key_id IS 'The key.';
COMMENT ON COLUMN rate_windows.window_at IS 'When the window began.';
COMMENT ON COLUMN rate_windows.used IS 'Requests handed out to API processes so far; beyond the quota, in vain.';
