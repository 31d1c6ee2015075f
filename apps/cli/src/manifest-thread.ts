import { parentPort, workerData } from 'node:worker_threads';

import type { ManifestAnswer } from './manifest-reader.ts';

/**
 * Runs in a thread of its own: a bundle's top-level code is a stranger's. Says what its default export declares.
 * Imports nothing that would have to be loaded first.
 */

async function describeBundle(url: string): Promise<ManifestAnswer> {
  const module = (await import(url)) as { default?: unknown };
  const agent = module.default as { name?: unknown; manifest?: unknown; run?: unknown } | undefined | null;
  if (typeof agent === 'function') return { ok: true, name: null, manifestJson: '{}' };
  if (typeof agent !== 'object' || agent === null || typeof agent.run !== 'function') {
    return { ok: false, why: 'its default export is not an agent; write `export default defineAgent({ name, run })`' };
  }
  return { ok: true, name: typeof agent.name === 'string' ? agent.name : null, manifestJson: JSON.stringify(agent.manifest ?? {}) };
}

const describe = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

const { url } = workerData as { url: string };
const answer = await describeBundle(url).catch((error: unknown): ManifestAnswer => ({ ok: false, why: `it threw while it was loaded: ${describe(error)}` }));
parentPort?.postMessage(answer);
