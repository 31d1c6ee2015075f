import type { RunningServers } from './servers.ts';

const HANDLE = Symbol.for('bullpen.test.servers');

export default async function tearDown(): Promise<void> {
  const servers = (globalThis as Record<symbol, unknown>)[HANDLE] as Pick<RunningServers, 'stop'> | undefined;
  await servers?.stop();
}
