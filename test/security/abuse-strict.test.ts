import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SIZE_CAPS } from '@bullpen/core';

import { agent, endingOf, startRig, valueOf, type Answer, type Asked, type Rig } from '../integration/runtime-rig.ts';
import { requireProgram } from '../services/programs.ts';

jest.setTimeout(120_000);

/**
 * What a hostile or broken agent does in tier strict, and what must happen. The agents are files: each can be deployed
 * and run by hand. While one runs, runs of another organization are in flight on the same worker, and must succeed.
 * Targets: K killed, D denied, N a normal error of the run, I inert to everybody else.
 */
interface Case {
  readonly file: string;
  readonly target: 'K' | 'D' | 'N' | 'I';
  /** `state/CODE`, or what the agent returned. */
  readonly ending: RegExp;
  readonly asked?: Asked;
}

const SHORT: Asked = { timeoutMs: 400 };
const TIMED_OUT = /^timed_out\/TIMED_OUT$/;
const OUT_OF_MEMORY = /^out_of_memory\/OUT_OF_MEMORY$/;
const BROKE_THE_PIPE = /^crashed\/CONTAINER_CRASHED$/;
const DENIED = /^"denied"$/;
const INERT = /^"inert"$/;
const denied = (file: string): Case => ({ file, target: 'D', ending: DENIED });
const inert = (file: string): Case => ({ file, target: 'I', ending: INERT });
const killed = (file: string, ending: RegExp, asked: Asked = {}): Case => ({ file, target: 'K', ending, asked });
const normal = (file: string, ending: RegExp): Case => ({ file, target: 'N', ending });

