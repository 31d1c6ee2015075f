/** What is known of one shard before a turn. */
export interface ShardLine {
  /** Virtual times of the first that are offered, lowest first. */
  readonly times: readonly number[];
  readonly readyCount: number;
  /** Waited for a time that has come; they start no earlier than the line. */
  readonly dueCount: number;
}

/**
 * How many runs to take of each shard: one for each of the lowest virtual times among all of them, and where organizations
 * are fewer than the runs wanted, the rest in proportion to how many there are in each shard, as if their runs cost the
 * same. Where they do not, one turn gives some too much, and charges them for it: the next ones go to the others. Pure.
 *
 * @returns one count per shard; at most `max` in all
 */
export function shareOut(lines: readonly ShardLine[], max: number): number[] {
  const counts = lines.map(() => 0);
  const first = lines.flatMap(({ times, dueCount }, shard) => {
    const due = Array.from({ length: Math.min(dueCount, max) }, () => ({ time: -Infinity, shard }));
    return [...due, ...times.slice(0, max).map((time) => ({ time, shard }))];
  });
  const taken = first.sort((a, b) => a.time - b.time).slice(0, max);
  for (const { shard } of taken) counts[shard]! += 1;
  shareRest(lines, counts, max - taken.length);
  return counts;
}

function shareRest(lines: readonly ShardLine[], counts: number[], rest: number): void {
  const sizes = lines.map(({ readyCount, dueCount }) => readyCount + dueCount);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  if (all === 0 || rest <= 0) return;
  let given = 0;
  let seen = 0;
  sizes.forEach((size, shard) => {
    seen += size;
    const upTo = Math.floor((rest * seen) / all);
    counts[shard]! += upTo - given;
    given = upTo;
  });
}
