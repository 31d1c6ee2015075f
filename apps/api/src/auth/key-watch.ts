import type { ApiKeys } from './api-keys.ts';

/** `ApiKeys` remembers an answer for a few seconds: to ask it often costs a hash. */
const LOOK_EVERY_MS = 1000;

/**
 * Watches the key by which an answer was begun that goes on for long: `gone` aborts soon after it has expired or was taken away.
 * Where it cannot be looked up, it counts as it did.
 */
export function watchKey(keys: ApiKeys, secret: string): { readonly gone: AbortSignal; stop(): void } {
  const gone = new AbortController();
  const look = async (): Promise<void> => {
    if (await keys.find(secret) === null) gone.abort();
  };
  const timer = setInterval(() => { look().catch(() => undefined); }, LOOK_EVERY_MS).unref();
  return { gone: gone.signal, stop: () => clearInterval(timer) };
}
