/** The part of pino that packages use; the apps hand in a pino child with `{ orgId, runId, attempt }` where known. */
export interface Logger {
  debug(facts: object, event: string): void;
  info(facts: object, event: string): void;
  warn(facts: object, event: string): void;
  error(facts: object, event: string): void;
  child(bindings: object): Logger;
  /** Whether a line of that level is written; where left out, it may be. */
  isLevelEnabled?(level: string): boolean;
}

/** Says nothing: for tests and for callers without a log. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
