import type { IsolationReport, Tier, WorkerSnapshot } from '@bullpen/core';

import { broken, held, type Finding } from './findings.ts';
import type { TestBed } from './test-bed.ts';

/** What the agent `walls` tries, and what each try came to; `REACHED ...` where something was got at. */
const TRIES = ['environment', 'memory', 'files', 'processes', 'entries', 'secrets', 'egress', 'network'] as const;
type Tries = Record<(typeof TRIES)[number], string>;

/** Tier basic is a thread of the worker: files, processes and the network are not walled off there, see docs/isolation.md. */
const NOT_PROMISED: Readonly<Record<Tier, readonly (keyof Tries)[]>> = { basic: ['files', 'processes', 'network'], enhanced: [], strict: [] };

/** Why no run of this tier can be tried, or null where one can. */
export async function tierFault(bed: TestBed, tier: Tier): Promise<string | null> {
  const { workers } = await bed.deps.admin.admin.status({ signal: bed.deps.signal });
  const tiers = workers.map((worker) => tierOf(worker, tier));
  if (tiers.length === 0) return 'no worker is connected';
  if (tiers.some((one) => one === undefined || one.isBuilt)) return null;
  return `no worker can build tier ${tier}: ${tiers[0]?.achieved ?? ''} (\`bullpen doctor --isolation\` says what is missing)`;
}

const tierOf = ({ isolation }: WorkerSnapshot, tier: Tier): IsolationReport['tiers'][number] | undefined => isolation?.tiers.find((one) => one.tier === tier);

/** Runs of two organizations at once in this tier, of which one looks for what the other keeps. */
export const checkWalls = (tier: Tier) => async (bed: TestBed): Promise<Finding> => {
  const fault = await tierFault(bed, tier);
  if (fault !== null) return broken(fault);
  const { signal } = bed.deps;
  const { token } = bed;
  const keeper = await bed.blue.client.runs.create({
    agent: 'walls', tier, timeoutMs: 120_000, input: { role: 'keep', token, hasSecret: bed.hasSecret, writesFile: tier !== 'basic' },
  }, { signal });
  try {
    const ready = await keptOrEnded(bed, keeper.id);
    if (ready !== null) return broken(ready, { runIds: [keeper.id] });
    const run = await bed.run<Tries>(bed.red.client, { agent: 'walls', tier, timeoutMs: 60_000, input: { role: 'try', token, apiPort: bed.apiPort, addresses: addresses(bed) } });
    const runIds = [run.id, keeper.id];
    if (run.state !== 'succeeded' || run.result === null) return broken(`the run that tries ended as ${run.state}: ${run.error?.code ?? ''} ${run.error?.message ?? ''}`, { runIds });
    return judge(tier, run.result, bed.hasSecret, runIds);
  } finally {
    // Also after an interrupt; it may have ended by itself.
    await bed.blue.client.runs.cancel(keeper.id).catch(() => undefined);
  }
};

const addresses = ({ apiPort }: TestBed): string[] => [`http://127.0.0.1:${apiPort}/healthz`, `http://[::1]:${apiPort}/healthz`, 'http://169.254.169.254/', 'http://10.0.0.1/'];

/** Null when the token is kept and its owner can read it. */
async function keptOrEnded(bed: TestBed, runId: string): Promise<string | null> {
  for await (const item of bed.blue.client.runs.events(runId, { signal: AbortSignal.any([bed.deps.signal, AbortSignal.timeout(60_000)]) })) {
    if (item.kind === 'event' && item.event.type === 'emit' && item.event.name === 'kept') {
      return (item.event.data as { readsOwn: boolean }).readsOwn ? null : 'an organization cannot read back its own entry and secret';
    }
    if (item.kind === 'end') return `the run that keeps ended as ${item.run.state}: ${item.run.error?.code ?? ''} ${item.run.error?.message ?? ''}`;
  }
  return 'the run that keeps said nothing';
}

function judge(tier: Tier, tries: Tries, hasSecret: boolean, runIds: string[]): Finding {
  const refusals: Partial<Tries> = { secrets: 'SECRET_NOT_FOUND', egress: 'EGRESS_DENIED' };
  const asked = TRIES.filter((name) => !NOT_PROMISED[tier].includes(name) && (name !== 'secrets' || hasSecret));
  const holds = (name: keyof Tries): boolean => (refusals[name] === undefined ? !tries[name].startsWith('REACHED') : tries[name] === refusals[name]);
  const open = asked.filter((name) => !holds(name));
  if (open.length > 0) return broken(open.map((name) => `${name}: ${tries[name]}`).join('; '), { runIds, figures: tries });
  const left = NOT_PROMISED[tier].length === 0 ? '' : ` (${NOT_PROMISED[tier].join(', ')}: not promised in this tier)`;
  return held(`nothing was got at by ${asked.join(', ')}${left}`, { runIds, figures: { ...tries, tries: asked.length } });
}

/** The self-tests that every worker makes at its start: runs are tried on one of them only. */
export async function checkWorkers(bed: TestBed): Promise<Finding> {
  const { workers } = await bed.deps.admin.admin.status({ signal: bed.deps.signal });
  const faults = workers.flatMap((worker) => (worker.isolation?.tiers ?? []).flatMap((tier) => {
    const failed = tier.cases.filter(({ passed }) => !passed).map(({ name }) => name);
    if (tier.isBuilt && tier.achieved === tier.target && failed.length === 0) return [];
    return [`${worker.id} (${worker.host}), ${tier.tier}: ${failed.length > 0 ? `did not hold: ${failed.join(', ')}` : tier.achieved}`];
  }));
  const silent = workers.filter(({ isolation }) => isolation === undefined).map(({ id }) => `${id} has not told what it can enforce`);
  const cases = workers.flatMap(({ isolation }) => isolation?.tiers ?? []).reduce((sum, tier) => sum + tier.cases.length, 0);
  const figures = { workers: workers.length, cases };
  if (faults.length + silent.length > 0) return broken([...faults, ...silent].join('; '), { figures });
  return held(`${cases} cases held in the self-tests of ${workers.length} worker${workers.length === 1 ? '' : 's'}; every tier is at its target`, { figures });
}
