import { describe, expect, it } from '@jest/globals';

import { createLogger } from './log.ts';

describe('a log line', () => {
  it('has what its run is, its event and its time, and nothing that is secret', () => {
    const lines: string[] = [];
    const log = createLogger('worker', 'info', { write: (line) => { lines.push(line); } }).child({ orgId: 'acme', runId: 'run_1', attempt: 2 });
    log.info({ agent: 'echo', secret: 's1', request: { authorization: 's2', input: 's3' }, inputJson: 's4', options: { apiKey: 's5' } }, 'run.claimed');
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ service: 'worker', orgId: 'acme', runId: 'run_1', attempt: 2, agent: 'echo', msg: 'run.claimed' });
    expect(Date.parse(String(line['time']))).toBeGreaterThan(0);
    expect(lines[0]).not.toMatch(/s[1-5]"/);
  });
});
