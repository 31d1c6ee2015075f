import { randomBytes } from 'node:crypto';

import { BullpenError, isTerminal, type Run, type Tier } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { showProgress } from '../progress.ts';
import { renderTable } from '../table.ts';

export interface BenchOptions {
  runs: number;
  atOnce: number;
  tier: Tier;
}

const AGENT = 'export default { name: "nothing", run: (input) => input };\n';
/** Not measured: the first runs of an agent start its containers. */
const WARM_UP_SHARE = 0.1;

/**
 * `bullpen bench`: posts runs of an agent that does nothing, each waited for, and tells how long they took; on an organization
 * that is made for it and removed. `bullpen bench NAME`: one of the checkout's benchmarks.
 */
export const benchCommand: CommandAction<BenchOptions> = async (invocation, ...args) => {
  const { output, options, deps } = invocation;
  if (args.length > 0) return deps.inCheckout('bench', [...args, ...(options.json === true ? ['--json'] : [])]);
  const admin = invocation.adminClient();
  const orgId = `bench-${randomBytes(4).toString('hex')}`;
  try {
    await admin.organizations.create({ id: orgId, poolMb: 16_384 }, { signal: deps.interrupted });
    const { secret } = await admin.keys.create({ orgId }, { signal: deps.interrupted });
    const client = deps.connect({ baseUrl: invocation.adminConnection().baseUrl, apiKey: secret });
    await client.agents.deploy('nothing', { bundle: AGENT, manifest: { tier: options.tier } }, { signal: deps.interrupted });
    const figures = figuresOf(await measure(invocation, client));
    output.live(null);
    if (options.json === true) output.json({ apiUrl: invocation.adminConnection().baseUrl, tier: options.tier, atOnce: options.atOnce, ...figures });
    else for (const line of figureLines(figures, invocation)) output.result(line);
    return figures.succeeded === figures.runs ? EXIT.ok : EXIT.runFailed;
  } finally {
    output.live(null);
    await remove(admin, orgId, invocation);
  }
};

/** Also after an interrupt, and where it was never made. */
async function remove(admin: BullpenClient, orgId: string, { output }: Invocation): Promise<void> {
  try {
    await admin.organizations.delete(orgId);
  } catch (error) {
    if ((error as { code?: string }).code !== 'NOT_FOUND') output.note(`${orgId} is still there: npx bullpen orgs delete ${orgId} --yes`);
  }
}

interface Measured {
  /** From sending the request to its answer, ms. */
  clientMs: number;
  run: Run;
}

async function measure({ deps, options, output }: Invocation<BenchOptions>, client: BullpenClient): Promise<{ measured: Measured[]; tookMs: number }> {
  const warmUp = Math.ceil(options.runs * WARM_UP_SHARE);
  const measured: Measured[] = [];
  let next = 0;
  let beganMs = 0;
  const total = warmUp + options.runs;
  const one = async (): Promise<void> => {
    for (let i = next++; i < total; i = next++) {
      if (i === warmUp) beganMs = performance.now();
      const sentMs = performance.now();
      const run = await client.runs.create({ agent: 'nothing', input: i }, { wait: '60s', signal: deps.interrupted });
      if (!isTerminal(run.state)) throw new BullpenError('INTERNAL', `the run ${run.id} is ${run.state} after a minute: \`bullpen why ${run.id}\``);
      if (i >= warmUp) measured.push({ clientMs: performance.now() - sentMs, run });
      showProgress(output, (i + 1) / total, i < warmUp ? 'warming up' : `${i + 1 - warmUp} of ${options.runs} runs`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.atOnce, total) }, one));
  return { measured, tookMs: performance.now() - beganMs };
}

function figuresOf({ measured, tookMs }: { measured: readonly Measured[]; tookMs: number }) {
  const between = (from: string | null, to: string | null): number => (from === null || to === null ? 0 : Date.parse(to) - Date.parse(from));
  return {
    runs: measured.length,
    succeeded: measured.filter(({ run }) => run.state === 'succeeded').length,
    tookMs: Math.round(tookMs),
    runsPerS: Math.round(measured.length / (tookMs / 1000)),
    answerMs: spread(measured.map(({ clientMs }) => clientMs)),
    queuedMs: spread(measured.map(({ run }) => between(run.queuedAt, run.startedAt))),
    wallMs: spread(measured.map(({ run }) => run.usage?.wallMs ?? 0)),
  };
}

type Figures = ReturnType<typeof figuresOf>;
type Spread = Record<'p50' | 'p90' | 'p99' | 'max', number>;

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0) * 10) / 10;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

function figureLines(figures: Figures, { output, options }: Invocation<BenchOptions>): string[] {
  const rows: [string, Spread][] = [['request to answer', figures.answerMs], ['in the queue', figures.queuedMs], ['in the agent', figures.wallMs]];
  const column = (name: keyof Spread) => ({ heading: name.toUpperCase(), text: ([, one]: [string, Spread]) => `${one[name]} ms`, align: 'right' as const });
  const failed = figures.succeeded === figures.runs ? '' : output.paint.red(`, ${figures.runs - figures.succeeded} did not succeed`);
  return [
    `${output.paint.bold(`${figures.runsPerS} runs/s`)}: ${figures.runs} runs of tier ${options.tier}, ${options.atOnce} at once, in ${(figures.tookMs / 1000).toFixed(1)} s${failed}`,
    ...renderTable([{ heading: '', text: ([name]: [string, Spread]) => name }, column('p50'), column('p90'), column('p99'), column('max')], rows, output.paint.dim, output.columns),
  ];
}
