import { BullpenError, errorCodeOf, messageOf } from '@bullpen/core';

import { broken, held, type Finding } from './findings.ts';
import type { TestBed } from './test-bed.ts';

/** The API answers, the key is the platform admin's, and there is somebody to run agents. */
export async function checkSystem(bed: TestBed): Promise<Finding> {
  const { admin, signal } = bed.deps;
  const { role, name } = await admin.whoami({ signal });
  if (role !== 'admin') return broken(`the key ${name} has the role ${role}: verify needs the platform admin's, give it with --key`);
  const { workers, queueBackend } = await admin.admin.status({ signal });
  const running = workers.filter(({ state }) => state === 'running');
  const slots = running.reduce((sum, worker) => sum + worker.slots, 0);
  if (running.length === 0) return broken('no worker is connected: start one, and look at its log (worker.started)');
  return held(`${running.length} worker${running.length === 1 ? '' : 's'} with ${slots} slots, queue on ${queueBackend}`, { figures: { workers: running.length, slots, queue: queueBackend } });
}

export async function checkCreation(bed: TestBed): Promise<Finding> {
  const leftovers = await bed.removeLeftovers();
  await bed.setUp();
  const removed = leftovers === 0 ? '' : `; ${leftovers} left by an earlier check were removed`;
  return held(`${bed.red.id}, ${bed.blue.id} and ${bed.load.id} with keys and agents of their own${removed}`, { figures: { organizations: 3 } });
}

/** What a key of one organization must not get of another one, by every door that there is. */
export async function checkSeparation(bed: TestBed): Promise<Finding> {
  const { signal } = bed.deps;
  const { red, blue } = bed;
  const run = await bed.run(blue.client, { agent: 'echo', input: { say: bed.token, afterMs: 0 } });
  if (run.state !== 'succeeded') return broken(`the run to look for ended as ${run.state}: ${run.error?.message ?? ''}`, { runIds: [run.id] });
  const own = await red.client.runs.list({ signal });
  const call = { signal };
  const tries: [string, string, () => Promise<unknown>][] = [
    ['the run', 'NOT_FOUND', () => red.client.runs.get(run.id, call)],
    ['its result', 'NOT_FOUND', () => red.client.runs.result(run.id, call)],
    ['its log', 'NOT_FOUND', () => red.client.runs.logs(run.id, call)],
    ['its replay', 'NOT_FOUND', () => red.client.runs.replay(run.id, call)],
    ['the organization', 'FORBIDDEN', () => red.client.organizations.get(blue.id, call)],
    ['all organizations', 'FORBIDDEN', () => red.client.organizations.list(call)],
    ['the operator\'s status', 'FORBIDDEN', () => red.client.admin.status(call)],
  ];
  const open: string[] = [];
  for (const [what, code, act] of tries) {
    const answer = await codeOf(act);
    if (answer !== code) open.push(`${what} was answered with ${answer}, not ${code}`);
  }
  if (own.items.some(({ orgId }) => orgId !== red.id)) open.push('its list of runs holds runs of others');
  const evidence = { runIds: [run.id], figures: { tries: tries.length + 1 } };
  return open.length === 0 ? held(`${tries.length + 1} tries of ${red.id} to get at ${blue.id} were refused`, evidence) : broken(open.join('; '), evidence);
}

export async function checkSecrets(bed: TestBed): Promise<Finding> {
  const { signal } = bed.deps;
  try {
    await bed.blue.client.secrets.set('VERIFY_SECRET', bed.token, { signal });
  } catch (error) {
    if (errorCodeOf(error) !== 'SECRETS_UNAVAILABLE') throw error;
    return broken(`${messageOf(error)}: give API and workers BULLPEN_SECRETS_KEY`);
  }
  bed.hasSecret = true;
  const [own, others] = await Promise.all([bed.blue.client.secrets.list({ signal }), bed.red.client.secrets.list({ signal })]);
  if (JSON.stringify(own).includes(bed.token)) return broken('the API gave the value of a secret back');
  if (others.items.length > 0) return broken(`${bed.red.id} sees secrets that it never set`);
  return held('kept for one organization, listed without its value, not seen by the other', { figures: { secrets: own.items.length } });
}

async function codeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return 'success';
  } catch (error) {
    if (!(error instanceof BullpenError) && errorCodeOf(error) === undefined) throw error;
    return errorCodeOf(error) ?? 'an error without a code';
  }
}
