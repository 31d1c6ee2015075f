import { describe, expect, it } from '@jest/globals';

import type { EngineTask, Said } from '../engine.ts';
import type { FrameToOrganizationCell } from './organization-protocol.ts';
import { OrganizationSeat } from './organization-seat.ts';

const TASK: EngineTask = {
  attemptNo: 1, bundleUrl: 'file:///bundle/x.mjs', inputJson: 'null', deadline: 0, attempt: 1,
  run: { id: 'run_1', orgId: 'acme', agent: 'a', version: 1, metadata: {} },
};
const RETURNED = '{"kind":"returned","result":1}';
const READING = { heapMb: 7, externalMb: 3, cpuMs: 40 };

/** A seat in a cell that the test plays. */
function seated() {
  const sent: FrameToOrganizationCell[] = [];
  const said: Said[] = [];
  const started: unknown[] = [];
  const listener = { onSaid: (one: Said) => said.push(one), onStarted: (atMs: unknown) => started.push(atMs), onViolation: () => undefined, onFault: () => undefined };
  const seat = new OrganizationSeat({ id: 1, limitMb: 64, listener, send: async (frame) => { sent.push(frame); } });
  const nonces = () => sent.flatMap((frame) => ('nonce' in frame ? [frame.nonce] : []));
  const of = (nonce = nonces().at(-1) ?? '') => ({ container: 1, nonce });
  return { seat, sent, said, started, nonces, of };
}

describe('the seat of a container in its organization\'s cell', () => {
  it('has opened when its thread has, and its event loop has turned', async () => {
    const { seat, of, said } = seated();
    seat.hear({ ...of(), kind: 'opened' });
    seat.hear({ ...of(), kind: 'said', line: 'settled 0' });
    await seat.opened();
    expect(said).toEqual([]);
  });

  it('gives each attempt a nonce of its own and ends it with its reply', async () => {
    const { seat, of, nonces } = seated();
    const ending = seat.run(TASK, 'sha');
    expect(seat.running).toEqual({ runId: 'run_1', sha256: 'sha' });
    seat.hear({ ...of(), kind: 'reply', text: RETURNED, dropped: 3, reading: READING, hasSettled: false });
    expect(await ending).toEqual({ kind: 'replied', reply: { kind: 'returned', result: 1 } });
    expect([seat.running, seat.droppedEvents, await seat.read()]).toEqual([null, 3, READING]);
    void seat.run(TASK, 'sha');
    expect(new Set(nonces()).size).toBe(3);
  });

  it('hears with any frame of an attempt when it began, and with its reply that it left nothing behind', async () => {
    const { seat, of, nonces, said, started } = seated();
    void seat.run({ ...TASK, attemptNo: 7 }, 'sha');
    seat.hear({ ...of(), kind: 'said', line: 'event 7 {}', startedAtMs: 1000 });
    seat.hear({ ...of(nonces().at(-2)), kind: 'started', startedAtMs: 999 });
    seat.hear({ ...of(nonces().at(-2)), kind: 'reply', text: RETURNED, dropped: 0, reading: null, hasSettled: true });
    expect([started, said.map(({ tag }) => tag)]).toEqual([[1000], ['event']]);
    seat.hear({ ...of(), kind: 'reply', text: RETURNED, dropped: 0, reading: null, hasSettled: true });
    expect(said.at(-1)).toEqual({ tag: 'settled', attemptNo: 7, rest: '' });
  });

  it('refuses what carries a nonce that was never its own', () => {
    const { seat, of } = seated();
    void seat.run(TASK, 'sha');
    expect(() => seat.hear({ ...of('forged'), kind: 'reply', text: RETURNED, dropped: 0, reading: null, hasSettled: false })).toThrow('another attempt');
  });

  it('does not take the reply to the attempt before for the one that runs', async () => {
    const { seat, of, nonces } = seated();
    const first = seat.run(TASK, 'sha');
    seat.hear({ ...of(), kind: 'reply', text: RETURNED, dropped: 0, reading: null, hasSettled: false });
    await first;
    const second = seat.run({ ...TASK, attemptNo: 2 }, 'sha');
    seat.hear({ ...of(nonces().at(-2)), kind: 'reply', text: RETURNED, dropped: 0, reading: null, hasSettled: false });
    seat.hear({ ...of(), kind: 'died', how: { kind: 'exited', exitCode: 3 }, dropped: 0 });
    expect(await second).toEqual({ kind: 'died', how: { kind: 'exited', exitCode: 3 } });
  });

  it('ends its attempt, its opening and its measuring when the cell is gone', async () => {
    const { seat, of } = seated();
    const ending = seat.run(TASK, 'sha');
    const measured = seat.read();
    seat.end({ kind: 'cell_lost' });
    await seat.gone;
    expect(await ending).toEqual({ kind: 'died', how: { kind: 'cell_lost' } });
    await expect(measured).rejects.toThrow('gone');
    await expect(seat.opened()).rejects.toThrow('lost');
    seat.hear({ ...of(), kind: 'gone', message: 'late' });
    expect(seat.hasEnded).toBe(true);
  });

  it('charges a thread that tells nothing with what the cell used while it ran alone', async () => {
    const { seat, of } = seated();
    void seat.run(TASK, 'sha');
    const told = seat.read();
    seat.hear({ ...of(), kind: 'reading', reading: READING, dropped: 0 });
    await told;
    const untold = seat.read();
    seat.noteCellCpu(1000);
    seat.noteCellCpu(1250);
    seat.end({ kind: 'failed', message: 'killed' });
    expect(await untold).toEqual({ ...READING, cpuMs: 290 });
  });
});
