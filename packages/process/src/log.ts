import type { Logger } from '@bullpen/core';
import { pino } from 'pino';

/**
 * A pino logger: JSON lines on standard output, event name in `msg`, times in ISO 8601.
 * Errors under `err` keep type, message, code and stack; keys and secrets are never written.
 */
export function createLogger(service: string, level: string): Logger {
  return pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['secret', 'key', 'password', 'authorization', '*.secret', '*.authorization', '*.password'],
  });
}
