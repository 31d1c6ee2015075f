import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

import { BullpenError, type AgentManifestInput } from '@bullpen/core';

import { MANIFEST_THREAD } from './installation.ts';

export type ManifestAnswer =
  | { ok: true; name: string | null; manifestJson: string }
  | { ok: false; why: string };

export interface DeclaredAgent {
  /** Null where the default export is a plain function. */
  name: string | null;
  manifest: AgentManifestInput;
}

/** Ample for a slow machine; what takes longer would make every cold start of the agent slow. */
const LOAD_TIMEOUT_MS = 10_000;

/**
 * Loads a bundle as a container would (an empty environment, a thread of its own) and reads what it declares.
 * @throws BullpenError BUNDLE_INVALID where it throws, hangs for `timeoutMs`, ends its thread, or exports no agent.
 */
export async function readManifest(bundle: string, label: string, timeoutMs = LOAD_TIMEOUT_MS): Promise<DeclaredAgent> {
  const dir = await mkdtemp(join(tmpdir(), 'bullpen-bundle-'));
  try {
    const path = join(dir, 'bundle.mjs');
    await writeFile(path, bundle);
    const answer = await askThread(pathToFileURL(path).href, timeoutMs);
    if (!answer.ok) throw new BullpenError('BUNDLE_INVALID', `${label} cannot be deployed: ${answer.why}`, { file: label });
    return { name: answer.name, manifest: JSON.parse(answer.manifestJson) as AgentManifestInput };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function askThread(url: string, timeoutMs: number): Promise<ManifestAnswer> {
  const thread = new Worker(MANIFEST_THREAD, {
    workerData: { url }, env: {}, stdin: true, stdout: true, stderr: true,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ManifestAnswer>((resolve) => {
      timer = setTimeout(() => resolve({ ok: false, why: `its top-level code did not end within ${timeoutMs} ms` }), timeoutMs);
      thread.once('message', (answer: ManifestAnswer) => resolve(answer));
      thread.once('error', (error) => resolve({ ok: false, why: `it threw while it was loaded: ${error.message}` }));
      thread.once('exit', () => resolve({ ok: false, why: 'it ended its thread while it was loaded' }));
    });
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}
