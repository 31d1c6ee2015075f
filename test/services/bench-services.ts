import { TEMPLATE_DATABASE, createDatabaseOn } from './databases.ts';
import { startServers } from './servers.ts';

/** Runs `act` on a Postgres (synced, as in production) and a Redis started for it, with a migrated database of its own. */
export async function withBenchServices<T>(act: (services: { postgresUrl: string; redisUrl: string }) => Promise<T>): Promise<T> {
  const servers = await startServers({ durable: true });
  try {
    const database = await createDatabaseOn(servers.postgresAdminUrl, TEMPLATE_DATABASE);
    return await act({ postgresUrl: database.url, redisUrl: servers.redisUrl });
  } finally {
    await servers.stop();
  }
}
