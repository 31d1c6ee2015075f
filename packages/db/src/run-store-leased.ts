import type { RunState } from '@bullpen/core';

import type { WriteContext } from './coalescing-writer.ts';
import type { Database } from './database.ts';
import { findAppliedWrites } from './queries/find-applied-writes.ts';
import { keyOfRun } from './queries/run-columns.ts';
import type { LeasedWrite } from './run-writes.ts';

/**
 * The grouped form of a write under a lease: true for each run that it moved. On a repeated statement a run that did
 * not move may have been moved by the first try, whose answer was lost: then that answer was true.
 */
export function leasedWriter<Write extends LeasedWrite>(
  db: Database, move: (db: Database, writes: readonly Write[]) => Promise<Set<string>>, stateOf: (write: Write) => RunState,
): (writes: readonly Write[], context: WriteContext) => Promise<boolean[]> {
  return async (writes, { repeated }) => {
    const moved = await move(db, writes);
    const unmoved = writes.filter((write) => !moved.has(keyOfRun(write.orgId, write.runId)));
    const earlier = repeated && unmoved.length > 0
      ? await findAppliedWrites(db, unmoved.map((write) => ({ orgId: write.orgId, runId: write.runId, lease: write.lease, state: stateOf(write) })))
      : new Set<string>();
    return writes.map(({ orgId, runId }) => moved.has(keyOfRun(orgId, runId)) || earlier.has(keyOfRun(orgId, runId)));
  };
}
