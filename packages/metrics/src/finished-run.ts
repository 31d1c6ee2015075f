import { isTerminal, type FinishedRun, type RunSummary } from '@bullpen/core';

/** A run as its row tells it, for runs that ended without an attempt: cancelled or expired while they waited. */
export function finishedRunOf(run: RunSummary): FinishedRun | null {
  if (!isTerminal(run.state) || run.finishedAt === null) return null;
  const finishedAtMs = Date.parse(run.finishedAt);
  const readyAtMs = Math.max(Date.parse(run.queuedAt), run.notBefore === null ? 0 : Date.parse(run.notBefore));
  return {
    orgId: run.orgId,
    runId: run.id,
    agent: run.agent,
    version: run.version,
    tier: run.tier,
    state: run.state,
    errorCode: run.error?.code ?? null,
    finishedAtMs,
    queueWaitMs: Math.max(0, finishedAtMs - readyAtMs),
    usage: run.usage,
  };
}
