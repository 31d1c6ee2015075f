import { canaryHealth, newId, type Clock, type Logger, type Service } from '@bullpen/core';
import {
  adminListCanaries, adminNoteCanaryLook, adminRollBackCanary, insertAuditEntries, sampleVersions, type Database, type WatchedDeployment,
} from '@bullpen/db';

import { periodic } from './periodic.ts';

const MOST_CANARIES = 500;

/**
 * Rolls back canaries that are worse than the stable version beside them. Any number of workers may watch at once: a
 * decision names the revision of the deployment that it was made about, so of two the first is carried out, and none
 * that somebody's change has overtaken.
 */
export function createCanaryWatch(deps: { db: Database; clock: Clock; log: Logger; everyMs: number }): Service {
  const { db, log, everyMs } = deps;
  return periodic('canary-watch', everyMs, log, async () => {
    for (const deployment of await adminListCanaries(db, MOST_CANARIES)) await watchOne(deps, deployment);
  });
}

async function watchOne({ db, clock, log }: { db: Database; clock: Clock; log: Logger }, deployment: WatchedDeployment): Promise<void> {
  const { orgId, agent, name, canary, canaryLooks, ...rest } = deployment;
  if (canary?.policy == null) return;
  const samples = await sampleVersions(db, deployment);
  const { looks, ...health } = canaryHealth(samples.stable, samples.canary, canary.policy, canaryLooks);
  if (looks === canaryLooks) return;
  const facts = { orgId, agent, deployment: name, version: canary.version, verdict: health.verdict, reason: health.reason };
  if (health.verdict !== 'worse') {
    await adminNoteCanaryLook(db, deployment, looks);
    log.info(facts, 'canary.looked');
    return;
  }
  if (!(await adminRollBackCanary(db, deployment, health))) return;
  log.warn(facts, 'canary.rolled_back');
  const before = { version: rest.version, canary };
  await insertAuditEntries(db, [{
    id: newId('audit'), orgId, at: new Date(clock.nowMs()).toISOString(), action: 'rollBackCanary', target: `agent/${agent}/deployments/${name}`,
    keyId: 'bullpen', role: 'admin', requestId: 'canary-watch', before, after: { version: rest.version, canary: null, health },
  }], { waitsForDisk: true });
}
