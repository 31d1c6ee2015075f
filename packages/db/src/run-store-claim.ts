import { isTerminal } from '@bullpen/core';

import type { Database } from './database.ts';
import { claimRuns, type ClaimRow } from './queries/claim-runs.ts';
import { readRunStates } from './queries/read-run-states.ts';
import { keyOfRun } from './queries/run-columns.ts';
import type { ClaimResult, ClaimWrite } from './run-writes.ts';
import type { VersionFact, VersionFacts } from './version-facts.ts';

interface ClaimDeps {
  db: Database;
  versions: VersionFacts;
}

/** One statement where every run could be moved; a second one reads the states of those that could not. */
export async function writeClaims({ db, versions }: ClaimDeps, claims: readonly ClaimWrite[], nowMs: number): Promise<ClaimResult[]> {
  const results = new Map<string, ClaimResult>();
  const rows = await claimRuns(db, claims, nowMs);
  const facts = await versions.of(rows.map(({ versionId }) => versionId));
  for (const row of rows) results.set(keyOfRun(row.orgId, row.id), resultOf(row, facts.get(row.versionId)));
  const unmoved = claims.filter((claim) => !results.has(keyOfRun(claim.orgId, claim.runId)));
  if (unmoved.length > 0) await explain({ db, versions }, unmoved, nowMs, results);
  return claims.map((claim) => results.get(keyOfRun(claim.orgId, claim.runId)) ?? { kind: 'missing' });
}

async function explain({ db, versions }: ClaimDeps, unmoved: readonly ClaimWrite[], nowMs: number, results: Map<string, ClaimResult>): Promise<void> {
  const states = await readRunStates(db, unmoved);
  const appeared: ClaimWrite[] = [];
  for (const claim of unmoved) {
    const key = keyOfRun(claim.orgId, claim.runId);
    const state = states.get(key);
    if (state === undefined) results.set(key, { kind: 'missing' });
    else if (isTerminal(state)) results.set(key, { kind: 'terminal', state });
    else appeared.push(claim);
  }
  // Committed between our two statements: claim it now, or the job would be dropped for a run that is there.
  if (appeared.length === 0) return;
  const again = await writeClaims({ db, versions }, appeared, nowMs);
  appeared.forEach((claim, index) => results.set(keyOfRun(claim.orgId, claim.runId), again[index] ?? { kind: 'missing' }));
}

/** @param fact - undefined: the organization was deleted just now, and its runs with it */
function resultOf(row: ClaimRow, fact: VersionFact | undefined): ClaimResult {
  const { lease, versionId: _, backoff, inputJson, traceparent, ...run } = row;
  if (run.state === 'cancelled' || run.state === 'expired') return { kind: run.state, run };
  if (run.state !== 'running' || run.claimedAt === null) return { kind: 'exhausted', run };
  if (fact === undefined) return { kind: 'missing' };
  return {
    kind: 'claimed',
    run: {
      orgId: run.orgId,
      runId: run.id,
      agent: run.agent,
      version: run.version,
      sha256: fact.sha256,
      attempt: run.attempt,
      maxAttempts: run.maxAttempts,
      lease,
      tier: run.tier,
      timeoutMs: run.timeoutMs,
      memoryMb: run.memoryMb,
      limits: run.limits,
      backoff,
      inputJson: inputJson ?? 'null',
      metadata: run.metadata,
      secrets: fact.secrets,
      ...(fact.egress && { egress: fact.egress }),
      queuedAtMs: Date.parse(run.queuedAt),
      notBeforeMs: run.notBefore === null ? null : Date.parse(run.notBefore),
      claimedAtMs: Date.parse(run.claimedAt),
      traceparent,
    },
  };
}
