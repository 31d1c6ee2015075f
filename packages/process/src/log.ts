import type { Logger } from '@bullpen/core';
import { pino, type DestinationStream } from 'pino';

/** What is never written, at the top of a line or one level down: secrets, keys, and what tenants gave to their agents. */
const NEVER_WRITTEN = ['secret', 'key', 'apiKey', 'password', 'token', 'authorization', 'cookie', 'webhookSecret', 'input', 'inputJson', 'result', 'resultJson'];

/**
 * A pino logger: JSON lines on standard output, event name in `msg`, times in ISO 8601.
 * Errors under `err` keep type, message, code and stack; keys and secrets are never written.
 *
 * @param destination - default: standard output
 */
export function createLogger(service: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: NEVER_WRITTEN.flatMap((name) => [name, `*.${name}`]),
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
