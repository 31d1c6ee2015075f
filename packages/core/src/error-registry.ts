/**
 * Every error Bullpen can name: its code, the HTTP status it maps to, whether the same call may succeed later, and
 * what it means. docs/errors.md is generated from this table, and a test fails when they drift apart.
 */
export interface ErrorSpec {
  readonly status: number;
  readonly retryable: boolean;
  readonly meaning: string;
}

const spec = (status: number, retryable: boolean, meaning: string): ErrorSpec => ({ status, retryable, meaning });

export const ERROR_REGISTRY = {
  // What a caller sends.
  INVALID_REQUEST: spec(400, false, 'The request does not have the documented shape; `issues` names each field.'),
  INVALID_JSON: spec(400, false, 'The body is not valid JSON.'),
  INPUT_TOO_LARGE: spec(413, false, 'The input, body or bundle is larger than its cap.'),
  INPUT_NOT_STORABLE: spec(422, false, 'The input holds something Postgres cannot keep: a NUL character, a lone surrogate, or nesting beyond the cap.'),
  INPUT_INVALID: spec(422, false, 'The input does not fit the JSON schema of the agent version; `issues` names what does not.'),
  SCHEMA_INVALID: spec(422, false, 'The JSON schema of a manifest cannot be used: it does not compile, or refers beyond itself.'),
  SCHEMA_TOO_COSTLY: spec(422, false, 'A value cannot be checked against the JSON schema in reasonable time.'),
  UNAUTHENTICATED: spec(401, false, 'No API key was given, or it is unknown, expired or revoked.'),
  FORBIDDEN: spec(403, false, 'The key is valid but may not do this.'),
  NOT_FOUND: spec(404, false, 'There is no such thing in this organization.'),
  METHOD_NOT_ALLOWED: spec(405, false, 'The path exists, the method does not.'),
  ALREADY_EXISTS: spec(409, false, 'Something with this name or id exists already.'),
  RUN_NOT_FINISHED: spec(409, true, 'The run has not ended yet: there is no result.'),
  NOTHING_TO_ROLL_BACK: spec(409, false, 'The deployment has had no version before the one it has, or has the one that is asked for.'),
  RUN_ALREADY_FINISHED: spec(409, false, 'The run is in a terminal state and cannot be changed.'),
  IDEMPOTENCY_KEY_REUSED: spec(422, false, 'The idempotency key was used before with a different request.'),
  IDEMPOTENCY_IN_FLIGHT: spec(409, true, 'A request with this idempotency key is being answered at this moment.'),
  AGENT_NOT_FOUND: spec(404, false, 'The organization has no agent of this name, or it has no version yet.'),
  BUNDLE_INVALID: spec(422, false, 'The bundle does not parse, or does not export an agent.'),
  BUNDLE_HASH_MISMATCH: spec(422, false, 'The bundle does not have the sha256 that the request declares.'),
  TIER_UNAVAILABLE: spec(422, false, 'The tier cannot be built by this version or on this machine; it is never weakened silently.'),
  TIER_BELOW_MINIMUM: spec(422, false, 'The tier is weaker than the minimum of the organization.'),
  LIMIT_EXCEEDED: spec(422, false, 'A limit that was asked for is beyond what the organization may ask for.'),
  SCHEDULE_INVALID: spec(422, false, 'The cron expression, time zone, interval or window of a schedule cannot be used; the message says why.'),
  SCHEDULE_NEVER_FIRES: spec(422, false, 'The schedule can be read but has no time in the future.'),
  WEBHOOK_DISABLED: spec(409, false, 'The webhook is disabled: enable it before something is sent to it again.'),
  SIGNATURE_INVALID: spec(401, false, 'The event is not signed by who holds the secret, or not within five minutes of now.'),
  TRIGGER_DISABLED: spec(410, false, 'The trigger takes no events at the moment.'),
  EVENT_INVALID: spec(422, false, 'The event cannot be read, or the input that the trigger makes of it is too large.'),
  RATE_LIMITED: spec(429, true, 'Too many requests; `Retry-After` says when to come back.'),

  // How a run ends when it does not succeed.
  AGENT_THREW: spec(500, true, 'The agent threw, or its promise rejected.'),
  TIMED_OUT: spec(504, true, 'The attempt ran into its wall-clock limit and was killed.'),
  OUT_OF_MEMORY: spec(500, false, 'The attempt ran into its memory limit and was killed.'),
  EXTERNAL_MEMORY_EXCEEDED: spec(500, false, 'The attempt held more memory outside the heap (buffers, WebAssembly) than its limit and was killed.'),
  CPU_EXCEEDED: spec(500, false, 'The attempt ran into its CPU limit and was killed.'),
  LOG_VOLUME_EXCEEDED: spec(500, false, 'The attempt said more than the `logBytes` of its run and was killed.'),
  EVENT_RATE_EXCEEDED: spec(500, false, 'The attempt said more within a second than the `eventsPerSecond` of its run and was killed.'),
  EGRESS_BYTES_EXCEEDED: spec(500, false, 'The attempt moved more bytes through `ctx.fetch` than the `egressBytes` of its run and was killed.'),
  EGRESS_REQUESTS_EXCEEDED: spec(500, false, 'The attempt made more requests of `ctx.fetch` than the `egressRequests` of its run and was killed.'),
  AGENT_EXITED: spec(500, true, 'The agent ended its own process or thread.'),
  CONTAINER_CRASHED: spec(500, true, 'The container died for a reason of its own.'),
  WORKER_LOST: spec(500, true, 'The workers that took the run died or lost it too often.'),
  CANCELLED: spec(409, false, 'The run was cancelled by a caller.'),
  KILLED_BY_OPERATOR: spec(409, false, 'An operator killed the container that executed the run.'),
  EXPIRED: spec(410, false, 'The time-to-live in the queue passed before a worker took the run.'),
  OUTPUT_INVALID: spec(500, false, 'The result does not fit the JSON schema that the agent version declares.'),
  RESULT_TOO_LARGE: spec(500, false, 'The result is larger than its cap.'),
  RESULT_NOT_SERIALIZABLE: spec(500, false, 'The result cannot be written as JSON (cyclic, a BigInt, a function, a throwing getter).'),
  RESULT_NOT_STORABLE: spec(500, false, 'The result is JSON but Postgres cannot keep it: a NUL character, a lone surrogate, or nesting beyond the cap.'),
  EVENT_TOO_LARGE: spec(500, false, 'A log line or event is larger than its cap.'),
  EVENT_NOT_SERIALIZABLE: spec(500, false, 'A log line or event cannot be written as JSON.'),
  EVENT_NOT_STORABLE: spec(500, false, 'A log line or event holds something Postgres cannot keep.'),
  BUNDLE_LOAD_FAILED: spec(500, false, 'The bundle could not be loaded in the container, or its top-level code threw.'),
  RECORD_FAILED: spec(500, false, 'The result reached the worker but its record was refused by Postgres.'),

  // What an agent is told when it asks its supervisor for something through `ctx`.
  CALL_REFUSED: spec(422, false, 'A call through `ctx` does not have the documented shape, is too large, or is one more than an attempt may make.'),
  SECRET_NOT_DECLARED: spec(403, false, 'The manifest of the version does not declare the secret.'),
  SECRET_NOT_FOUND: spec(404, false, 'The organization has no secret of this name.'),
  SECRETS_UNAVAILABLE: spec(503, false, 'This deployment has no master key for secrets, or not the one that this secret was sealed with.'),
  KV_CONFLICT: spec(409, false, 'The entry of `ctx.kv` has another revision than the one that was expected.'),
  KV_LIMIT: spec(422, false, 'The key, the value or all entries of the agent together are larger than `ctx.kv` keeps.'),
  EGRESS_DENIED: spec(403, false, 'The allowlist of the version does not name this destination, or it resolves to an address that is refused.'),
  EGRESS_FAILED: spec(502, true, 'The destination was allowed but could not be reached, did not answer in time, or broke off.'),

  // Bullpen itself.
  MEMORY_POOL_EXHAUSTED: spec(503, true, 'The memory pool of the organization on this worker has no room; the run stays queued.'),
  SHUTTING_DOWN: spec(503, true, 'The process is stopping and takes no new work.'),
  SERVICE_UNAVAILABLE: spec(503, true, 'Postgres or the queue cannot be reached at the moment.'),
  API_UNREACHABLE: spec(503, true, 'The client got no answer from the API: it is not running, or not at that address.'),
  CONFIG_INVALID: spec(500, false, 'The configuration does not pass its checks; the message names each variable.'),
  INTERNAL: spec(500, true, 'A fault of Bullpen. The request id finds its log.'),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERROR_REGISTRY;

export const ERROR_CODES = Object.keys(ERROR_REGISTRY) as ErrorCode[];

/** docs/errors.md, as it must stand. */
export function renderErrorTable(): string {
  const rows = ERROR_CODES.map((code) => {
    const { status, retryable, meaning } = ERROR_REGISTRY[code];
    return `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${meaning} |`;
  });
  return ['| code | HTTP status | retryable | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
