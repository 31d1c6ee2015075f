import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createOrganization } from '@bullpen/db';

import { eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

describe('the status document', () => {
  let system: RunningSystem;
  beforeAll(async () => { system = await startSystem({ queue: 'redis', workers: 0 }); });
  afterAll(async () => { await system.stop(); });

  it('takes no more statements for two hundred organizations than for two', async () => {
    const { db } = system.apis[0]!;
    const make = (n: number) => createOrganization(db, { id: `org-${n}`, name: 'org', poolMb: 64, maxMemoryMb: 64, minimumTier: 'basic' });
    await Promise.all([make(1), make(2)]);
    // Every statement asks for one of these.
    let uses = 0;
    const { sql, orm } = db;
    Object.defineProperties(db, {
      sql: { configurable: true, get: () => { uses += 1; return sql; } },
      orm: { configurable: true, get: () => { uses += 1; return orm; } },
    });
    const documents = new Set<string>();
    const seen = (organizations: number) => eventually(`the status has ${organizations} organizations`, async () => {
      const status = await system.admin.admin.status();
      documents.add(status.at);
      return status.organizations.length === organizations || undefined;
    });
    await seen(2);
    // The first ones also read what is kept for some seconds.
    const mostUses = uses;
    await Promise.all(Array.from({ length: 198 }, (_, n) => make(n + 3)));
    documents.clear();
    uses = 0;
    await seen(200);
    expect(uses).toBeGreaterThan(0);
    // One more may have been begun before.
    expect(uses).toBeLessThanOrEqual(mostUses * (documents.size + 1));
    expect(mostUses).toBeLessThan(40);
  });
});
