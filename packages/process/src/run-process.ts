import { Deadline, messageOf, type Logger, type Service } from '@bullpen/core';

import { allocateYoung } from './pretenuring.ts';

/**
 * The life of a process. The first SIGTERM or SIGINT (or, on request, the end of standard input) starts a graceful
 * stop: no new work, running work ends within `stopWithinMs`, the rest is given back, exit 0. A second signal ends the
 * process at once. A start that fails, or a fault that nothing caught, ends it with exit 1.
 */
export interface ProcessOptions {
  log: Logger;
  /** From the first signal until `Service.stop` has to be over. */
  stopWithinMs: number;
  /** Stop as well when standard input ends. */
  exitWithParent: boolean;
  /** Facts of the line that says the process is ready. */
  ready: () => { event: string; facts: object };
}

/** Resolves when the service has started; the process then lives until it is told to stop. */
export async function runProcess(service: Service, options: ProcessOptions): Promise<void> {
  const { log } = options;
  let stopping = false;
  allocateYoung();

  const stop = (cause: string) => {
    if (stopping) {
      log.warn({ cause }, 'process.stopped_at_once');
      process.exit(1);
    }
    stopping = true;
    void stopGracefully(service, options, cause).then((code) => process.exit(code));
  };

  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('uncaughtException', (error) => fail(log, 'process.uncaught_exception', error));
  process.on('unhandledRejection', (reason) => fail(log, 'process.unhandled_rejection', reason));
  if (options.exitWithParent) {
    process.stdin.on('end', () => stopping || stop('parent is gone')).resume();
  }

  try {
    await service.start();
  } catch (error) {
    fail(log, 'process.start_failed', error);
  }
  const { event, facts } = options.ready();
  log.info(facts, event);
}

async function stopGracefully(service: Service, options: ProcessOptions, cause: string): Promise<number> {
  const { log } = options;
  log.info({ cause, withinMs: options.stopWithinMs }, 'process.stopping');
  const by = Deadline.in(options.stopWithinMs);
  // A service that does not keep its deadline must not keep the process: leases give its work back.
  const overdue = setTimeout(() => fail(log, 'process.stop_overdue', 'the stop took longer than its deadline'), options.stopWithinMs + 5000);
  overdue.unref();
  try {
    await service.quiesce();
    await service.stop(by);
    log.info({ cause }, 'process.stopped');
    return 0;
  } catch (error) {
    log.error({ err: error }, 'process.stop_failed');
    return 1;
  }
}

function fail(log: Logger, event: string, error: unknown): never {
  log.error({ err: error, reason: messageOf(error) }, event);
  process.exit(1);
}
