import { TEMPLATE_DATABASE, createDatabaseOn } from './databases.ts';
import { startServers } from './servers.ts';

/**
 * Runs `act` on a Postgres (synced, as in production) and a Redis started for it, with a migrated database of its own.
 * Rejects when one of them ends meanwhile: a benchmark would wait for it for ever.
 */
export async function withBenchServices<T>(act: (services: { postgresUrl: string; redisUrl: string }) => Promise<T>): Promise<T> {
  let died: (what: string) => void = () => undefined;
  const death = new Promise<never>((_, reject) => (died = (what) => reject(new Error(what))));
  const servers = await startServers({ durable: true, onDeath: (what) => died(what) });
  try {
    const database = await createDatabaseOn(servers.postgresAdminUrl, TEMPLATE_DATABASE);
    return await Promise.race([act({ postgresUrl: database.url, redisUrl: servers.redisUrl }), death]);
  } finally {
    await servers.stop();
  }
}
