import { BullpenError, errorCodeOf, messageOf, systemClock, type Clock } from '@bullpen/core';

/** What a failed statement says about trying again. */
export type Failure =
  /** Postgres is away, busy or chose a victim: the same statement may succeed later. It may also have been applied. */
  | 'unavailable'
  /** A row is at fault: other rows of the same statement would have succeeded. */
  | 'row'
  /** The statement itself, or we. */
  | 'other';

/** postgres.js' own codes, and those of the socket under it. */
const UNAVAILABLE_CODES = new Set([
  'CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT',
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT',
  '25006', // read-only: a standby that answers during a failover
  '40001', '40P01', '55P03', // serialization, deadlock, lock not available
  'BP002', // ours: a tenant's statement on a connection that was opened after the tenant had been set on another
]);

/** SQLSTATE classes: connection, resources, operator intervention (shutdown, crash), system. */
const UNAVAILABLE_CLASSES = new Set(['08', '53', '57', '58']);

/** Data exception, integrity constraint, program limit. */
const ROW_CLASSES = new Set(['21', '22', '23', '54']);

/** Source: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function classifyFailure(error: unknown): Failure {
  const code = postgresCodeOf(error);
  if (code === undefined) return 'other';
  if (UNAVAILABLE_CODES.has(code)) return 'unavailable';
  const sqlClass = /^[0-9A-Z]{5}$/.test(code) ? code.slice(0, 2) : '';
  if (UNAVAILABLE_CLASSES.has(sqlClass)) return 'unavailable';
  return ROW_CLASSES.has(sqlClass) ? 'row' : 'other';
}

/** An established connection that is no more; of 57 only what says so of a connection, not of all Postgres. */
const LOST_CODES = new Set(['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'ECONNRESET', 'EPIPE', '57P01']);

/** True where a connection ended that there was: others that were there with it may have ended as well, and a new one may well be had. */
export function isLostConnection(error: unknown): boolean {
  return LOST_CODES.has(postgresCodeOf(error) ?? '');
}

/** The SQLSTATE or socket code of an error, also of one that drizzle or an aggregate of connection attempts wraps. */
export function postgresCodeOf(error: unknown): string | undefined {
  for (let current = error; current !== null && typeof current === 'object'; current = innerErrorOf(current)) {
    const code = (current as { code?: unknown }).code;
    if (typeof code === 'string') return code;
  }
  return undefined;
}

function innerErrorOf(error: object): unknown {
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  return cause ?? (Array.isArray(errors) ? errors[0] : undefined);
}

/** The constraint that a row broke, where Postgres named one. */
export function constraintOf(error: unknown): string | undefined {
  const bare = error as { constraint_name?: string; cause?: { constraint_name?: string } };
  return bare.constraint_name ?? bare.cause?.constraint_name;
}

/** Runs a query; what the connection throws comes out as SERVICE_UNAVAILABLE, everything else as it is. */
export async function reaching<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (errorCodeOf(error) === undefined && classifyFailure(error) === 'unavailable') throw unavailable(error);
    throw error;
  }
}

/** A read is tried again for this long. */
const READ_AGAIN_FOR_MS = 1000;
const READ_AGAIN_AFTER_MS = 50;

/**
 * `reaching` for a query that changes nothing, and may therefore be tried again. At least once more after a connection was lost,
 * however late that was heard: where a process got no CPU for a second, that second says nothing of Postgres.
 */
export async function reading<T>(query: () => Promise<T>, clock: Clock = systemClock): Promise<T> {
  const untilMs = clock.monotonicMs() + READ_AGAIN_FOR_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await query();
    } catch (error) {
      if (errorCodeOf(error) !== undefined || classifyFailure(error) !== 'unavailable') throw error;
      if (clock.monotonicMs() >= untilMs && !(tries === 1 && isLostConnection(error))) throw unavailable(error);
      await new Promise((resolve) => { setTimeout(resolve, READ_AGAIN_AFTER_MS); });
    }
  }
}

export function unavailable(cause: unknown): BullpenError {
  return new BullpenError('SERVICE_UNAVAILABLE', `Postgres cannot be reached: ${messageOf(cause)}`, {}, { cause });
}
