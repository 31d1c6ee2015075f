import { messageOf, type Logger } from '@bullpen/core';

/** Something done over and over, never twice at once. Its timer keeps no process alive. */
export interface Periodic {
  start(): void;
  /** Resolves when a round that was under way is over. */
  stop(): Promise<void>;
}

/** `act` runs every `everyMs` (from the end of a round to the start of the next); what it throws is logged. */
export function createPeriodic(options: { everyMs: number; name: string; log: Logger; act: () => Promise<void> }): Periodic {
  const { everyMs, name, log, act } = options;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  let running = false;

  const schedule = (): void => {
    timer = setTimeout(() => {
      round = play();
    }, everyMs);
    timer.unref();
  };
  const play = async (): Promise<void> => {
    try {
      await act();
    } catch (thrown) {
      log.warn({ task: name, error: messageOf(thrown) }, 'queue.task_failed');
    }
    if (running) schedule();
  };
  return {
    start() {
      if (running) return;
      running = true;
      schedule();
    },
    async stop() {
      running = false;
      clearTimeout(timer);
      await round;
    },
  };
}
