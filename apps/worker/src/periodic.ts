import { messageOf, type Deadline, type Logger, type Service } from '@bullpen/core';

/**
 * Calls `act` every `everyMs`, never twice at once; a failure is logged and the next turn comes all the same. `stop`
 * returns when a call under way has ended.
 */
export function periodic(name: string, everyMs: number, log: Logger, act: () => Promise<void>): Service {
  let timer: NodeJS.Timeout | null = null;
  let turn: Promise<void> = Promise.resolve();
  let running = false;

  const once = async () => {
    running = true;
    try {
      await act();
    } catch (error) {
      log.warn({ task: name, reason: messageOf(error) }, 'periodic.failed');
    } finally {
      running = false;
    }
  };

  return {
    async start() {
      timer ??= setInterval(() => { if (!running) turn = once(); }, everyMs);
    },
    async quiesce() {},
    async stop(_by: Deadline) {
      if (timer !== null) clearInterval(timer);
      timer = null;
      await turn;
    },
  };
}
