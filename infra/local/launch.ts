import type { Deadline, Service } from '@bullpen/core';

/**
 * What was started, so that it can be stopped at any moment of a launch: in reverse order, all of it, also what was only
 * half way.
 */
export interface Launch {
  /** Starts a service and keeps it for the stop. */
  begin<S extends Launched>(service: S): Promise<S>;
  /** Never rejects: what does not stop in time has been killed. */
  stop(by: Deadline): Promise<void>;
  /** Kills at once what would take its time when this process ends. */
  kill(): void;
}

/** A service that may also be ended without asking; one that cannot ends by itself when this process does. */
export interface Launched extends Service {
  kill?(): void;
}

export function createLaunch(): Launch {
  const begun: Launched[] = [];
  return {
    async begin(service) {
      begun.push(service);
      await service.start();
      return service;
    },
    async stop(by) {
      for (const service of begun.splice(0).reverse()) {
        await service.quiesce().catch(() => undefined);
        await service.stop(by).catch(() => undefined);
      }
    },
    kill() {
      for (const service of begun.splice(0)) service.kill?.();
    },
  };
}
