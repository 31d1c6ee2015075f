import { BullpenError, messageOf, type Clock } from '@bullpen/core';

/** How long a call keeps trying while its server is away, before it rejects. */
export const RETRY_FOR_MS = 5000;
const RETRY_EVERY_MS = 100;

/** Codes of sockets, of Postgres (shutting down, starting up, connection failures) and of ioredis' pool of errors. */
const UNAVAILABLE_CODES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT',
  '57P01', '57P02', '57P03', '08000', '08001', '08003', '08004', '08006', '53300', '40P01',
]);
const UNAVAILABLE_MESSAGES = [
  /connection (?:is closed|terminated|timeout|ended)/i, /max retries per request/i, /stream isn't writeable/i, /command (?:aborted|timed out)/i,
  /socket timeout/i, /timeout (?:exceeded|expired)/i, /client has encountered a connection error/i, /^(?:LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN) /,
];

/** True where the server could not be reached or asks to come back, so that the same call may succeed in a moment. */
export function isUnavailable(thrown: unknown): boolean {
  const code = (thrown as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && (UNAVAILABLE_CODES.has(code) || code === 'SERVICE_UNAVAILABLE')) return true;
  const message = messageOf(thrown);
  return UNAVAILABLE_MESSAGES.some((pattern) => pattern.test(message));
}

/**
 * Runs `act` until it succeeds, for at most `RETRY_FOR_MS`; so `act` must bear being run twice.
 * @throws BullpenError SERVICE_UNAVAILABLE when the server stayed away; any other error at once, as it is.
 */
export async function retryWhileUnavailable<T>(clock: Clock, what: string, act: () => Promise<T>): Promise<T> {
  const giveUpAtMs = clock.monotonicMs() + RETRY_FOR_MS;
  for (;;) {
    try {
      return await within(giveUpAtMs - clock.monotonicMs(), what, act);
    } catch (thrown) {
      if (!isUnavailable(thrown)) throw thrown;
      if (clock.monotonicMs() + RETRY_EVERY_MS >= giveUpAtMs) throw unavailable(what, thrown);
    }
    await pause(RETRY_EVERY_MS);
  }
}

/** The error for a server that cannot be reached. */
export function unavailable(what: string, cause: unknown): BullpenError {
  return new BullpenError('SERVICE_UNAVAILABLE', `the queue cannot be reached (${what}): ${messageOf(cause)}`, { what }, { cause });
}

/** `act`, or SERVICE_UNAVAILABLE once `timeoutMs` have passed; what `act` does later is dropped. */
export async function within<T>(timeoutMs: number, what: string, act: () => Promise<T>): Promise<T> {
  const running = act();
  running.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable(what, `no answer within ${Math.round(timeoutMs)} ms`)), Math.max(0, timeoutMs));
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms`, or as soon as `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
