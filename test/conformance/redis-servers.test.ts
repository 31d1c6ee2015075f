import { afterAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import { testServices } from '../services/index.ts';
import { publishReport } from '../services/report.ts';
import { ONE_SERVER_REDIS, openQueueBench } from './queue-backends.ts';

const OLDEST_REDIS = '6.2';

const { valkey } = testServices();
const said = new Map<string, string>('missing' in valkey ? [['Valkey', `NOT TRIED: ${valkey.missing}`]] : []);
afterAll(() => publishReport('redis-servers', ['The queue on', ...[...said].map(([name, what]) => `  ${name} ${what}`), ''].join('\n')));

/** What a server says of itself. */
async function introduction(url: string): Promise<{ name: string; version: string; speaks: string }> {
  const client = new Redis(url);
  try {
    const info = await client.info('server');
    const field = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
    return { name: field('server_name') ?? 'redis', version: field('valkey_version') ?? field('redis_version')!, speaks: field('redis_version')! };
  } finally {
    client.disconnect();
  }
}

describe.each(ONE_SERVER_REDIS)('the %s of the tests', (backend) => {
  it('is what its name says, and none older than Redis 6.2', async () => {
    const bench = await openQueueBench(backend);
    try {
      const { name, version, speaks } = await introduction(bench.url);
      said.set(name === 'valkey' ? 'Valkey' : 'Redis', version);
      expect(speaks.localeCompare(OLDEST_REDIS, 'en', { numeric: true })).toBeGreaterThanOrEqual(0);
      if (backend === 'valkey') expect(name).toBe('valkey');
    } finally {
      await bench.drop();
    }
  });
});
