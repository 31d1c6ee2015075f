import { isTerminal, type Run, type RunSummary } from '@bullpen/core';

import { pause } from '../pause.ts';
import { broken, held, type Finding } from './findings.ts';
import type { TestBed } from './test-bed.ts';

const EACH_MS = 300;
const MEMORY_MB = 32;
const WITHIN_MS = 180_000;
const LOOK_EVERY_MS = 250;
const READ_AT_ONCE = 20;
const MOST_IN_A_PAGE = 200;

/** `count` runs of one organization, posted at once: all succeed, each once and with its own result. */
export const checkLoad = (count: number, progress: (fraction: number) => void) => async (bed: TestBed): Promise<Finding> => {
  const { client } = bed.load;
  const { signal, nowMs } = bed.deps;
  const beganMs = nowMs();
  const batch = await client.runs.createBatch(
    Array.from({ length: count }, (_, i) => ({ agent: 'echo', memoryMb: MEMORY_MB, input: { say: i, afterMs: EACH_MS } })), { signal },
  );
  const ids = batch.runs.map(({ run }) => run.id);
  const ended = await untilEnded(bed, ids, beganMs + WITHIN_MS, progress);
  const tookMs = nowMs() - beganMs;
  if (ended.size < count) return broken(`only ${ended.size} of ${count} runs have ended within ${WITHIN_MS / 1000} s`, { runIds: ids.filter((id) => !ended.has(id)).slice(0, 3), figures: { runs: count, ended: ended.size } });
  const runs = await readAll(ids, (id) => client.runs.get<{ said: number }>(id, { signal }));
  const wrong = runs.filter((run, i) => run.state !== 'succeeded' || (run.result as { said: number } | null)?.said !== i);
  const most = mostAtOnce(runs);
  const evidence = { runIds: [ids[0]!, ids.at(-1)!], figures: { runs: count, tookMs, mostAtOnce: most, runsPerS: Math.round(count / (tookMs / 1000)) } };
  if (wrong.length > 0) {
    const [first] = wrong;
    return broken(`${wrong.length} of ${count} runs did not give their own result; the first: ${first!.state} ${first!.error?.code ?? ''}`, { ...evidence, runIds: wrong.slice(0, 3).map(({ id }) => id) });
  }
  return held(`${count} posted at once, ${count} succeeded with their own result in ${(tookMs / 1000).toFixed(1)} s; ${most} ran at the same time`, evidence);
};

async function untilEnded(bed: TestBed, ids: readonly string[], untilMs: number, progress: (fraction: number) => void): Promise<Set<string>> {
  const { signal, nowMs } = bed.deps;
  const asked = new Set(ids);
  for (;;) {
    const ended = new Set((await allRuns(bed)).filter(({ id, state }) => asked.has(id) && isTerminal(state)).map(({ id }) => id));
    progress(ended.size / ids.length);
    if (ended.size === ids.length || nowMs() > untilMs) return ended;
    await pause(LOOK_EVERY_MS, signal);
  }
}

async function allRuns(bed: TestBed): Promise<RunSummary[]> {
  const runs: RunSummary[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await bed.load.client.runs.list({ limit: MOST_IN_A_PAGE, cursor, signal: bed.deps.signal });
    runs.push(...page.items);
    if (page.nextCursor === null) return runs;
    cursor = page.nextCursor;
  }
}

/** In groups: the check is of the workers, not of how many requests at once an API takes. */
async function readAll<Item>(ids: readonly string[], read: (id: string) => Promise<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for (let i = 0; i < ids.length; i += READ_AT_ONCE) items.push(...await Promise.all(ids.slice(i, i + READ_AT_ONCE).map(read)));
  return items;
}

/** How many of the runs were running at the busiest moment, by their own times. */
export function mostAtOnce(runs: readonly Pick<Run, 'startedAt' | 'finishedAt'>[]): number {
  const moments = runs.flatMap(({ startedAt, finishedAt }) => (startedAt === null || finishedAt === null ? [] : [[Date.parse(startedAt), 1], [Date.parse(finishedAt), -1]] as const));
  // At the same millisecond an end comes before a start.
  moments.sort(([a, up], [b, down]) => a - b || up - down);
  let now = 0;
  let most = 0;
  for (const [, change] of moments) most = Math.max(most, now += change);
  return most;
}
