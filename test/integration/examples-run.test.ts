import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { runExamples } from '@bullpen/examples';

import { ADMIN_KEY, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

// Ample for a slow machine: a test here starts processes, bundles and whole systems.
jest.setTimeout(120_000);

describe('the examples', () => {
  let system: RunningSystem | undefined;
  afterEach(async () => { await system?.stop(); });

  it.each<QueueBackend>(['redis', 'postgres'])('all end as they say, twice in a row, in two organizations at once, on %s', async (queue) => {
    system = await startSystem({ queue, workers: 1 });
    const options = { apiUrl: system.apis[0]!.url(), adminKey: ADMIN_KEY };
    const heard: string[] = [];
    const first = await runExamples({ ...options, onProgress: (line) => { heard.push(line); } });
    expect({ ...first, lines: first.lines.filter((line) => /unexpected/i.test(line)) }).toMatchObject({ runs: 18, succeeded: 10, expectedFailures: 8, unexpected: 0, lines: [] });
    expect(heard).toEqual(first.lines);
    expect(first.firstRunMs).toBeGreaterThan(0);
    expect(Object.keys(first.orgKeys).sort()).toEqual(['acme', 'globex']);
    expect(await runExamples(options)).toMatchObject({ runs: 18, unexpected: 0 });
  });
});
