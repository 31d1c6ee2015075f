import {
  BullpenError, errorCodeOf, isTerminal, MOST_BULK_RUNS, newId, RUN_STATES, TERMINAL_RUN_STATES, type BulkResult, type NewRun, type Run,
  type RunFilter, type RunState,
} from '@bullpen/core';
import { getRun, listFilteredRunIds, readRunsToReplay, type Database } from '@bullpen/db';

import type { RunService } from './run-service.ts';

const PAGE = 200;
const SHOWN_IDS = 100;
const OPEN_RUN_STATES = RUN_STATES.filter((state) => !isTerminal(state));

/** Cancels or replays many runs of one organization: the newest first, page after page, each by itself. */
export class BulkRuns {
  readonly #db: Database;
  readonly #runs: RunService;

  constructor(deps: { db: Database; runs: RunService }) {
    this.#db = deps.db;
    this.#runs = deps.runs;
  }

  async cancel(orgId: string, filter: RunFilter, dryRun: boolean): Promise<BulkResult> {
    return this.#each(orgId, filter, OPEN_RUN_STATES, dryRun, async (runIds) => {
      const cancelled = await Promise.all(runIds.map((runId) => this.#cancelOne(orgId, runId)));
      return runIds.filter((_, index) => cancelled[index]);
    });
  }

  /** Ended runs once more: new runs of the same versions with the same inputs and limits. */
  async replay(orgId: string, filter: RunFilter, { dryRun, traceparent }: { dryRun: boolean; traceparent: string | null }): Promise<BulkResult> {
    return this.#each(orgId, filter, TERMINAL_RUN_STATES, dryRun, async (runIds) => {
      const originals = await readRunsToReplay(this.#db, orgId, runIds);
      const runs = await Promise.all(originals.map((original) => this.#runs.insertPlanned({ ...replayOf(original), traceparent })));
      return runs.map(({ run }) => run.id);
    });
  }

  /** @throws BullpenError NOT_FOUND; INVALID_REQUEST where the run has not ended */
  async replayOne(orgId: string, runId: string, traceparent: string | null): Promise<Run> {
    const { state } = await getRun(this.#db, orgId, runId);
    if (!isTerminal(state)) throw new BullpenError('INVALID_REQUEST', `run ${runId} is ${state}: only a run that has ended can be replayed`);
    const [original] = await readRunsToReplay(this.#db, orgId, [runId]);
    if (original === undefined) throw new BullpenError('NOT_FOUND', `no run ${runId}`, { runId });
    return (await this.#runs.insertPlanned({ ...replayOf(original), traceparent })).run;
  }

  async #each(
    orgId: string, filter: RunFilter, among: readonly RunState[], dryRun: boolean, act: (runIds: string[]) => Promise<string[]>,
  ): Promise<BulkResult> {
    const result: BulkResult = { matched: 0, done: 0, skipped: 0, truncated: false, runIds: [] };
    // Runs made by this very call (replays) are newer than its first page: reading backwards never meets them.
    let beforeId: string | undefined;
    for (;;) {
      const runIds = await listFilteredRunIds(this.#db, orgId, filter, among, { limit: PAGE, ...(beforeId === undefined ? {} : { beforeId }) });
      result.matched += runIds.length;
      const done = dryRun ? [] : await act(runIds);
      result.done += done.length;
      result.skipped += dryRun ? 0 : runIds.length - done.length;
      result.runIds.push(...(dryRun ? runIds : done).slice(0, SHOWN_IDS - result.runIds.length));
      beforeId = runIds.at(-1);
      if (runIds.length < PAGE) return result;
      if (result.matched >= MOST_BULK_RUNS) return { ...result, truncated: true };
    }
  }

  async #cancelOne(orgId: string, runId: string): Promise<boolean> {
    try {
      await this.#runs.cancel(orgId, runId);
      return true;
    } catch (error) {
      if (errorCodeOf(error) === 'RUN_ALREADY_FINISHED') return false;
      throw error;
    }
  }
}

function replayOf(original: Omit<NewRun, 'ttlMs' | 'delayMs' | 'idempotencyKey' | 'requestHash'>): NewRun {
  const metadata = { ...original.metadata, replayOf: original.id };
  return { ...original, id: newId('run'), metadata, ttlMs: null, delayMs: 0, idempotencyKey: null, requestHash: null };
}
