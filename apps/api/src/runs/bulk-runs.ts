import {
  BullpenError, errorCodeOf, isTerminal, newId, RUN_STATES, TERMINAL_RUN_STATES, type BulkReplay, type BulkRequest, type BulkResult, type NewRun,
  type Run, type RunState,
} from '@bullpen/core';
import { getRun, listFilteredRunIds, readRunsToReplay, replayKeyOf, type Database } from '@bullpen/db';

import type { RunService } from './run-service.ts';

const PAGE = 200;
const SHOWN_IDS = 100;
/** All replays of a run under its key are the same request. */
const REPLAY_HASH = 'replay';
const OPEN_RUN_STATES = RUN_STATES.filter((state) => !isTerminal(state));

/** Cancels or replays many runs of one organization: the newest first, page after page, each by itself. */
export class BulkRuns {
  readonly #db: Database;
  readonly #runs: RunService;

  constructor(deps: { db: Database; runs: RunService }) {
    this.#db = deps.db;
    this.#runs = deps.runs;
  }

  async cancel(orgId: string, request: BulkRequest): Promise<BulkResult> {
    return this.#each(orgId, request, { among: OPEN_RUN_STATES }, async (runIds) => {
      const cancelled = await Promise.all(runIds.map((runId) => this.#cancelOne(orgId, runId)));
      return runIds.filter((_, index) => cancelled[index]);
    });
  }

  /**
   * Ended runs once more: new runs of the same versions with the same inputs and limits. Each is replayed once, by whatever
   * call and however many at the same time, unless `again` is asked for: so that a call may be repeated, and a wide filter
   * does not double what it made.
   */
  async replay(orgId: string, request: BulkReplay, traceparent: string | null): Promise<BulkResult> {
    const { again } = request;
    return this.#each(orgId, request, { among: TERMINAL_RUN_STATES, notReplayed: !again }, async (runIds) => {
      const originals = await readRunsToReplay(this.#db, orgId, runIds);
      const runs = await Promise.all(originals.map((original) => this.#runs.insertPlanned({ ...(again ? replayOf(original) : onlyReplayOf(original)), traceparent })));
      return runs.filter(({ created }) => created).map(({ run }) => run.id);
    });
  }

  /** Whether or not it was replayed before. @throws BullpenError NOT_FOUND; INVALID_REQUEST where the run has not ended */
  async replayOne(orgId: string, runId: string, traceparent: string | null): Promise<Run> {
    const { state } = await getRun(this.#db, orgId, runId);
    if (!isTerminal(state)) throw new BullpenError('INVALID_REQUEST', `run ${runId} is ${state}: only a run that has ended can be replayed`);
    const [original] = await readRunsToReplay(this.#db, orgId, [runId]);
    if (original === undefined) throw new BullpenError('NOT_FOUND', `no run ${runId}`, { runId });
    const first = await this.#runs.insertPlanned({ ...onlyReplayOf(original), traceparent });
    return first.created ? first.run : (await this.#runs.insertPlanned({ ...replayOf(original), traceparent })).run;
  }

  async #each(orgId: string, { filter, dryRun, limit }: BulkRequest, which: { among: readonly RunState[]; notReplayed?: boolean }, act: (runIds: string[]) => Promise<string[]>): Promise<BulkResult> {
    const result: BulkResult = { matched: 0, done: 0, skipped: 0, truncated: false, runIds: [] };
    const { among, ...other } = which;
    // Runs made by this very call (replays) are newer than its first page: reading backwards never meets them.
    let beforeId: string | undefined;
    for (;;) {
      const most = Math.min(PAGE, limit - result.matched);
      // One more than are wanted says whether there are more.
      const found = await listFilteredRunIds(this.#db, orgId, filter, among, { ...other, limit: most + 1, ...(beforeId === undefined ? {} : { beforeId }) });
      const runIds = found.slice(0, most);
      result.matched += runIds.length;
      const done = dryRun ? [] : await act(runIds);
      result.done += done.length;
      result.skipped += dryRun ? 0 : runIds.length - done.length;
      result.runIds.push(...(dryRun ? runIds : done).slice(0, SHOWN_IDS - result.runIds.length));
      beforeId = runIds.at(-1);
      if (found.length <= most) return result;
      if (result.matched >= limit) return { ...result, truncated: true };
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

/** The replay that there is one of: a second one is not made. */
function onlyReplayOf(original: Parameters<typeof replayOf>[0]): NewRun {
  return { ...replayOf(original), idempotencyKey: replayKeyOf(original.id), requestHash: REPLAY_HASH };
}
