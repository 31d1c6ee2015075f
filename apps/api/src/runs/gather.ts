export interface GatherOptions {
  /** Items of one call, at most. */
  most: number;
  /** Calls under way at once: beyond one, a slow call does not hold up what comes after it. */
  parallel: number;
}

/**
 * Makes few calls of many: what is asked while calls are under way goes out together when one returns; alone it goes out
 * at once. Nobody waits for a timer. A call that fails fails for all in it.
 * @param act - answers for each item, in order
 */
export function gather<Item, Result>(act: (items: readonly Item[]) => Promise<readonly Result[]>, { most, parallel }: GatherOptions): (item: Item) => Promise<Result> {
  interface Asked {
    readonly item: Item;
    resolve(result: Result): void;
    reject(error: unknown): void;
  }
  const waiting: Asked[] = [];
  let underWay = 0;

  const actOnAll = async () => {
    while (waiting.length > 0) {
      const together = waiting.splice(0, most);
      try {
        const results = await act(together.map(({ item }) => item));
        together.forEach(({ resolve }, index) => resolve(results[index] as Result));
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
    underWay -= 1;
  };

  return (item) => new Promise((resolve, reject) => {
    waiting.push({ item, resolve, reject });
    if (underWay >= parallel) return;
    underWay += 1;
    // What else is asked in this tick goes along.
    queueMicrotask(() => void actOnAll());
  });
}
