import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createOrganization } from '@bullpen/db';

import { eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

describe('the status document', () => {
  let system: RunningSystem;
  beforeAll(async () => { system = await startSystem({ queue: 'redis', workers: 0 }); });
  afterAll(async () => { await system.stop(); });

  it('takes no more statements for sixty organizations than for two', async () => {
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
    /** Of a document that was made for so many: one is shared for a tenth of a second. */
    const usesFor = (organizations: number): Promise<number> => eventually(`the status has ${organizations} organizations`, async () => {
      uses = 0;
      const status = await system.admin.admin.status();
      return status.organizations.length === organizations ? uses : undefined;
    });
    // The first one also reads what is kept for some seconds.
    const first = await usesFor(2);
    await Promise.all(Array.from({ length: 58 }, (_, n) => make(n + 3)));
    const later = await usesFor(60);
    expect(later).toBeGreaterThan(0);
    expect(later).toBeLessThanOrEqual(first);
  });
});
