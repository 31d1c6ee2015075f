import type { RunQueue } from '@bullpen/queue';

/** A job by the lists of its queue that hold it; one that is whole is in one of them. */
export interface ListedJob {
  readonly orgId: string;
  readonly runId: string;
  readonly lists: readonly string[];
}

const LISTS = ['waiting', 'prioritized', 'delayed', 'active'] as const;

/**
 * Every job of an organization, in batches. The lists are read one after the other, so a job that moves from one to the
 * next meanwhile is seen twice; those are looked up again, and only what is in two lists still is told as such.
 */
export async function* listJobs(queue: RunQueue, orgId: string, batch: number): AsyncGenerator<ListedJob[]> {
  const lists = new Map<string, string[]>();
  for (const list of LISTS) {
    for (const runId of await idsIn(queue, orgId, list, batch)) lists.set(runId, [...(lists.get(runId) ?? []), list]);
  }
  const jobs = await Promise.all([...lists].map(async ([runId, held]) => ({ orgId, runId, lists: held.length > 1 ? await confirmed(queue, orgId, runId, held) : held })));
  for (let from = 0; from < jobs.length; from += batch) yield jobs.slice(from, from + batch);
}

async function idsIn(queue: RunQueue, orgId: string, list: (typeof LISTS)[number], batch: number): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; ; from += batch) {
    const jobs = await queue.bullQueue(orgId).getJobs([list], from, from + batch - 1, true);
    // A job that ended between the list and its hash comes as nothing.
    ids.push(...jobs.flatMap((job) => (job?.id === undefined ? [] : [job.id])));
    if (jobs.length < batch) return ids;
  }
}

async function confirmed(queue: RunQueue, orgId: string, runId: string, held: readonly string[]): Promise<string[]> {
  const still = await Promise.all(LISTS.map(async (list) => ((await idsIn(queue, orgId, list, 1000)).includes(runId) ? [list as string] : [])));
  const now = still.flat();
  return now.length > 0 ? now : [held.at(-1) ?? 'waiting'];
}
