import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isTerminal } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { ADMIN_KEY, deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

const EVENTS = 4000;

describe.each<QueueBackend>(['redis', 'postgres'])('what a run says, live, with the queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    system = await startSystem({ queue });
    acme = await system.organization('acme');
    await deploy(acme, 'talker', `async (n, ctx) => { for (let i = 0; i < n; i += 1) ctx.emit("n", { i, pad: "x".repeat(1000) }); return n; }`);
  });
  afterAll(async () => { await system.stop(); });

  /** The stream as it comes, from the event after `after`. */
  async function open(runId: string, after: number | null, signal: AbortSignal): Promise<ReadableStreamDefaultReader<Uint8Array>> {
    const response = await fetch(`${system.apis[0]!.url()}/v1/runs/${runId}/events`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': 'acme', ...(after === null ? {} : { 'last-event-id': String(after) }) },
      signal,
    });
    return response.body!.getReader();
  }

  /** Numbers of the events in what is read until the end, or until there are `most`. */
  async function seqsOf(reader: ReadableStreamDefaultReader<Uint8Array>, most = Infinity): Promise<number[]> {
    let text = '';
    const decoder = new TextDecoder();
    const seqs = (): number[] => [...text.matchAll(/^id: (\d+)\n/gm)].map((match) => Number(match[1]));
    for (;;) {
      const { done, value } = await reader.read();
      if (value) text += decoder.decode(value, { stream: true });
      if (done || seqs().length >= most) return seqs().slice(0, most);
    }
  }

  it('waits for a subscriber that does not read, and then gives it everything in order, once', async () => {
    const run = await acme.runs.create({ agent: 'talker', input: EVENTS });
    const closing = new AbortController();
    const slow = await open(run.id, null, closing.signal);
    await eventually('the run ends', async () => (isTerminal((await acme.runs.get(run.id)).state) ? true : undefined));
    const seqs = await seqsOf(slow);
    expect(seqs).toHaveLength(EVENTS);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(new Set(seqs).size).toBe(EVENTS);
    closing.abort();
  });

  it('is resumed by number: who was cut off gets what he has not had, and nothing twice', async () => {
    const run = await acme.runs.create({ agent: 'talker', input: 500 });
    const cut = new AbortController();
    const before = await seqsOf(await open(run.id, null, cut.signal), 123);
    cut.abort();
    const after = await seqsOf(await open(run.id, before.at(-1)!, new AbortController().signal));
    expect(before).toHaveLength(123);
    expect([...before, ...after]).toEqual(Array.from({ length: 500 }, (_, i) => before[0]! + i));
  });

  it('beyond the cap of an attempt is dropped, and the reader is told how much', async () => {
    const run = await acme.runs.create({ agent: 'talker', input: 12_000 });
    await acme.runs.wait(run.id);
    let dropped = 0;
    let kept = 0;
    for await (const item of acme.runs.events(run.id, { follow: false })) {
      if (item.kind !== 'event') continue;
      if (item.event.type === 'dropped') dropped += item.event.count;
      else kept += 1;
    }
    expect(dropped).toBeGreaterThan(0);
    expect(kept + dropped).toBe(12_000);
  });
});
