import { describe, expect, it } from '@jest/globals';
import { BullpenError, SIZE_CAPS } from '@bullpen/core';
import fc from 'fast-check';

import { AttemptCalls } from './attempt-calls.ts';

interface Asked {
  readonly method: string;
  readonly signal: AbortSignal;
  readonly answer: PromiseWithResolvers<unknown>;
}

function callsOf(answerAtOnce?: (method: string, params: unknown) => unknown, caps: Record<'callBytes' | 'callsInFlight' | 'callsPerAttempt' | 'callBytesPerAttempt', number> = SIZE_CAPS) {
  const asked: Asked[] = [];
  const said: unknown[] = [];
  const calls = new AttemptCalls({
    async call(method, params, signal) {
      if (answerAtOnce !== undefined) return answerAtOnce(method, params);
      const answer = Promise.withResolvers<unknown>();
      asked.push({ method, signal, answer });
      return answer.promise;
    },
    onLimit: () => undefined,
  }, (json) => { said.push(JSON.parse(json)); }, caps);
  return { calls, asked, said };
}

const settled = () => new Promise<void>((resolve) => { setImmediate(resolve); });

describe('the calls of an attempt', () => {
  it('are answered by their number, in the order in which answers come', async () => {
    const { calls, asked, said } = callsOf();
    calls.takeText('{"id":1,"method":"a","params":{}}');
    calls.takeText('{"id":2,"method":"b","params":{}}');
    asked[1]?.answer.resolve('second');
    await settled();
    asked[0]?.answer.reject(new BullpenError('KV_LIMIT', 'too much'));
    await settled();
    expect(said).toEqual([{ id: 2, ok: true, value: 'second' }, { id: 1, ok: false, code: 'KV_LIMIT', message: 'too much' }]);
  });

  it('say nothing of the insides of a fault of ours', async () => {
    const { calls, said } = callsOf(() => { throw new Error('password=hunter2'); });
    calls.takeText('{"id":1,"method":"a","params":{}}');
    await settled();
    expect(said).toEqual([{ id: 1, ok: false, code: 'INTERNAL', message: 'a fault of Bullpen' }]);
  });

  it('are aborted and not answered any more once the attempt is over', async () => {
    const { calls, asked, said } = callsOf();
    calls.takeText('{"id":1,"method":"a","params":{}}');
    calls.close();
    expect(asked[0]?.signal.aborted).toBe(true);
    asked[0]?.answer.resolve('late');
    calls.takeText('{"id":2,"method":"a","params":{}}');
    await settled();
    expect([said, asked.length]).toEqual([[], 1]);
  });

  it('are not heard where they are no calls, or repeat a number that is under way', async () => {
    const { calls, asked, said } = callsOf();
    const forged = ['', 'null', '{', '[]', '{"id":0,"method":"a","params":{}}', '{"id":1.5,"method":"a"}', '{"id":"1","method":"a"}', '{"id":1,"method":""}', '{"id":1,"method":"a","params":{},"runId":"run_2"}'];
    for (const json of forged) calls.takeText(json);
    calls.takeText('{"id":7,"method":"a","params":{}}');
    calls.takeText('{"id":7,"method":"b","params":{}}');
    await settled();
    expect([asked.map(({ method }) => method), said]).toEqual([['a'], []]);
  });

  it('never throw and never answer a number that was not asked, whatever is sent', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.json(), fc.record({ id: fc.anything(), method: fc.anything() }).map((value) => JSON.stringify(value) ?? ''))), async (texts) => {
      const { calls, said } = callsOf(() => null);
      for (const text of texts) calls.takeText(text);
      await settled();
      const ids = texts.flatMap((text) => { try { return [(JSON.parse(text) as { id?: unknown } | null)?.id]; } catch { return []; } });
      expect((said as { id: number }[]).every(({ id }) => ids.includes(id))).toBe(true);
    }));
  });

  it('are refused beyond what may be under way at once', async () => {
    const { calls, asked, said } = callsOf();
    for (let id = 1; id <= SIZE_CAPS.callsInFlight + 2; id += 1) calls.takeText(JSON.stringify({ id, method: 'a', params: {} }));
    await settled();
    expect(asked).toHaveLength(SIZE_CAPS.callsInFlight);
    expect(said).toMatchObject([{ id: SIZE_CAPS.callsInFlight + 1, code: 'CALL_REFUSED' }, { id: SIZE_CAPS.callsInFlight + 2, code: 'CALL_REFUSED' }]);
  });

  it('are refused beyond what an attempt may ask in all, by count and by bytes', async () => {
    const { calls, said } = callsOf(() => null, { ...SIZE_CAPS, callsPerAttempt: 5, callBytesPerAttempt: 10_000 });
    for (let id = 1; id <= 6; id += 1) calls.takeText(JSON.stringify({ id, method: 'a', params: {} }));
    await settled();
    expect(said).toHaveLength(6);
    expect(said.filter((answer) => !(answer as { ok: boolean }).ok)).toMatchObject([{ id: 6, code: 'CALL_REFUSED' }]);
    const large = callsOf(() => null, { ...SIZE_CAPS, callBytesPerAttempt: 10_000 });
    for (let id = 1; id <= 3; id += 1) large.calls.takeText(JSON.stringify({ id, method: 'a', params: { padding: 'x'.repeat(4000) } }));
    await settled();
    expect(large.said).toHaveLength(3);
    expect(large.said.filter((answer) => !(answer as { ok: boolean }).ok)).toMatchObject([{ id: 3, code: 'CALL_REFUSED' }]);
  });
});
