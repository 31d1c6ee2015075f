/** A Ctrl-C arrives several times: from the terminal, from npm and from the bootstrap. Within this time it is one. */
const SAME_SIGNAL_MS = 700;

/**
 * Resolves when this process is asked to stop: SIGINT, SIGTERM, SIGHUP, or the bootstrap that started it being gone.
 * @param atOnce - called when it is asked a second time
 */
export function awaitStopRequest(atOnce: () => void): Promise<string> {
  return new Promise((resolve) => {
    let firstMs: number | null = null;
    const onRequest = (cause: string): void => {
      const nowMs = performance.now();
      if (firstMs === null) {
        firstMs = nowMs;
        resolve(cause);
      } else if (nowMs - firstMs > SAME_SIGNAL_MS) {
        atOnce();
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => onRequest(signal));
    // Comes once and cannot be repeated by a person, so it is never the second request.
    if (process.connected) process.once('disconnect', () => firstMs ?? onRequest('the bootstrap is gone'));
  });
}