const CASES: Case[] = [
  inert('01-constructor-escape'), inert('02-host-realm'), inert('05-inspect-hooks'), inert('06-async-generator'),
  killed('08-process-exit', /^crashed\/AGENT_EXITED$/), killed('08-process-really-exit', /^crashed\/AGENT_EXITED$/),
  killed('09-process-abort', BROKE_THE_PIPE), killed('09-process-kill-self', BROKE_THE_PIPE), killed('09-process-stop-self', TIMED_OUT, SHORT),
  killed('09-system-break', BROKE_THE_PIPE),
  denied('10-kill-others'), inert('11-chdir-umask'), denied('12-bindings-addons'), inert('13-environment'), denied('14-proc'), inert('15-poison'),
  killed('16-endless-loop', TIMED_OUT, SHORT), killed('17-microtasks', TIMED_OUT, SHORT), killed('17-promise-flood', /^(timed_out|out_of_memory)\//, SHORT),
  killed('18-regular-expression', TIMED_OUT, SHORT), killed('19-atomics-wait', TIMED_OUT, SHORT), killed('20-native-call', TIMED_OUT, SHORT),
  killed('21-heap', OUT_OF_MEMORY), killed('22-large-array', OUT_OF_MEMORY), killed('23-buffers', OUT_OF_MEMORY), killed('23-one-buffer', OUT_OF_MEMORY),
  killed('24-shared-memory', OUT_OF_MEMORY), killed('24-webassembly', OUT_OF_MEMORY), killed('24-resizable', OUT_OF_MEMORY),
  normal('25-string-doubling', /^failed\/AGENT_THREW$/), normal('26-recursion', /^failed\/AGENT_THREW$/),
  denied('27-nested-threads'), denied('28-fork-bomb'), denied('29-connect'), denied('30-udp-dns'), denied('31-symlink'),
  killed('32-large-result', /^failed\/RESULT_TOO_LARGE$/), killed('32-large-log', /^failed\/EVENT_TOO_LARGE$/), killed('32-large-frame', BROKE_THE_PIPE),
  normal('33-cyclic-result', /^failed\/RESULT_NOT_SERIALIZABLE$/), normal('33-function-result', /^failed\/RESULT_NOT_SERIALIZABLE$/),
  normal('33-bigint-result', /^failed\/RESULT_NOT_SERIALIZABLE$/),
  normal('34-throw-null', /^failed\/AGENT_THREW$/), normal('34-throw-undefined', /^failed\/AGENT_THREW$/), normal('34-throwing-stack', /^failed\/AGENT_THREW$/),
  { file: '35-flood', target: 'N', ending: /^"flooded"$/ },
  inert('36-leftovers'), killed('37-thenable', TIMED_OUT, SHORT),
  { file: '38-forged-frame', target: 'I', ending: BROKE_THE_PIPE }, { file: '38-garbage', target: 'I', ending: BROKE_THE_PIPE },
];

const sourceOf = (file: string): string => readFileSync(join(import.meta.dirname, 'agents', `${file}.mjs`), 'utf8');

function gotOf(answer: Answer): string {
  return answer.outcome.kind === 'succeeded' ? answer.outcome.resultJson : endingOf(answer);
}

/** Runs of another organization, one after the other, from before the hostile one until after it. */
async function withCanary(rig: Rig, hostile: () => Promise<Answer>): Promise<Answer> {
  const bundle = agent('await new Promise((done) => setTimeout(done, 20)); return [input * 2, JSON.stringify({ a: [1] }), globalThis.poisoned ?? "clean"]');
  const running = Promise.withResolvers<void>();
  let isOver = false;
  const singing = (async () => {
    for (let i = 0; !isOver || i < 1; i += 1) {
      const sung = await rig.run(bundle, { orgId: 'canary', tier: 'strict', input: 21, onStarted: running.resolve });
      expect(valueOf(sung)).toEqual([42, '{"a":[1]}', 'clean']);
    }
  })();
  await running.promise;
  const answer = await hostile();
  isOver = true;
  await singing;
  return answer;
}

describe('a hostile or broken agent in tier strict', () => {
  const table: string[] = [];
  let rig: Rig;
  let listening: Server;
  const connections: unknown[] = [];
  beforeAll(async () => {
    requireProgram('bubblewrap');
    rig = await startRig({ tiers: ['strict'] });
    listening = createServer((socket) => connections.push(socket.destroy())).listen(0, '127.0.0.1');
    await once(listening, 'listening');
  });
  afterAll(async () => {
    await rig.stop();
    listening.close();
    process.stdout.write(`case / target / got in tier strict\n${table.join('\n')}\n`);
  });

  it('has its wall on this machine, as the self-test found', () => {
    const strict = rig.manager.isolation()?.tiers.find(({ tier }) => tier === 'strict');
    expect(rig.manager.isolation()?.probes).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'bubblewrap', works: true })]));
    expect(strict).toMatchObject({ isBuilt: true, achieved: strict?.target });
    expect(strict?.cases.length).toBeGreaterThan(10);
  });

  it.each(CASES)('$target $file', async ({ file, target, ending, asked }) => {
    const input = { ports: [(listening.address() as AddressInfo).port] };
    const answer = await withCanary(rig, () => rig.run(sourceOf(file), { tier: 'strict', input, ...asked }));
    table.push(`${file} / ${target} / ${gotOf(answer)}`);
    expect(gotOf(answer)).toMatch(ending);
    expect(connections).toEqual([]);
  });

  it('is held to its memory with at most a quarter over it', async () => {
    for (const file of ['21-heap', '23-buffers', '24-shared-memory', '24-webassembly', '24-resizable']) {
      const { outcome } = await rig.run(sourceOf(file), { tier: 'strict' });
      table.push(`${file} / <= 80 MB of 64 / ${Math.round(outcome.usage.peakHeapMb)} MB`);
      expect(outcome.usage.peakHeapMb).toBeLessThanOrEqual(80);
    }
  });

  it('floods the log, and the drops are counted and said', async () => {
    const { events } = await rig.run(sourceOf('35-flood'), { tier: 'strict' });
    expect(events).toHaveLength(SIZE_CAPS.eventsPerAttempt + 1);
    expect(events.at(-1)).toEqual({ type: 'dropped', count: 50_000 - SIZE_CAPS.eventsPerAttempt });
  });

  it('burns more CPU than two cores would in its time, and is stopped', async () => {
    const thrifty = await startRig({ tiers: ['strict'], cpuPerWall: 0.1 });
    expect(endingOf(await thrifty.run(sourceOf('16-endless-loop'), { tier: 'strict', timeoutMs: 3000 }))).toBe('cpu_exceeded/CPU_EXCEEDED');
    await thrifty.stop();
  });
});
